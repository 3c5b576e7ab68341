"""The portal's static files."""

from functools import partial
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parent / "assets"
_FILES = {
    "portal.css": "text/css",
    "live.js": "text/javascript",
    "docs.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def _send(name: str) -> FileResponse:
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return FileResponse(_FOLDER / name, media_type=_FILES[name], headers=headers)


for _name in _FILES:
    router.add_api_route(f"/assets/{_name}", partial(_send, _name), methods=["GET"])
