"""Verifying a provenance document from what it is made of: no service, no database, no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.attestations.dsse import IN_TOTO, read_envelope, verified_by
from app.attestations.keys import PublicKey
from app.attestations.provenance import FILES, Statement
from app.bundles.digest import content_digest
from app.documents.strict_json import read_strictly
from app.errors import Invalid

WHAT = "The document"
LARGEST = 8 * 1024**2  # bytes of a statement


@dataclass(frozen=True)
class Anchor:
    """An event's number and hash that somebody noted."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verified:
    """A statement, and the key that it is signed with."""

    statement: Statement
    key: PublicKey


def verify_document(content: bytes, *, keys: Sequence[PublicKey]) -> Verified:
    """The statement in a signed document. Raises Invalid or TooLarge; nothing in it is read before its signature is verified."""
    envelope = read_envelope(content, what=WHAT)
    key = verified_by(envelope, keys)
    if key is None:
        claimed = ", ".join(sorted({key_id[:16] or "none" for key_id, _ in envelope.signatures}))
        raise Invalid(
            f"{WHAT} is not signed with the given key: it was changed, or another key signed it. It names the key {claimed}.",
            code="signature_invalid",
            hint=f"Given: {', '.join(each.id[:16] for each in keys)}. `mlrelease provenance keys` prints the service's public keys.",
        )
    if envelope.payload_type != IN_TOTO:
        raise Invalid(
            f"{WHAT} is signed, but it is {envelope.payload_type[:80]!r}, not {IN_TOTO}.", code="statement_invalid"
        )
    read = read_strictly(envelope.payload, what="The statement", code="statement_invalid", largest=LARGEST)
    try:
        statement = Statement.model_validate(read)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Invalid(
            f"{WHAT} is signed, but it is not a provenance of mlrelease: {where}: {first['msg']}.",
            code="statement_invalid",
        ) from None
    if len({_digest_of(statement, index) for index in range(len(statement.subject))}) != 1:
        raise Invalid(f"{WHAT} is signed, but names several models.", code="statement_invalid")
    return Verified(statement, key)


def require_model(statement: Statement, folder: Path) -> str:
    """The digest of the files in a folder, or of a single file. Raises Invalid when they are not the model, or cannot be read."""
    try:
        found = content_digest(folder)
    except OSError as refused:
        raise Invalid(
            f"{refused.filename or folder} cannot be read: {refused.strerror or 'it is not there'}.",
            code="model_unreadable",
        ) from refused
    wanted = f"sha256:{_digest_of(statement, 0)}"
    if found != wanted:
        raise Invalid(
            f"The files in {folder} are not the model: their digest is {found}, the document says {wanted}.",
            code="model_differs",
            hint="Give the folder that holds the model's files itself, such as the last of the folders that `az ml model download` makes.",
        )
    return found


def require_anchor(statement: Statement, anchor: Anchor) -> None:
    """Raises Invalid unless the document names this very event."""
    chain = statement.facts.chain
    if anchor.seq != chain.seq:
        raise Invalid(
            f"The document names event {chain.seq}; event {anchor.seq} cannot be compared with it offline.",
            code="anchor_not_comparable",
            hint=f"Ask the service: mlrelease audit verify --anchor {chain.seq}:{chain.hash}",
        )
    if anchor.hash != chain.hash:
        raise Invalid(
            f"Event {chain.seq} has the hash {chain.hash} in the document, not {anchor.hash}.",
            code="anchor_differs",
            hint="The event chain was written anew since one of both was noted, or one was noted wrongly.",
        )


def _digest_of(statement: Statement, index: int) -> str:
    digest = (statement.subject[index].digest or {}).get(FILES)
    if digest is None:
        raise Invalid(f"{WHAT} has a subject without the digest {FILES}.", code="statement_invalid")
    return digest
