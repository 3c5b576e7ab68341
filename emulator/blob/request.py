"""What every storage route starts from: which account, container and blob, and that the caller may."""

from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote
from xml.sax.saxutils import escape

from fastapi import Request, Response

from emulator.blob import authorization, files
from emulator.errors import AzureError, NotFound
from emulator.state import Emulator
from emulator.storage import STORAGE_SUFFIX

# The first path segment that is a storage account; a registry's containers stand alone, see ``registry``.
ACCOUNT = "/{account}.blob." + STORAGE_SUFFIX
REGISTRY_CONTAINER = "/registry-{container}"

VERSION = "2025-01-05"


class ConditionNotMet(AzureError):
    status: ClassVar[int] = 412
    default_code = "ConditionNotMet"


class InvalidRange(AzureError):
    status: ClassVar[int] = 416
    default_code = "InvalidRange"


@dataclass(frozen=True)
class Target:
    """The container or blob that a request is about, after its authorization was checked."""

    azure: Emulator
    request: Request
    account: str
    container: str
    blob: str

    @property
    def folder(self) -> Path:
        return files.folder(self.azure, self.account, self.container)

    @property
    def path(self) -> Path:
        return files.inside(self.folder, self.blob)

    @property
    def is_plain(self) -> bool:
        """Whether the name is one that a file can have: storage itself allows "a//b" and "a/"."""
        return all(part not in ("", ".") for part in self.blob.split("/"))

    def require_container(self) -> None:
        if not self.folder.is_dir():
            raise NotFound("The specified container does not exist.", code="ContainerNotFound")


def open_target(
    azure: Emulator, request: Request, *, account: str | None, container: str, blob: str, needs: str
) -> Target:
    """Check who asks and give what is asked about; ``account`` is None for a registry's container."""
    request.state.storage = True
    if account is None:
        container = f"registry-{container}"
        owner = azure.store.get("registry_containers", container)
        if owner is None:
            raise NotFound("The specified container does not exist.", code="ContainerNotFound")
        account = str(owner["account"])
    query = [part.partition("=") for part in request.url.query.split("&") if part]
    authorization.check(
        azure,
        authorization.StorageRequest(
            method=request.method,
            raw_path=request.scope["raw_path"].decode(),
            query=[(unquote(name), unquote(value)) for name, _, value in query],
            headers=request.headers,
            account=account,
            container=container,
            blob=blob,
        ),
        needs=needs,
    )
    return Target(azure, request, account, container, blob)


def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def error_response(error: AzureError, *, method: str) -> Response:
    """A refusal as storage words it: XML, and the code in a header too."""
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error>"
    )
    headers = {"x-ms-error-code": error.code, "x-ms-version": VERSION}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer resource_id="https://storage.azure.com"'
    return Response(
        b"" if method == "HEAD" else body, status_code=error.status, headers=headers, media_type="application/xml"
    )
