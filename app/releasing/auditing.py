"""The whole audit: the chain of events, and every row that gives rights, was decided or says what served against what the chain says of it.

In pages, so that neither memory nor a query holds all of it, and most of them in transactions of their own: whatever is written
meanwhile is not kept waiting. Only the rows are compared in one moment, at the end of the chain.

From an event on that somebody has noted it takes seconds: what is behind it in the chain, and the rows that were made, ended or changed
since. The hash that was noted covers every event before it, so none of those can have been replaced in the chain by another; that their
rows still say what was hashed, only the whole audit looks.
``python -m app.releasing.auditing [SEQ:HASH]`` asks the database alone.
"""

import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from app.database.connection import Database, see_one_moment
from app.errors import Conflict, MlreleaseError
from app.releases.audit import PAGE as PAGE_OF_EVENTS
from app.releases.audit import Anchor, ChainAudit, Verdict, check_anchor, head_of
from app.releases.plans import digest_of
from app.releases.tables import StoredPlan
from app.releasing.rows_on_record import Said, disagreements
from app.serving.tables import TrafficShare
from app.settings import read_settings

PAGE = 500
TOLD_SECONDS = 0.5  # between two words on how far it is


@dataclass(frozen=True)
class Progress:
    """How far it is: of ``what`` (events, plans, rows) ``done``; ``total`` is known of events alone."""

    what: str
    done: int
    total: int | None = None


def verify(database: Database, *, anchor: Anchor | None = None, since: Anchor | None = None) -> Verdict:
    """What ``verification`` comes to."""
    *_, verdict = verification(database, anchor=anchor, since=since)
    assert isinstance(verdict, Verdict)
    return verdict


def verification(
    database: Database, *, anchor: Anchor | None = None, since: Anchor | None = None, rest: float = 0.0
) -> Iterator[Progress | Verdict]:
    """Whether the chain is whole, and every row is as the chain says; where not, the first row that is not. The verdict comes last.

    ``since``: only what came after an event that was verified before. ``rest``: how long to rest after each page, by how long that took:
    1.0 leaves half of a processor to others.
    """
    chain = ChainAudit(since)
    try:
        why = yield from _walked(database, chain, anchor=anchor, since=since, rest=rest)
    except Conflict as cut:
        at = int(cut.details["seq"])
        hash_ = chain.hash if chain.seq == at - 1 else ""
        yield Verdict(False, at - 1, hash_, broken_at=at, why=cut.sentence, since=since.seq if since else 0)
        return
    yield Verdict(why is None, chain.seq, chain.hash, why=why, since=since.seq if since else 0)


def _walked(
    database: Database, chain: ChainAudit, *, anchor: Anchor | None, since: Anchor | None, rest: float
) -> Generator[Progress, None, str | None]:
    """To the end of the chain, then through the rows; the first that does not agree. Raises Conflict at the first broken link."""
    told = time.monotonic()
    with database.read() as session:
        said = Said(chain.begin(session))
        said.served.begin(_open_at(session, since))
        total = head_of(session).seq
    is_behind = True
    while is_behind:
        begun = time.monotonic()
        with database.read() as session:
            page = chain.page(session)
        said.note(page)
        is_behind = len(page) == PAGE_OF_EVENTS
        if time.monotonic() - told > TOLD_SECONDS:
            told = time.monotonic()
            yield Progress("events", chain.seq, max(total, chain.seq))
        time.sleep(rest * (time.monotonic() - begun))
    for page_number, plans in enumerate(_plans(database, said)):
        begun = time.monotonic()
        wrong = next((plan for plan in plans if digest_of(plan.document) != plan.digest), None)
        if wrong is not None:
            return f"The plan {wrong.digest} is not what its digest says."
        if time.monotonic() - told > TOLD_SECONDS:
            told = time.monotonic()
            yield Progress("plans", PAGE * page_number + len(plans))
        time.sleep(rest * (time.monotonic() - begun))
    with database.read() as session:
        see_one_moment(session)
        while page := chain.page(session):
            said.note(page)
        if anchor is not None:
            check_anchor(session, anchor)
        chain.end(session)
        yield Progress("events", chain.seq, chain.seq)
        for done, why in enumerate(disagreements(session, said)):
            if why is not None:
                return why
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                yield Progress("rows", done)
    return None


def _plans(database: Database, said: Said) -> Iterator[list[StoredPlan]]:
    """All of them, or those that were made since; a plan never changes, so each page comes in a transaction of its own."""
    made = sorted(said.plans)
    last = ""
    while True:
        query = select(StoredPlan).where(col(StoredPlan.digest) > last).order_by(col(StoredPlan.digest)).limit(PAGE)
        if said.since:
            query = query.where(col(StoredPlan.digest).in_([each for each in made if each > last][:PAGE]))
        with database.read() as session:
            page = list(session.exec(query).all())
        if not page:
            return
        yield page
        last = page[-1].digest


def _open_at(session: Session, since: Anchor | None) -> list[TrafficShare]:
    """The shares of traffic that the rows say were open when an event was written."""
    if since is None:
        return []
    lasted = or_(col(TrafficShare.to_event).is_(None), col(TrafficShare.to_event) > since.seq)
    return list(session.exec(select(TrafficShare).where(col(TrafficShare.from_event) <= since.seq, lasted)).all())


def run(anchor: str = "") -> int:
    """0: all of it is whole. 1: it is not."""
    seq, _, noted = anchor.partition(":")
    database = Database(read_settings().database)
    try:
        for each in verification(database, anchor=Anchor(int(seq), noted) if anchor else None):
            if isinstance(each, Verdict):
                return _told(each)
            of = "" if each.total is None else f" of {each.total}"
            sys.stderr.write(f"{each.done}{of} {each.what} are verified.\n")
    finally:
        database.dispose()
    raise AssertionError("the verdict comes last")


def _told(verdict: Verdict) -> int:
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
