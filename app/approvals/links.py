"""Links in chat messages to a rollout's page in the portal: signed, expiring, for one decision.

A link says which answer to which plan is meant, and nothing about who follows it: the portal asks for a login, shows the plan, and
takes the answer by a POST of its own form. Following a link, as scanners and previews do, decides nothing.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from urllib.parse import urlencode

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import delete
from sqlmodel import Session, col

from app.approvals.tables import UsedLink
from app.errors import Conflict, Invalid

Answer = Literal["approve", "reject"]

VALID = timedelta(days=3)
LONGEST = 2000  # characters
_PURPOSE = "mlrelease.chat.decide"


@dataclass(frozen=True)
class Link:
    """The content of a link: an answer to the plan of a rollout."""

    id: str
    release_id: str
    stage: str
    plan_digest: str
    answer: Answer
    expires_at: datetime


def make_link(
    keys: Sequence[str],
    *,
    portal: str,
    release_id: str,
    stage: str,
    plan_digest: str,
    answer: Answer,
    now: datetime,
    valid: timedelta = VALID,
) -> str:
    """The link's address. ``keys``: the service's signing keys, the newest first."""
    content = [secrets.token_urlsafe(12), release_id, stage, plan_digest, answer, int((now + valid).timestamp())]
    return f"{portal.rstrip('/')}/decide?{urlencode({'token': str(_serializer(keys).dumps(content))})}"


def read_link(session: Session, keys: Sequence[str], token: str, *, now: datetime) -> Link:
    """The content of a link's token. Raises Invalid (forged) and Conflict (expired, used)."""
    link = _open(keys, token)
    if now >= link.expires_at:
        raise Conflict(
            "This link has expired.", code="link_expired", hint="Decide in the portal, or with `mlrelease approve`."
        )
    if session.get(UsedLink, link.id) is not None:
        raise _used()
    return link


def use_link(session: Session, keys: Sequence[str], token: str, *, actor: str, now: datetime) -> Link:
    """Spend a token, in the transaction of the decision: a decision that is refused leaves it unspent. Raises as ``read_link``.

    Two at once meet at the table's primary key: run it in ``Database.transact``, which then finds the other's row.
    """
    link = read_link(session, keys, token, now=now)
    session.execute(delete(UsedLink).where(col(UsedLink.expires_at) < now))
    session.add(UsedLink(id=link.id, used_at=now, used_by=actor, expires_at=link.expires_at))
    session.flush()
    return link


def _open(keys: Sequence[str], token: str) -> Link:
    if len(token) > LONGEST:
        raise _forged()
    try:
        link_id, release_id, stage, plan_digest, answer, expires = _serializer(keys).loads(token)
    except (BadData, ValueError) as broken:
        raise _forged() from broken
    assert answer in get_args(Answer), "what we signed is an answer"
    return Link(link_id, release_id, stage, plan_digest, answer, datetime.fromtimestamp(expires, UTC))


def _serializer(keys: Sequence[str]) -> URLSafeSerializer:
    # It signs with the last key, and believes all of them.
    return URLSafeSerializer(list(reversed(keys)), salt=_PURPOSE)


def _forged() -> Invalid:
    return Invalid("This link was not created by this service.", code="link_forged")


def _used() -> Conflict:
    return Conflict("This link has already been used for a decision.", code="link_used")
