"""Who may use a storage account: its key (Shared Key), a SAS signed with its key, or a bearer token.

After "Authorize with Shared Key" and "Create a service SAS" in Microsoft's storage documentation.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from emulator.errors import Forbidden, Unauthorized
from emulator.identity import authenticate, authorize
from emulator.state import Emulator
from emulator.storage import STORAGE_SUFFIX

SAS_VERSION = "2025-01-05"


@dataclass(frozen=True)
class StorageRequest:
    """The parts of a request that its signature covers."""

    method: str
    raw_path: str  # still percent-encoded, with the account
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    account: str
    container: str
    blob: str

    def parameter(self, name: str) -> str:
        return next((value for key, value in self.query if key.lower() == name), "")


def sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def container_sas(key: str, *, account: str, container: str, permissions: str, hours: int = 8) -> str:
    """A SAS for everything in a container, as a query string."""
    start = _sas_time(datetime.now(UTC) - timedelta(minutes=5))
    end = _sas_time(datetime.now(UTC) + timedelta(hours=hours))
    fields = {"sp": permissions, "st": start, "se": end, "sr": "c", "sv": SAS_VERSION, "spr": "https"}
    fields["sig"] = sign(key, _sas_text(fields, resource=f"/blob/{account}/{container}"))
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())


def check(azure: Emulator, request: StorageRequest, *, needs: str) -> None:
    """Raise unless the request may do what it wants; ``needs`` is a SAS permission: r, w, c, a, d or l."""
    account = azure.store.get("accounts", request.account)
    if account is None:
        raise AuthenticationFailed(f"The storage account {request.account} does not exist.")
    key = str(account["key"])
    header = request.headers.get("authorization", "")
    if request.parameter("sig"):
        _check_sas(request, key=key, needs=needs)
    elif header.startswith("SharedKey "):
        _check_shared_key(request, key=key, header=header)
    elif header.lower().startswith("bearer "):
        principal = authenticate(azure, header)
        verb = {"r": "read", "l": "read", "d": "delete"}.get(needs, "write")
        authorize(
            principal,
            f"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{verb}",
            scope=str(account["scope"]),
        )
    else:
        raise Unauthorized(
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
            code="NoAuthenticationInformation",
        )


class AuthenticationFailed(Forbidden):
    """Storage's own word for a wrong key or signature."""

    default_code = "AuthenticationFailed"


class AuthorizationPermissionMismatch(Forbidden):
    default_code = "AuthorizationPermissionMismatch"


def _names(account: str, *, authority: str) -> list[str]:
    """What clients take for the account's name in what they sign: its name, its path, or what stands in a datastore."""
    return [account, f"{account}.blob.{STORAGE_SUFFIX}", f"{authority}/{account}"]


def _check_sas(request: StorageRequest, *, key: str, needs: str) -> None:
    fields = {name: request.parameter(name) for name in _SAS_FIELDS if request.parameter(name)}
    fields["sig"] = request.parameter("sig")
    scope = f"/{request.container}" if fields.get("sr") == "c" else f"/{request.container}/{request.blob}"
    authority = request.headers.get("host", "")
    signatures = [
        sign(key, _sas_text(fields, resource=f"/blob/{name}{scope}"))
        for name in _names(request.account, authority=authority)
    ]
    if not any(hmac.compare_digest(each, fields["sig"]) for each in signatures):
        raise AuthenticationFailed(
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
            "including the signature."
        )
    now = datetime.now(UTC)
    if (fields.get("st") and _parse_sas_time(fields["st"]) > now) or _parse_sas_time(fields.get("se", "")) <= now:
        raise AuthenticationFailed("Signature not valid in the specified time frame.")
    granted = fields.get("sp", "")
    # A write permission covers creating.
    if needs not in granted and not (needs == "c" and "w" in granted):
        raise AuthorizationPermissionMismatch(
            "This request is not authorized to perform this operation using this permission."
        )


_SAS_FIELDS = (
    "sp",
    "st",
    "se",
    "si",
    "sip",
    "spr",
    "sv",
    "sr",
    "snapshot",
    "ses",
    "rscc",
    "rscd",
    "rsce",
    "rscl",
    "rsct",
)


def _sas_text(fields: Mapping[str, str], *, resource: str) -> str:
    def part(name: str) -> str:
        return fields.get(name, "")

    before = [
        part("sp"),
        part("st"),
        part("se"),
        resource,
        part("si"),
        part("sip"),
        part("spr"),
        part("sv"),
        part("sr"),
    ]
    return "\n".join([*before, part("snapshot"), part("ses"), *(part(name) for name in _SAS_FIELDS[-5:])])


def _sas_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_sas_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AuthenticationFailed("The SAS has no valid expiry.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def _check_shared_key(request: StorageRequest, *, key: str, header: str) -> None:
    name, _, signature = header.removeprefix("SharedKey ").partition(":")
    if name not in _names(request.account, authority=request.headers.get("host", "")):
        raise AuthenticationFailed(
            f"The account name in the Authorization header ({name}) is not the one of the address."
        )
    values = [request.headers.get(each, "") for each in _SIGNED_HEADERS]
    length = _SIGNED_HEADERS.index("content-length")
    if values[length] == "0":
        values[length] = ""
    own = [(each.lower(), value.strip()) for each, value in request.headers.items() if each.lower().startswith("x-ms-")]
    parameters: dict[str, list[str]] = {}
    for each, value in request.query:
        parameters.setdefault(each.lower(), []).append(value)
    resource = f"/{name}{request.raw_path}"
    resource += "".join(f"\n{each}:{','.join(sorted(parameters[each]))}" for each in sorted(parameters))
    # Microsoft's clients disagree on whether a hyphen counts when headers are sorted; storage takes both.
    for order in (sorted(own), sorted(own, key=lambda header: (header[0].replace("-", ""), header[0]))):
        lines = [request.method, *values, *(f"{each}:{value}" for each, value in order), resource]
        if hmac.compare_digest(sign(key, "\n".join(lines)), signature):
            return
    raise AuthenticationFailed(
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        "including the signature."
    )
