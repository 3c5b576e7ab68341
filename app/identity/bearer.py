"""Tokens of OIDC issuers: verified, or refused."""

from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from app.errors import Unauthenticated
from app.identity.access import Access, Issuer
from app.identity.issuers import ALGORITHMS, Issuers

LARGEST = 16 * 1024  # characters
LEEWAY_SECONDS = 30  # that clocks may differ

Claims = Mapping[str, Any]

_SIGNED: Options = {"require": ["exp", "iss", "aud"]}
_UNSIGNED: Options = {
    **_SIGNED,
    "verify_signature": False,
    "verify_exp": True,
    "verify_nbf": True,
    "verify_iat": True,
    "verify_aud": True,
    "verify_iss": True,
}

_WHY = {
    jwt.ExpiredSignatureError: ("has expired", "token_expired"),
    jwt.ImmatureSignatureError: ("is not valid yet", "token_not_yet_valid"),
    jwt.InvalidAudienceError: ("is not for this service", "audience_wrong"),
    jwt.InvalidIssuerError: ("has another issuer", "issuer_wrong"),
    jwt.MissingRequiredClaimError: ("lacks a required claim", "claim_missing"),
    jwt.InvalidAlgorithmError: ("uses a signature algorithm that is not accepted", "algorithm_refused"),
    jwt.InvalidSignatureError: ("is not signed by its issuer", "signature_wrong"),
}


async def verify(token: str, *, access: Access, issuers: Issuers) -> tuple[Issuer, Claims]:
    """A token's issuer and claims. Raises Unauthenticated, or Unavailable without the issuer's keys."""
    issuer, key_id = _read_unverified(token, access)
    return issuer, await _verify_of(issuer, token, key_id=key_id, audiences=issuer.audiences, issuers=issuers)


async def verify_login(issuer: Issuer, token: str, *, client_id: str, nonce: str, issuers: Issuers) -> Claims:
    """The claims of an ID token that a login gave. Raises as ``verify``."""
    header = _header(token)
    claims = await _verify_of(issuer, token, key_id=_key_id(header), audiences=(client_id,), issuers=issuers)
    if claims.get("nonce") != nonce:
        raise Unauthenticated("The token belongs to another login.", code="nonce_wrong", hint="Log in again.")
    return claims


async def _verify_of(
    issuer: Issuer, token: str, *, key_id: str, audiences: tuple[str, ...], issuers: Issuers
) -> Claims:
    # What a token says of itself is looked at first, signed or not: for one that is refused anyhow no key is fetched.
    _decode(token, issuer, audiences, key=None)
    return _decode(token, issuer, audiences, key=await issuers.key(issuer.url, key_id))


def _decode(token: str, issuer: Issuer, audiences: tuple[str, ...], *, key: jwt.PyJWK | None) -> Claims:
    """The claims; verified with the key, where one is given. Raises Unauthenticated."""
    try:
        claims: Claims = jwt.decode(
            token,
            key or "",
            # The key's own: a token never chooses how it is verified.
            algorithms=[key.algorithm_name] if key else sorted(ALGORITHMS),
            audience=list(audiences),
            issuer=issuer.url,
            leeway=LEEWAY_SECONDS,
            options=_SIGNED if key else _UNSIGNED,
        )
    except jwt.PyJWTError as wrong:
        why, code = next(
            (told for kind, told in _WHY.items() if isinstance(wrong, kind)), ("is malformed", "token_malformed")
        )
        raise Unauthenticated(f"The token {why}.", code=code) from wrong
    return claims


def _read_unverified(token: str, access: Access) -> tuple[Issuer, str]:
    """The issuer that the token names, to find its keys. Nothing else of the token is used before it is verified."""
    header = _header(token)
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError) as wrong:
        raise _malformed() from wrong
    return access.issuer(claims.get("iss")), _key_id(header)


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > LARGEST:
        raise Unauthenticated(f"The token is longer than {LARGEST:,} characters.", code="token_too_long")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as wrong:
        raise _malformed() from wrong
    if header.get("alg") not in ALGORITHMS:
        raise Unauthenticated("The token uses a signature algorithm that is not accepted.", code="algorithm_refused")
    return header


def _key_id(header: Mapping[str, Any]) -> str:
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise Unauthenticated("The token does not name its signing key.", code="key_unknown")
    return key_id


def _malformed() -> Unauthenticated:
    return Unauthenticated(
        "The token is neither an API token nor a token of an issuer.",
        code="token_malformed",
        hint="Send `Authorization: Bearer TOKEN`.",
    )
