"""Entra ID: principals with secrets, signed tokens, and who may do what.

Tokens are real JWTs, signed by a key that is made for this emulator.
"""

import secrets
import time
import uuid
from typing import Annotated, Any
from urllib.parse import parse_qs

import jwt
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from emulator.errors import BadRequest, Forbidden, NotFound, Unauthorized
from emulator.grants import assignments_of
from emulator.rights import ROLES, Assignment
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

TENANT = "00000000-0000-0000-0000-00000000000a"
# MSAL asks Microsoft's own servers about every authority that it does not know, except for AD FS: a path beginning with /adfs
# is what lets an unmodified DefaultAzureCredential() work without an internet connection.
AUTHORITY = "/adfs"


class Principal(BaseModel):
    """Somebody who may get tokens."""

    client_id: str
    object_id: str
    name: str
    secret: str
    assignments: list[Assignment]


def add_principal(azure: Emulator, *, name: str, assignments: list[Assignment]) -> Principal:
    """Make a service principal with a secret of its own."""
    unknown = [each.role for each in assignments if each.role is not None and each.role not in ROLES]
    if unknown:
        raise BadRequest(f"There is no role {unknown[0]!r}. Roles: {', '.join(ROLES)}.")
    principal = Principal(
        client_id=str(uuid.uuid4()),
        object_id=str(uuid.uuid4()),
        name=name,
        secret=secrets.token_urlsafe(30),
        assignments=assignments,
    )
    azure.store.put("principals", principal.client_id, body=principal.model_dump())
    return principal


def _principal(azure: Emulator, client_id: str) -> Principal | None:
    document = azure.store.get("principals", client_id) if client_id else None
    if document is None:
        return None
    principal = Principal.model_validate(document)
    principal.assignments += assignments_of(azure, principal.object_id)
    return principal


def signing_key(azure: Emulator) -> str:
    document = azure.store.get("signing_key")
    if document is None:
        document = {"key": secrets.token_hex(32)}
        azure.store.put("signing_key", body=document)
    return str(document["key"])


def issue(azure: Emulator, principal: Principal, *, audience: str) -> tuple[str, int]:
    """A token for an audience, and how many seconds it is good for (the delay ``token``, an hour unless set)."""
    lifetime = int(azure.faults.seconds("token") or 3600)
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": f"{azure.base_url}{AUTHORITY}/{TENANT}",
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        "appid": principal.client_id,
        "oid": principal.object_id,
        "sub": principal.object_id,
        "tid": TENANT,
        "app_displayname": principal.name,
        "uti": secrets.token_urlsafe(8),
        "ver": "1.0",
    }
    return jwt.encode(claims, signing_key(azure), algorithm="HS256"), lifetime


def authenticate(azure: Emulator, authorization: str | None) -> Principal:
    """Whose bearer token this is. Raises Unauthorized, with Azure's words, for none, a forged or an expired one."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Authentication failed. The 'Authorization' header is missing.", code="AuthenticationFailed")
    try:
        claims = jwt.decode(
            token,
            signing_key(azure),
            algorithms=["HS256"],
            options={"verify_aud": False, "require": ["exp", "aud", "appid"]},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthorized(
            "The access token expiry is in the past: get a new one.", code="ExpiredAuthenticationToken"
        ) from None
    except jwt.InvalidTokenError as wrong:
        raise Unauthorized(f"The access token is invalid: {wrong}.", code="InvalidAuthenticationToken") from None
    principal = _principal(azure, claims["appid"])
    if principal is None:
        raise Unauthorized("The access token's application does not exist any more.")
    return principal


def authorize(principal: Principal, action: str, *, scope: str) -> None:
    """Raise Forbidden unless one of the principal's assignments allows the action over the scope."""
    if not any(each.allows(action, scope=scope) for each in principal.assignments):
        raise Forbidden(
            f"The client '{principal.client_id}' with object id '{principal.object_id}' does not have authorization to "
            f"perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
            "please refresh your credentials."
        )


def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


# Who asks; there is one on every route but the open ones (tokens, storage, scoring, control).
Caller = Annotated[Principal, Depends(_caller)]


@router.get(AUTHORITY + "/{tenant}/.well-known/openid-configuration")
@router.get(AUTHORITY + "/{tenant}/v2.0/.well-known/openid-configuration")
@router.get("/{tenant}/v2.0/.well-known/openid-configuration")
async def openid_configuration(azure: Azure, tenant: str) -> Document:
    base = f"{azure.base_url}{AUTHORITY}/{tenant}/oauth2/v2.0"
    return {
        "issuer": f"{azure.base_url}{AUTHORITY}/{tenant}",
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "device_authorization_endpoint": f"{base}/devicecode",
        "response_types_supported": ["token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }


@router.post(AUTHORITY + "/{tenant}/oauth2/v2.0/token", response_model=None)
@router.post("/{tenant}/oauth2/v2.0/token", response_model=None)
async def token(azure: Azure, tenant: str, request: Request) -> dict[str, Any] | JSONResponse:
    """The client credentials grant."""
    form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
    if tenant.lower() not in (TENANT, "adfs"):
        return _refuse_token("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
    if form.get("grant_type") != "client_credentials":
        return _refuse_token("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    principal = _principal(azure, form.get("client_id", ""))
    if principal is None:
        wanted = form.get("client_id", "")
        return _refuse_token(
            "unauthorized_client", f"AADSTS700016: Application with identifier '{wanted}' was not found."
        )
    if not secrets.compare_digest(principal.secret, form.get("client_secret", "")):
        return _refuse_token("invalid_client", "AADSTS7000215: Invalid client secret provided.", status=401)
    audience = form.get("scope", "").split(" ")[0].removesuffix("/.default")
    if not audience:
        return _refuse_token(
            "invalid_scope", "AADSTS70011: The provided value for the input parameter 'scope' is not valid."
        )
    issued, lifetime = issue(azure, principal, audience=audience)
    return {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": issued}


def _refuse_token(error: str, description: str, *, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": error, "error_description": description}, status_code=status)


def default_principal(azure: Emulator) -> Principal:
    """The owner of everything, whose credentials ``azureml-emulator env`` prints."""
    document = azure.store.get("owner")
    if document is None:
        raise NotFound("This data folder has no owner yet.")
    principal = _principal(azure, document["client_id"])
    if principal is None:
        raise NotFound("The owner was removed.")
    return principal
