"""Signatures of models in the format of OpenSSF Model Signing: a Sigstore bundle in the model's folder, made with a key.

Source: sigstore/model-transparency 1.1 (``model_signing sign key``). The bundle has a DSSE envelope around an in-toto statement that lists
the SHA-256 of every file. Keyless signatures (a certificate of Fulcio) are not verified: that needs Sigstore's trust root.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.attestations.dsse import IN_TOTO, LARGEST, Envelope, envelope_in, verified_by
from app.attestations.keys import PublicKey
from app.bundles.digest import entries_of
from app.documents.strict_json import read_strictly
from app.errors import Invalid, MlreleaseError

PREDICATE_TYPE = "https://model_signing/signature/v1.0"
UNREADABLE = "model_signature_unreadable"
_LISTED = 5  # file names in a sentence
_SIGN_AGAIN = "Sign the model as it is: `model_signing sign key MODEL --private_key KEY --signature MODEL/{file}`."


def verify_model_signature(root: Path, *, file: str, keys: Sequence[PublicKey]) -> PublicKey:
    """The key that a model's folder is signed with: exactly these files, besides the signature itself. Raises Invalid.

    ``file`` is the signature's path in the folder. What a signature says of files to be ignored is not followed: what is not signed is
    not released.
    """
    what = f"The model's signature {file}"
    hint = _SIGN_AGAIN.format(file=file)
    envelope = _envelope(root, file, what=what)
    key = verified_by(envelope, keys)
    if key is None:
        raise Invalid(
            f"{what} is not of the key that the definition names.",
            code="model_signature_wrong_key",
            hint=f"Sign it with that key, or name the other one's public key in release.yml: checks.signature. Given: "
            f"{', '.join(each.id[:16] for each in keys)}.",
        )
    signed = _signed_digests(envelope, what=what)
    found = {entry.path: entry.sha256 for entry in entries_of(root) if entry.path != file}
    for code, says, names in (
        ("model_signature_missing_file", "names files that the model does not have", signed.keys() - found.keys()),
        ("model_signature_extra_file", "does not name files that the model has", found.keys() - signed.keys()),
        (
            "model_signature_changed_file",
            "was made for other content of",
            {name for name in found.keys() & signed.keys() if found[name] != signed[name]},
        ),
    ):
        if names:
            raise Invalid(f"{what} {says}: {_listed(names)}.", code=code, hint=hint)
    return key


def _envelope(root: Path, file: str, *, what: str) -> Envelope:
    path = root / file
    if not path.is_file():
        raise Invalid(
            f"The model is not signed: it has no {file}.",
            code="model_signature_missing",
            hint=f"{_SIGN_AGAIN.format(file=file)} Or take checks.signature out of release.yml.",
        )
    with path.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    try:
        bundle = read_strictly(content, what=what, code=UNREADABLE, largest=LARGEST)
        if "dsseEnvelope" not in bundle:
            raise Invalid(f"{what} is not a Sigstore bundle: it has no `dsseEnvelope`.", code=UNREADABLE)
        return envelope_in(bundle["dsseEnvelope"], what=what)
    except MlreleaseError as no:
        raise Invalid(no.sentence, code=UNREADABLE, hint=_SIGN_AGAIN.format(file=file)) from None


def _signed_digests(envelope: Envelope, *, what: str) -> dict[str, str]:
    """SHA-256 by path, of a statement whose signature holds. Raises Invalid for what is none of this format."""
    if envelope.payload_type != IN_TOTO:
        raise Invalid(f"{what} is of {envelope.payload_type[:80]!r}, not of {IN_TOTO}.", code=UNREADABLE)
    statement = read_strictly(envelope.payload, what=what, code=UNREADABLE, largest=LARGEST)
    match statement:
        case {
            "predicateType": str() as kind,
            "subject": [{"digest": {"sha256": str() as subject}}],
            "predicate": {"serialization": dict() as serialization, "resources": list() as resources},
        }:
            _require_supported(kind, serialization, what=what)
            digests = _digests(resources, what=what)
        case _:
            raise Invalid(f"{what} is not a signature of OpenSSF Model Signing.", code=UNREADABLE)
    total = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    if total != subject:
        raise Invalid(f"{what} contradicts itself: its subject is not over the files that it names.", code=UNREADABLE)
    return digests


def _require_supported(kind: str, serialization: Mapping[str, Any], *, what: str) -> None:
    method, hashed = serialization.get("method"), serialization.get("hash_type")
    if (kind, method, hashed) != (PREDICATE_TYPE, "files", "sha256"):
        raise Invalid(
            f"{what} is of another kind: {kind}, method {method}, {hashed}; {PREDICATE_TYPE}, method files, sha256 is expected.",
            code="model_signature_unsupported",
        )


def _digests(resources: Sequence[Any], *, what: str) -> dict[str, str]:
    """In the order in which they are signed."""
    digests: dict[str, str] = {}
    for each in resources:
        match each:
            case {"name": str() as name, "digest": str() as digest, "algorithm": "sha256"} if _is_sha256(digest):
                if name in digests:
                    raise Invalid(f"{what} names {name!r} twice.", code=UNREADABLE)
                digests[name] = digest
            case _:
                raise Invalid(f"{what} names a file without its SHA-256.", code=UNREADABLE)
    return digests


def _is_sha256(digest: str) -> bool:
    return len(digest) == 64 and set(digest) <= set("0123456789abcdef")


def _listed(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:_LISTED])
    return shown + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
