"""Rows that give rights count only with their event in the chain, which has a digest of the row.

Whoever writes a row past this service writes no event, or one that does not fit into the chain. Each event that is relied on is checked
for itself and against the one behind it; that the chain as a whole was not written anew, only an anchor shows.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, func, or_, select, text, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col

from app.events.chain import Appended, hash_of
from app.events.tables import ABOUT_DEFINITIONS, ABOUT_FREEZES, ABOUT_RIGHTS, Event, EventHead
from app.events.work import appended_in
from app.identity.tables import ApiToken, PortalSession
from app.planning.ids import release_of, stage_of

BELIEVED_SECONDS = 10.0
MOST_HELD = 10_000

_CREATED, _PLANNED = "release.created", "release.planned"
_SUCCEEDED, _REQUEUED = "step.succeeded", "rollout.requeued"
_MOVED = "rollout."

ROW = "row"  # in an event's data: the digest of the row that it is about

# As in the index: with parameters in place of the words it would not be used.
_ABOUT_RIGHTS = text(f"event.{ABOUT_RIGHTS}")
_ABOUT_FREEZES = text(f"event.{ABOUT_FREEZES}")
_ABOUT_DEFINITIONS = text(f"event.{ABOUT_DEFINITIONS}")
CREATED, DELETED = "freeze.created", "freeze.deleted"

_NAMES = [each.name for each in fields(Appended)]

# Each event with what the one behind it, or the head of the chain, says that its hash is. In one statement: all of one moment.
_BEHIND = aliased(Event)
_SAID_BEHIND = func.coalesce(col(_BEHIND.previous), case((col(EventHead.seq) == col(Event.seq), col(EventHead.hash))))
_EVENTS = (
    select(*(getattr(Event, each) for each in _NAMES), _SAID_BEHIND)
    .select_from(Event)
    .outerjoin(_BEHIND, col(_BEHIND.seq) == col(Event.seq) + 1)
    .join(EventHead, true())
)
# Made once: to put a statement together takes longer than to send it, and these are in every release, some in every turn.
_OF_SUBJECT = _EVENTS.where(col(Event.subject) == bindparam("subject"), _ABOUT_RIGHTS)
_OF_DEFINITIONS = _EVENTS.where(col(Event.model) == bindparam("model"), _ABOUT_DEFINITIONS)
_OF_FREEZES = _EVENTS.where(_ABOUT_FREEZES)
_OF_ROLLOUT = _EVENTS.where(
    col(Event.release_id) == bindparam("release"),
    or_(
        col(Event.kind).in_((_CREATED, _PLANNED)),
        and_(col(Event.subject) == bindparam("rollout"), col(Event.kind).startswith(_MOVED)),
        and_(col(Event.subject).in_(bindparam("steps", expanding=True)), col(Event.kind) == _SUCCEEDED),
    ),
)

_FIELDS: dict[str, tuple[str, ...]] = {
    "api_token": ("id", "hash", "name", "grants", "created_by", "created_at", "expires_at"),
    "portal_session": ("id", "name", "issuer", "claims", "created_at", "expires_at"),
    "definition_version": ("model", "version", "bundle_digest", "content", "applied_at", "applied_by"),
    "decision": (
        "rollout_id",
        "round",
        "approve",
        "emergency",
        "actor",
        "person",
        "groups",
        "via",
        "reason",
        "plan_digest",
        "at",
    ),
    "freeze": (
        "id",
        "model",
        "stage",
        "target",
        "starts",
        "minutes",
        "zone",
        "recurs",
        "reason",
        "created_by",
        "created_at",
    ),
}


def row_digest(row: SQLModel) -> str:
    """Over every field of a row that says what somebody may do, or has decided."""
    said = {field: getattr(row, field) for field in _FIELDS[str(row.__tablename__)]}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), default=_plain)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def token_counts(session: Session, token: ApiToken) -> bool:
    """Whether the chain says that this token was made as it is, and not that it was revoked."""
    found = _holding(session, _OF_SUBJECT, {"subject": token.id})
    kinds = {event.kind for event in found}
    return "token.revoked" not in kinds and _says(found, "token.created", row_digest(token))


def session_counts(session: Session, opened: PortalSession) -> bool:
    """Whether the chain says that somebody logged in for this session."""
    digest = row_digest(opened)
    said = col(Event.data)[ROW].as_string() == digest  # somebody may have logged in a thousand times
    found = _events(session, Event.subject == opened.name, _ABOUT_RIGHTS, said)
    return _says(found, "session.opened", digest)


class RightsOnRecord:
    """What one process found lately: a token is asked about with each request, and answers that held are believed for a moment.

    A token that is revoked is refused at once: its own row says so.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], float] = {}

    def token_counts(self, session: Session, token: ApiToken) -> bool:
        return self._ask((token.id, row_digest(token)), lambda: token_counts(session, token))

    def session_counts(self, session: Session, opened: PortalSession) -> bool:
        return self._ask((opened.id, row_digest(opened)), lambda: session_counts(session, opened))

    def believes(self, subject: str, digest: str) -> bool:
        return self._held.get((subject, digest), -BELIEVED_SECONDS) > time.monotonic() - BELIEVED_SECONDS

    def _ask(self, key: tuple[str, str], counts: Callable[[], bool]) -> bool:
        if self.believes(*key):
            return True
        now = time.monotonic()  # before the look: what it finds is as old as its begin
        if not counts():
            return False
        if len(self._held) >= MOST_HELD:
            self._held.clear()
        self._held[key] = now
        return True


def definition_counts(session: Session, *, subject: str, digest: str) -> bool:
    """Whether the chain says that this version, ``MODEL@VERSION``, was applied as it is."""
    return _says(_holding(session, _OF_SUBJECT, {"subject": subject}), "model.applied", digest)


def attested_definitions(session: Session, model: str) -> frozenset[str]:
    """The digests of all versions of a model's definition that the chain has."""
    found = _holding(session, _OF_DEFINITIONS, {"model": model})
    return frozenset(event.data[ROW] for event in found if ROW in event.data)


def attested_votes(session: Session, release_ids: Collection[str]) -> frozenset[str]:
    """The digests of all votes on these releases that the chain has."""
    found = _events(session, col(Event.release_id).in_(release_ids), col(Event.kind).like("approval.%"))
    return frozenset(event.data[ROW] for event in found if ROW in event.data)


def freeze_events(session: Session) -> list[Appended]:
    """Of all freezes that were ever made or deleted: some hundreds in years."""
    found = _holding(session, _OF_FREEZES, {})
    return [event for event in found if event.kind in {CREATED, DELETED}]


@dataclass(frozen=True)
class OnRecord:
    """What the chain says of a rollout."""

    plan_digest: str | None  # of the plan that it was made with
    content: dict[str, Any] | None  # what exactly its release releases
    asked: Appended | None  # the event of the request
    moves: tuple[Appended, ...]  # its own events, such as ``rollout.in_progress``, oldest first
    outputs: dict[str, dict[str, Any]]  # by id: of the steps that were asked for and have succeeded

    @property
    def last(self) -> str | None:
        """The kind of its last event."""
        return self.moves[-1].kind if self.moves else None


def rollout_on_record(session: Session, rollout_id: str, *, steps: Collection[str] = ()) -> OnRecord:
    """Asked before anything is done in a rollout's name: its rows, and those of its steps, may have been changed past the service.

    ``steps``: the ids of those whose outputs are asked for.
    """
    release_id, stage = release_of(rollout_id), stage_of(rollout_id)
    of_it = {"release": release_id, "rollout": rollout_id, "steps": list(steps)}
    found = sorted(_holding(session, _OF_ROLLOUT, of_it), key=lambda event: event.seq or math.inf)
    of_release = {event.kind: event for event in found if event.subject == release_id}
    planned = of_release.get(_PLANNED)
    moves = [event for event in found if event.subject == rollout_id and event.kind.startswith(_MOVED)]
    return OnRecord(
        plan_digest=planned.data["plan_digests"].get(stage) if planned else None,
        content=planned.data["content"] if planned else None,
        asked=of_release.get(_CREATED),
        moves=tuple(event for event in moves if event.kind != _REQUEUED),
        outputs={event.subject: event.data["output"] or {} for event in found if event.kind == _SUCCEEDED},
    )


def events_on_record(
    session: Session, *, release_id: str, subjects: Collection[str], kinds: Collection[str]
) -> list[Appended]:
    """Those of a release that hold, about these subjects and of these kinds, the oldest first."""
    of_it = col(Event.release_id) == release_id, col(Event.subject).in_(subjects), col(Event.kind).in_(kinds)
    return sorted(_events(session, *of_it), key=lambda event: event.seq)


def _says(events: Collection[Appended], kind: str, digest: str) -> bool:
    return any(event.kind == kind and event.data.get(ROW) == digest for event in events)


def _events(session: Session, *where: Any) -> list[Appended]:
    return _holding(session, _EVENTS.where(*where), {})


def _holding(session: Session, statement: Select[Any], parameters: dict[str, Any]) -> list[Appended]:
    """Events that hold, and those of this transaction that are not linked yet."""
    holding = []
    for *values, said_behind in session.connection().execute(statement, parameters):
        event = Appended(**dict(zip(_NAMES, values, strict=True)))
        if event.hash == said_behind == hash_of(event):
            holding.append(event)
    return [*holding, *appended_in(session)]


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is in no row that gives rights")
