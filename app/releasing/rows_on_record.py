"""What the chain of events says of rows, and which rows say something else: those that give rights, were decided or say what served."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, or_, select

from app.approvals.tables import Decision
from app.definitions.tables import DefinitionVersion
from app.events.chain import Appended
from app.evidence.service import digest_of as text_digest
from app.evidence.tables import Evidence
from app.freezes.tables import Freeze
from app.identity.tables import ApiToken, PortalSession
from app.notifications.tables import Webhook
from app.releases.attested import ROW, row_digest
from app.releases.tables import StepRun
from app.serving.recompute import RecomputedShares
from app.serving.tables import TrafficShare

PAGE = 500
# A row has the moment at which its transaction read the clock, its event one that may be later: by no more than a transaction can last.
LONGEST_TRANSACTION = timedelta(hours=1)

# Rows that count only with their event, which has a digest of them; and when each was made.
_MADE: tuple[tuple[Any, Any], ...] = (
    (ApiToken, ApiToken.created_at),
    (PortalSession, PortalSession.created_at),
    (DefinitionVersion, DefinitionVersion.applied_at),
    (Decision, Decision.at),
    (Freeze, Freeze.created_at),
)


def disagreements(session: Session, said: "Said") -> Iterator[str | None]:
    """For each row that was compared: None, or what does not agree."""
    for table, made in _MADE:
        recent = () if said.at is None else (made >= said.at - LONGEST_TRANSACTION,)
        for row in _rows(session, table, table.id, *recent):
            digest = row_digest(row)
            said.seen.add(digest)
            is_known = digest in said.rows or not said.is_since(getattr(row, made.key))
            yield None if is_known else f"The row {row.id} of {table.__tablename__} does not match the event chain."
    if said.at is not None and said.lasting - said.seen:  # made in transactions that were given another moment
        said.seen |= {row_digest(row) for table, _ in _MADE for row in _rows(session, table, table.id)}
    yield from _revived(session, said)
    webhooks = {each.id: each for each in _rows(session, Webhook, Webhook.id)}
    for known in sorted(webhooks.keys() | said.webhooks.keys()):
        row = webhooks.get(known)
        if known not in said.webhooks and row is not None and not said.is_since(row.created_at):
            continue
        if said.webhooks.get(known) != (row and _webhook(row.url, row.kinds, row.models)):
            yield f"The webhook {known} does not match the event chain, or its row is missing."
    if gone := said.lasting - said.seen:
        yield f"{said.lasting_subjects[min(gone)]} is in the event chain, but its row is missing or was changed."
    recent = () if said.at is None else (col(Evidence.created_at) > said.at,)
    for kept in _rows(session, Evidence, Evidence.id, *recent):
        if kept.text is not None and kept.digest != text_digest(str(kept.salt), kept.text):
            yield f"The text of {kept.id} is not what its digest says."
        if kept.digest not in said.logs and kept.id not in said.forgotten and _is_of_a_step(session, kept):
            yield f"The log {kept.id} is not in the event chain."
        yield None
    yield from said.served.disagreements(_rows(session, TrafficShare, TrafficShare.id, *_shares_since(said.since)))


def _revived(session: Session, said: "Said") -> Iterator[str]:
    """What the chain says has ended, and the table says has not; and the other way round."""
    for token in _rows(session, ApiToken, ApiToken.id, *said.ended(ApiToken.revoked_at, ApiToken.id)):
        if (token.revoked_at is not None) != (token.id in said.revoked) and said.is_said(token.revoked_at, token.id):
            yield f"The token {token.id} is {'' if token.revoked_at else 'not '}revoked in its row, unlike in the event chain."
    for freeze in _rows(session, Freeze, Freeze.id, *said.ended(Freeze.deleted_at, Freeze.id)):
        if (freeze.deleted_at is not None) != (freeze.id in said.lifted) and said.is_said(freeze.deleted_at, freeze.id):
            yield f"The freeze {freeze.id} is {'' if freeze.deleted_at else 'not '}deleted in its row, unlike in the event chain."


def _webhook(url: str, kinds: list[str], models: list[str]) -> str:
    return json.dumps([url, kinds, models])


class Said:
    """What the chain says of rows: digests and ids, no more of it is held. ``noted``: the event that it begins behind, if not with the first."""

    def __init__(self, noted: Appended | None) -> None:
        self.since = noted.seq if noted else 0
        self.at = noted.at if noted else None
        self.rows: set[str] = set()
        self.lasting: set[str] = set()  # of rows that are never deleted
        self.lasting_subjects: dict[str, str] = {}
        self.seen: set[str] = set()
        self.revoked: set[str] = set()
        self.lifted: set[str] = set()
        self.webhooks: dict[str, str | None] = {}  # None: deleted
        self.logs: set[str] = set()
        self.forgotten: set[str] = set()
        self.plans: set[str] = set()
        self.served = RecomputedShares()

    def is_since(self, moment: datetime) -> bool:
        """Whether what happened then has its event among those that were noted here."""
        return self.at is None or moment > self.at

    def ended(self, at: Any, key: Any) -> tuple[ColumnElement[bool], ...]:
        """Which rows are worth reading for ``is_said``: few, where few have ended since."""
        ids = self.revoked | self.lifted
        return () if self.at is None or len(ids) > PAGE else (or_(col(at) > self.at, col(key).in_(ids)),)

    def is_said(self, ended_at: datetime | None, row_id: str) -> bool:
        """Whether the end of a row has, or would have, its event among those that were noted here."""
        return row_id in self.revoked | self.lifted or (
            self.at is None or (ended_at is not None and ended_at > self.at)
        )

    def note(self, events: Iterable[Appended]) -> None:
        for event in events:
            self._note(event)

    def _note(self, event: Appended) -> None:
        self.served.note(event)
        match event.kind:
            case "token.revoked":
                self.revoked.add(event.subject)
            case "freeze.deleted":
                self.lifted.add(event.subject)
            case "webhook.created":
                self.webhooks[event.subject] = _webhook(*(event.data[field] for field in ("url", "kinds", "models")))
            case "webhook.deleted":
                self.webhooks[event.subject] = None
            case "evidence.deleted":
                self.forgotten.add(event.subject)
            case "release.planned" if self.since:  # else all of them are looked at
                self.plans |= set(event.data["plan_digests"].values())
        if digest := event.data.get(ROW):
            self.rows.add(digest)
            if event.kind != "session.opened":
                self.lasting.add(digest)
                self.lasting_subjects[digest] = f"{event.kind} of {event.subject}"
        output = event.data.get("output")
        if isinstance(output, dict) and isinstance(output.get("log"), dict):
            self.logs.add(str(output["log"].get("digest")))


def _shares_since(since: int) -> tuple[ColumnElement[bool], ...]:
    """Those that have begun or ended since an event, or last, or say nothing of their events. Of all, where it is 0."""
    begun, ended = col(TrafficShare.from_event), col(TrafficShare.to_event)
    return (or_(begun.is_(None), begun > since, ended.is_(None), ended > since),) if since else ()


def _is_of_a_step(session: Session, kept: Evidence) -> bool:
    return session.get(StepRun, kept.subject) is not None


def _rows(session: Session, table: Any, key: Any, *where: Any) -> Iterator[Any]:
    last = None
    while True:
        query = select(table).where(*where).order_by(col(key)).limit(PAGE)
        page: list[SQLModel] = list(session.exec(query if last is None else query.where(col(key) > last)).all())
        if not page:
            return
        yield from page
        last = getattr(page[-1], key.key)
        session.expunge_all()
