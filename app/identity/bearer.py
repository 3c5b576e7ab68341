"""Tokens of OIDC issuers: verified, or refused."""

from collections.abc import Mapping
from typing import Any

import jwt

from app.errors import Unauthenticated
from app.identity.access import Access, Issuer
from app.identity.issuers import ALGORITHMS, Issuers

LARGEST = 16 * 1024  # characters
LEEWAY_SECONDS = 30  # that clocks may differ

Claims = Mapping[str, Any]

_WHY = {
    jwt.ExpiredSignatureError: ("has expired", "token_expired"),
    jwt.ImmatureSignatureError: ("is not valid yet", "token_not_yet_valid"),
    jwt.InvalidAudienceError: ("is not for this service", "audience_wrong"),
    jwt.InvalidIssuerError: ("is of another issuer", "issuer_wrong"),
    jwt.MissingRequiredClaimError: ("lacks a claim that it must have", "claim_missing"),
    jwt.InvalidAlgorithmError: ("is signed in a way that is not accepted", "algorithm_refused"),
    jwt.InvalidSignatureError: ("is not signed by its issuer", "signature_wrong"),
}


def verify(token: str, *, access: Access, issuers: Issuers) -> tuple[Issuer, Claims]:
    """Whose word it is, and what it says. Raises Unauthenticated, or Unavailable when the issuer's keys cannot be had."""
    issuer, key_id = _read_unverified(token, access)
    return issuer, verify_of(issuer, token, key_id=key_id, audiences=issuer.audiences, issuers=issuers)


def verify_login(issuer: Issuer, token: str, *, client_id: str, nonce: str, issuers: Issuers) -> Claims:
    """The claims of an ID token that a login gave. Raises as ``verify``."""
    header = _header(token)
    claims = verify_of(issuer, token, key_id=_key_id(header), audiences=(client_id,), issuers=issuers)
    if claims.get("nonce") != nonce:
        raise Unauthenticated("The token is of another login.", code="nonce_wrong", hint="Log in again.")
    return claims


def verify_of(issuer: Issuer, token: str, *, key_id: str, audiences: tuple[str, ...], issuers: Issuers) -> Claims:
    key = issuers.key(issuer.url, key_id)
    try:
        claims: Claims = jwt.decode(
            token,
            key,
            # The key's own: a token never chooses how it is verified.
            algorithms=[key.algorithm_name],
            audience=list(audiences),
            issuer=issuer.url,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as wrong:
        why, code = next(
            (told for kind, told in _WHY.items() if isinstance(wrong, kind)), ("is malformed", "token_malformed")
        )
        raise Unauthenticated(f"The token {why}.", code=code) from wrong
    return claims


def _read_unverified(token: str, access: Access) -> tuple[Issuer, str]:
    """Whose keys it is to be verified with: nothing else is believed of it yet."""
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
        raise Unauthenticated("The token is signed in a way that is not accepted.", code="algorithm_refused")
    return header


def _key_id(header: Mapping[str, Any]) -> str:
    key_id = header.get("kid")
    if not isinstance(key_id, str):
        raise Unauthenticated("The token does not name the key that it is signed with.", code="key_unknown")
    return key_id


def _malformed() -> Unauthenticated:
    return Unauthenticated(
        "The token is neither an API token nor one of an issuer.",
        code="token_malformed",
        hint="Send `Authorization: Bearer TOKEN`.",
    )
