"""Uploading folders as archives: definitions and training jobs."""

import hashlib
from tempfile import SpooledTemporaryFile

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Requester
from app.api.receiving import receive_bundle
from app.api.service import Api
from app.api.views import BundleView
from app.bundles.archive import check_archive
from app.bundles.store import keep
from app.bundles.unpack import enough_disk
from app.releasing.work import Work

router = APIRouter(prefix="/v1/bundles", tags=["bundles"])

IN_MEMORY = 64 * 1024  # bytes of an upload; the rest is on disk


@router.post(
    "",
    status_code=201,
    response_model=BundleView,
    responses=refusals(413),
    summary="Upload a folder as .tar.gz",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "At most 16 MiB packed, 64 MiB and 2,000 files unpacked; files and folders only.",
            "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def create_bundle(api: Api, once: Once, who: Requester, request: Request) -> Response:
    """Stored by the digest of its content: uploading the same folder again gives the same bundle."""

    def store(content: bytes, digest: str) -> Response:
        def act(work: Work) -> Answer:
            kept = keep(work, content, digest=digest, now=work.now)
            return Answer(201, BundleView(digest=kept, size=len(content)))

        return once(who, act, body=hashlib.sha256(content).hexdigest())

    async with api.uploads.slot():
        # To disk, as it comes: a caller may take its time.
        with enough_disk(), SpooledTemporaryFile(max_size=IN_MEMORY) as archive:
            async for part in receive_bundle(request.scope, request.receive):
                await run_in_threadpool(archive.write, part)
            archive.seek(0)
            content = await run_in_threadpool(archive.read)
        digest = await run_in_threadpool(check_archive, content)  # before its turn to write: it may take a while
        async with api.writes.slot():
            return await run_in_threadpool(store, content, digest)
