"""Envelopes of signed documents: DSSE 1.0 (secure-systems-lab/dsse, envelope.md and protocol.md).

What is signed is the payload's type and its bytes, so nothing has to be written in one canonical form.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.attestations.keys import PublicKey, SigningKeys
from app.documents.strict_json import read_strictly
from app.errors import Invalid

IN_TOTO = "application/vnd.in-toto+json"
LARGEST = 16 * 1024**2  # bytes of an envelope
MOST_SIGNATURES = 10
INVALID = "envelope_invalid"


@dataclass(frozen=True)
class Envelope:
    """A payload and its signatures, each with the id of the key that it says it was made with, which proves nothing."""

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]
    payload_type: str = IN_TOTO

    def as_json(self) -> dict[str, Any]:
        return {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [
                {"keyid": key_id, "sig": base64.b64encode(signature).decode()} for key_id, signature in self.signatures
            ],
        }


def sign(document: dict[str, Any], keys: SigningKeys) -> Envelope:
    """An in-toto document in its envelope; the same document gives the same bytes."""
    payload = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return Envelope(payload, ((keys.newest.id, keys.sign(_authenticated(IN_TOTO, payload))),))


def read_envelope(content: bytes, *, what: str) -> Envelope:
    """An envelope as somebody sent it; nothing of it is verified. Raises Invalid or TooLarge; ``what`` begins their sentences."""
    return envelope_in(read_strictly(content, what=what, code=INVALID, largest=LARGEST), what=what)


def envelope_in(document: Any, *, what: str) -> Envelope:
    """The envelope that a JSON document is. Unknown keys are ignored, as DSSE asks. Raises Invalid."""
    match document:
        case {"payloadType": str() as kind, "payload": str() as payload, "signatures": list() as signatures}:
            if not 1 <= len(signatures) <= MOST_SIGNATURES:
                raise Invalid(
                    f"{what} has {len(signatures)} signatures; 1 to {MOST_SIGNATURES} are accepted.", code=INVALID
                )
            return Envelope(_bytes(payload, what), tuple(_signature(each, what) for each in signatures), kind)
    raise Invalid(
        f"{what} is not a DSSE envelope: it needs `payloadType`, `payload` and `signatures`.",
        code=INVALID,
        hint="Give the whole document, as it was downloaded.",
    )


def verified_by(envelope: Envelope, keys: Sequence[PublicKey]) -> PublicKey | None:
    """The first key of these that one of the signatures was made with; None: none of them."""
    message = _authenticated(envelope.payload_type, envelope.payload)
    signatures = [signature for _, signature in envelope.signatures]
    return next((key for key in keys if any(key.signed(message, each) for each in signatures)), None)


def _authenticated(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: lengths in bytes, in decimal."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def _signature(written: Any, what: str) -> tuple[str, bytes]:
    match written:
        case {"sig": str() as signature}:
            key_id = written.get("keyid", "")
            if isinstance(key_id, str):
                return key_id, _bytes(signature, what)
    raise Invalid(f"{what} has a signature that is not `{{keyid: …, sig: …}}`.", code=INVALID)


def _bytes(text: str, what: str) -> bytes:
    """Of base64 or base64url, both of which DSSE allows."""
    try:
        return base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(f"{what} has a payload or signature that is not base64.", code=INVALID) from None
