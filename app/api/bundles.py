"""Uploading folders: definitions and training pipelines, as archives."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from app.api.service import Api, Who
from app.api.views import BundleView
from app.bundles.limits import MAX_PACKED
from app.bundles.store import keep
from app.errors import TooLarge

router = APIRouter(prefix="/v1/bundles", tags=["bundles"])


@router.post("", status_code=201, summary="Upload a folder as .tar.gz")
async def upload(api: Api, _who: Who, request: Request, response: Response) -> BundleView:
    """Kept under the digest of its content: the same folder again is the same bundle."""
    archive = await _body(request)

    def store(session: Session) -> str:
        return keep(session, archive, now=datetime.now(UTC))

    digest = await run_in_threadpool(api.database.transact, store)
    response.headers["Location"] = f"/v1/bundles/{digest}"
    return BundleView(digest=digest, size=len(archive))


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is longer than a bundle may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PACKED:
            raise TooLarge(
                f"The bundle is larger than {MAX_PACKED // 2**20} MiB.",
                code="bundle_too_large",
                hint="Leave data and model files out: they belong into Azure ML's storage.",
            )
    return bytes(body)
