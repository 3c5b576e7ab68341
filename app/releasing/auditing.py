"""The whole audit: the chain of events, and every row that gives rights, was decided or says what served against what the chain says of it.

In pages, so that neither memory nor a query holds all of it. ``python -m app.releasing.auditing [SEQ:HASH]`` asks the database alone.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from app.approvals.tables import Decision
from app.database.connection import see_one_moment
from app.database.opening import open_database
from app.definitions.tables import DefinitionVersion
from app.errors import MlreleaseError
from app.events.tables import Event
from app.evidence.service import digest_of as text_digest
from app.evidence.tables import Evidence
from app.freezes.tables import Freeze
from app.identity.tables import ApiToken, PortalSession
from app.notifications.tables import Webhook
from app.releases import audit
from app.releases.attested import ROW, row_digest
from app.releases.audit import Anchor, Verdict
from app.releases.plans import digest_of
from app.releases.tables import StepRun, StoredPlan
from app.serving.recompute import RecomputedShares
from app.serving.tables import TrafficShare
from app.settings import read_settings

PAGE = 500

Says = Callable[[Session, Any], bool]


def verify(session: Session, *, anchor: Anchor | None = None) -> Verdict:
    """Whether the chain is whole, and every row is as the chain says; where not, the first row that is not.

    The session has read nothing before.
    """
    see_one_moment(session)
    verdict = audit.verify(session, anchor=anchor)
    if not verdict.intact:
        return verdict
    why = next(_disagreements(session), None)
    return verdict if why is None else replace(verdict, intact=False, why=why)


def _disagreements(session: Session) -> Iterator[str]:
    said = _Said(session)
    for table, key in (
        (ApiToken, "id"),
        (PortalSession, "id"),
        (DefinitionVersion, "id"),
        (Decision, "id"),
        (Freeze, "id"),
    ):
        for row in _rows(session, table, key):
            if row_digest(row) not in said.rows:
                yield f"The row {getattr(row, key)} of {table.__tablename__} does not match the event chain."
            said.seen.add(row_digest(row))
    yield from _revived(session, said)
    webhooks = {each.id: _webhook(each.url, each.kinds, each.models) for each in _rows(session, Webhook, "id")}
    for known in sorted(webhooks.keys() | said.webhooks.keys()):
        if webhooks.get(known) != said.webhooks.get(known):
            yield f"The webhook {known} does not match the event chain, or its row is missing."
    if gone := said.lasting - said.seen:
        yield f"{said.lasting_subjects[min(gone)]} is in the event chain, but its row is missing or was changed."
    for plan in _rows(session, StoredPlan, "digest"):
        if digest_of(plan.document) != plan.digest:
            yield f"The plan {plan.digest} is not what its digest says."
    for kept in _rows(session, Evidence, "id"):
        if kept.text is not None and kept.digest != text_digest(str(kept.salt), kept.text):
            yield f"The text of {kept.id} is not what its digest says."
        if kept.digest not in said.logs and kept.id not in said.forgotten and _is_of_a_step(session, kept):
            yield f"The log {kept.id} is not in the event chain."
    yield from said.served.disagreements(_rows(session, TrafficShare, "id"))


def _revived(session: Session, said: "_Said") -> Iterator[str]:
    """What the chain says has ended, and the table says has not; and the other way round."""
    for token in _rows(session, ApiToken, "id"):
        if (token.revoked_at is not None) != (token.id in said.revoked):
            yield f"The token {token.id} is {'' if token.revoked_at else 'not '}revoked in its row, unlike in the event chain."
    for freeze in _rows(session, Freeze, "id"):
        if (freeze.deleted_at is not None) != (freeze.id in said.lifted):
            yield f"The freeze {freeze.id} is {'' if freeze.deleted_at else 'not '}deleted in its row, unlike in the event chain."


def _webhook(url: str, kinds: list[str], models: list[str]) -> str:
    return json.dumps([url, kinds, models])


class _Said:
    """What the chain says of rows: digests and ids, no more of it is held."""

    def __init__(self, session: Session) -> None:
        self.rows: set[str] = set()
        self.lasting: set[str] = set()  # of rows that are never deleted
        self.lasting_subjects: dict[str, str] = {}
        self.seen: set[str] = set()
        self.revoked: set[str] = set()
        self.lifted: set[str] = set()
        self.webhooks: dict[str, str] = {}
        self.logs: set[str] = set()
        self.forgotten: set[str] = set()
        self.served = RecomputedShares()
        for event in _rows(session, Event, "seq"):
            self._note(event)

    def _note(self, event: Event) -> None:
        self.served.note(event)
        match event.kind:
            case "token.revoked":
                self.revoked.add(event.subject)
            case "freeze.deleted":
                self.lifted.add(event.subject)
            case "webhook.created":
                self.webhooks[event.subject] = _webhook(*(event.data[field] for field in ("url", "kinds", "models")))
            case "webhook.deleted":
                self.webhooks.pop(event.subject, None)
            case "evidence.deleted":
                self.forgotten.add(event.subject)
        if digest := event.data.get(ROW):
            self.rows.add(digest)
            if event.kind != "session.opened":
                self.lasting.add(digest)
                self.lasting_subjects[digest] = f"{event.kind} of {event.subject}"
        output = event.data.get("output")
        if isinstance(output, dict) and isinstance(output.get("log"), dict):
            self.logs.add(str(output["log"].get("digest")))


def _is_of_a_step(session: Session, kept: Evidence) -> bool:
    return session.get(StepRun, kept.subject) is not None


def _rows(session: Session, table: Any, key: str) -> Iterator[Any]:
    column, last = col(getattr(table, key)), None
    while True:
        query = select(table).order_by(column).limit(PAGE)
        page: list[SQLModel] = list(session.exec(query if last is None else query.where(column > last)).all())
        if not page:
            return
        yield from page
        last = getattr(page[-1], key)
        session.expunge_all()


def run(anchor: str = "") -> int:
    """0: all of it is whole. 1: it is not."""
    seq, _, noted = anchor.partition(":")
    database = open_database(read_settings())
    try:
        with database.read() as session:
            verdict = verify(session, anchor=Anchor(int(seq), noted) if anchor else None)
    finally:
        database.dispose()
    if verdict.intact:
        sys.stdout.write(
            f"The chain is intact: {verdict.seq} events. Note this elsewhere: {verdict.seq}:{verdict.hash}\n"
        )
        return 0
    sys.stdout.write(f"{verdict.why} Events 1 to {verdict.seq} are intact.\n")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(run(*sys.argv[1:2]))
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
