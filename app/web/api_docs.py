"""The API documentation in Swagger UI. Its files are served here, so that no other host runs scripts on the portal's origin."""

from functools import partial
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from app.web.pages import HEADERS, page, policy

router = APIRouter(include_in_schema=False)

_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# Of the portal's policy it takes two things back: it sets styles on elements, and draws its icons from data: addresses. Scripts
# stay those of this service, and it talks to this service only.
_HEADERS = {**HEADERS, "Content-Security-Policy": policy(style="'self' 'unsafe-inline'", img="'self' data:")}


@router.get("/docs")
def docs() -> HTMLResponse:
    answer = page("api_docs.html")
    answer.headers.update(_HEADERS)
    return answer


def _send(name: str) -> Response:
    content = files("fastapi_offline").joinpath("static", name).read_bytes()
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=_FILES[name], headers=headers)


for _name in _FILES:
    router.add_api_route(f"/assets/{_name}", partial(_send, _name), methods=["GET"])
