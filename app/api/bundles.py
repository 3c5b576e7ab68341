"""Uploading folders: definitions and training pipelines, as archives."""

import hashlib

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from app.api.documentation import refusals
from app.api.idempotency import Answer, IdempotencyKey, once
from app.api.permissions import Requester
from app.api.service import Api
from app.api.views import BundleView
from app.bundles.archive import check_archive
from app.bundles.store import keep

router = APIRouter(prefix="/v1/bundles", tags=["bundles"])


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
async def upload(api: Api, who: Requester, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """Kept under the digest of its content: the same folder again is the same bundle."""
    archive = await request.body()
    asking = api.asking(who)

    def store() -> Response:
        digest = check_archive(archive)  # before any transaction: it may take a while

        def work(session: Session) -> Answer:
            return Answer(
                201, BundleView(digest=keep(session, archive, digest=digest, now=asking.now), size=len(archive))
            )

        sent = hashlib.sha256(archive).hexdigest()
        return once(api.database, asking, key=idempotency_key, route="POST /v1/bundles", request=sent, work=work)

    return await run_in_threadpool(store)
