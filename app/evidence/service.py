"""The only writer of evidence, which is the logs of failures: kept for a while, and deletable without a gap in the record."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from app.errors import NotFound
from app.events.work import UnitOfWork
from app.evidence.cleaning import LONGEST_LINE, bounded, clean, last_lines
from app.evidence.log import Log
from app.evidence.redaction import redact
from app.evidence.tables import Evidence


def keep(work: UnitOfWork, log: Log, *, subject: str, model: str | None, days: float) -> dict[str, str | int]:
    """Keep the last lines, without what looks like a secret; what an event says of it: id, kind, digest and size."""
    delete_expired(work, now=work.now)
    text, salt = "\n".join(filter(None, [fit_line(log.title), fit_to_keep(log.text)])), secrets.token_hex(16)
    kept = Evidence(
        id=f"log-{secrets.token_hex(8)}",
        subject=subject,
        kind=log.kind,
        model=model,
        salt=salt,
        text=text,
        digest=digest_of(salt, text),
        size=len(text),
        created_at=work.now,
        expires_at=work.now + timedelta(days=days),
    )
    work.add(kept)
    work.flush()
    return {"id": kept.id, "kind": kept.kind, "digest": kept.digest, "size": kept.size}


def subject_of_job(job_id: int | None) -> str:
    """What a training job's logs are kept under; a step run's are under its id."""
    return f"job:{job_id}"


def fit_to_keep(text: str) -> str:
    """Cleaned, without secrets, and only the end of it."""
    return last_lines(redact(clean(bounded(text))))


def fit_line(text: str, *, longest: int = LONGEST_LINE) -> str:
    """The same of a text that is to be one line of at most so many characters."""
    line = " ".join(redact(clean(bounded(text))).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def digest_of(salt: str, text: str) -> str:
    return "sha256:" + hashlib.sha256(f"{salt}\n{text}".encode()).hexdigest()


def evidence_on(session: Session, subjects: Sequence[str]) -> list[Evidence]:
    """On any of these, the oldest first; also what was deleted, of which only the digest is left."""
    query = select(Evidence).where(col(Evidence.subject).in_(subjects))
    return list(session.exec(query.order_by(col(Evidence.created_at), col(Evidence.id))).all())


def delete_text(work: UnitOfWork, subjects: Sequence[str], evidence_id: str) -> Evidence:
    """Delete the text of one; its digest stays. Raises NotFound."""
    found = work.get(Evidence, evidence_id, with_for_update=True)
    if found is None or found.subject not in subjects:
        raise NotFound(f"There is no log {evidence_id!r}.", code="evidence_not_found")
    if found.text is not None:
        found.text, found.salt, found.deleted_at, found.deleted_by = None, None, work.now, work.actor.name
        work.add(found)
        work.flush()
    return found


def delete_expired(session: Session, *, now: datetime) -> int:
    """Delete the texts whose time is over; how many."""
    gone = session.execute(
        update(Evidence)
        .where(col(Evidence.expires_at) <= now, col(Evidence.text).is_not(None))
        .values(text=None, salt=None, deleted_at=now, deleted_by="retention")
    )
    return int(gone.rowcount)  # type: ignore[attr-defined] # a statement that changes rows gives a cursor's result
