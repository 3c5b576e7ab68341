"""How callers of an endpoint prove who they are: keys, and tokens made by the endpoint or by Entra ID."""

import secrets
import time
from typing import Any

import jwt
from fastapi import APIRouter, Response

from emulator import identity
from emulator.errors import BadRequest, Forbidden, Unauthorized
from emulator.online import records
from emulator.online.endpoints import ENDPOINT, new_key
from emulator.online.refusals import Invalid
from emulator.state import Azure, Emulator
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

TOKEN_SECONDS = 3600
REFRESH_SECONDS = 1800
# What a principal needs to send requests to an endpoint with an Entra ID token.
SCORE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"


@router.post(ENDPOINT + "/listKeys")
async def list_keys(azure: Azure, workspace: Workspace, endpoint: str) -> Document:
    document = records.require_endpoint(azure, workspace["name"], endpoint)
    _check_mode(document, "Key")
    keys = document["_"]["keys"]
    return {"primaryKey": keys["primary"], "secondaryKey": keys["secondary"]}


@router.post(ENDPOINT + "/regenerateKeys")
async def regenerate_keys(azure: Azure, workspace: Workspace, endpoint: str, body: dict[str, Any]) -> Response:
    """Make a new primary or secondary key, or take over ``keyValue``; the old one stops working now.

    The SDK sends the key that it has as ``keyValue`` when it wants another one.
    """
    which = str(body.get("keyType", "")).lower()
    if which not in ("primary", "secondary"):
        raise Invalid("keyType must be Primary or Secondary.", field="keyType")
    with azure.store.transaction():
        document = records.require_endpoint(azure, workspace["name"], endpoint)
        _check_mode(document, "Key")
        wanted = body.get("keyValue")
        keys = document["_"]["keys"]
        keys[which] = wanted if wanted and wanted != keys[which] else new_key()
        records.save_endpoint(azure, document)
    return Response(status_code=200)


@router.post(ENDPOINT + "/token")
async def get_token(azure: Azure, workspace: Workspace, endpoint: str) -> Document:
    """A token of the endpoint's own, for the auth mode AMLToken."""
    document = records.require_endpoint(azure, workspace["name"], endpoint)
    _check_mode(document, "AMLToken")
    now = int(time.time())
    claims = {"iat": now, "exp": now + TOKEN_SECONDS, "aud": _audience(document)}
    return {
        "accessToken": jwt.encode(claims, _secret(document), algorithm="HS256"),
        "expiryTimeUtc": now + TOKEN_SECONDS,
        "refreshAfterTimeUtc": now + REFRESH_SECONDS,
        "tokenType": "Bearer",
    }


def admit(azure: Emulator, endpoint: Document, authorization: str | None) -> None:
    """Raise Unauthorized or Forbidden, with the gateway's words, unless the caller may score."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("key_auth_bad_header_forbidden", code="key_auth_bad_header_forbidden")
    match endpoint["properties"]["authMode"]:
        case "Key":
            keys = endpoint["_"]["keys"].values()
            if not any(secrets.compare_digest(token.encode(), key.encode()) for key in keys):
                raise Unauthorized("key_auth_access_denied", code="key_auth_access_denied")
        case "AMLToken":
            try:
                jwt.decode(token, _secret(endpoint), algorithms=["HS256"], audience=_audience(endpoint))
            except jwt.InvalidTokenError:
                raise Unauthorized("jwt_auth_access_denied", code="jwt_auth_access_denied") from None
        case _:
            _admit_principal(azure, endpoint, authorization)


def _admit_principal(azure: Emulator, endpoint: Document, authorization: str | None) -> None:
    principal = identity.authenticate(azure, authorization)
    workspace = azure.store.get("workspaces", endpoint["workspace"])
    if workspace is None:
        raise Unauthorized("The endpoint's workspace is gone.")
    try:
        identity.authorize(principal, SCORE, scope=records.endpoint_id(workspace, endpoint["name"]))
    except Forbidden as refusal:
        raise Unauthorized(refusal.message, code="aad_auth_access_denied") from None


def _check_mode(endpoint: Document, mode: str) -> None:
    has = endpoint["properties"]["authMode"]
    if has != mode:
        raise BadRequest(f"Endpoint {endpoint['name']} uses the auth mode {has}, not {mode}.", code="UserError")


def _secret(endpoint: Document) -> str:
    # Tied to the keys' secret, which lives and dies with the endpoint.
    return f"{endpoint['_']['keys']['primary']}:{endpoint['_']['keys']['secondary']}"


def _audience(endpoint: Document) -> str:
    return f"{endpoint['workspace']}/{endpoint['name']}".lower()
