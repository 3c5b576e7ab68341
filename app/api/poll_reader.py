"""What a poll has to know of this moment: how far a release is, and the token of who asks.

Polls come in crowds. Those that come while a read is under way are read for by the next one together: one statement, over one
connection, in one thread, however many they are. No read began before the request came that it is for.
"""

import asyncio
import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Connection

from app.database.connection import Database, available
from app.errors import MlreleaseError, Unavailable
from app.identity.tables import ApiToken
from app.releases.attested import row_digest

log = structlog.get_logger(__name__)

MOST_TOGETHER = 50  # requests in one read: what is answered together keeps everybody else waiting
# Of these places, while there are any who were woken: those who come anew never end where thousands poll.
FOR_WOKEN = 10
MOST_REST = 0.02  # seconds between two reads for a crowd: a database that is slow is no work of this process
MOST_EVENTS = 1000  # in one look for what has changed: what is left the next one finds
MOST_TOKENS = 1000  # that are kept as rows

_TOKEN = ("id", "hash", "name", "grants", "created_by", "created_at", "expires_at", "revoked_at")
_STATEMENT = """
SELECT id, revision, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM release WHERE id {among}
UNION ALL
SELECT id, NULL, hash, name, CAST(grants AS text), created_by, created_at, expires_at, revoked_at FROM api_token WHERE hash {among}
"""
# By the driver's own words: to have a statement put together costs more than all the rest of a poll.
_BY_DATABASE = {
    "sqlite": _STATEMENT.format(among="IN (SELECT value FROM json_each(?))"),
    "postgresql": _STATEMENT.format(among="= ANY(%s)"),
}


@dataclass(frozen=True)
class TokenSeen:
    """The row of a token, and the digest over it that the chain of events has."""

    row: ApiToken
    digest: str


@dataclass(frozen=True)
class Seen:
    """One moment. ``revisions``: by release, of those that were asked about and perhaps of others; without those that there are not.

    ``token``: None where none was asked about, or there is none with this hash.
    """

    at: datetime
    revisions: Mapping[str, int]
    token: TokenSeen | None


@dataclass(frozen=True)
class _Asked:
    releases: Collection[str]
    token_hash: str | None
    answer: "asyncio.Future[Seen]"


class PollReader:
    """Reads for all polls of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statement = _BY_DATABASE[database.engine.dialect.name]
        place = "?" if database.engine.dialect.name == "sqlite" else "%s"
        self._behind = f"SELECT seq, release_id FROM event WHERE seq > {place} ORDER BY seq LIMIT {MOST_EVENTS}"  # noqa: S608 - ours
        self._pass = json.dumps if database.engine.dialect.name == "sqlite" else list
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="polls")
        self._connection: Connection | None = None
        self._new: deque[_Asked] = deque()
        self._woken: deque[_Asked] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def read(self, releases: Collection[str], token_hash: str | None = None, *, has_waited: bool = False) -> Seen:
        """The releases' revisions and the token, all of one moment. Raises Unavailable. ``has_waited``: for a change."""
        loop = asyncio.get_running_loop()
        asked = _Asked(releases, token_hash, loop.create_future())
        (self._woken if has_waited else self._new).append(asked)
        if self._reading is None:
            self._reading = loop.create_task(self._read_all())
        return await asked.answer

    async def read_behind(self, position: int | None) -> tuple[int, Mapping[str, int]]:
        """Which releases have changed behind a position in the chain, with their revisions; and the position that was read to.

        Without a position it is where the chain ends now, and nothing has changed. Raises Unavailable.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._look_behind, position)
        except MlreleaseError:
            raise
        except Exception as broken:
            log.exception("changes_not_read")
            raise Unavailable("What has changed cannot be read now.", code="polls_not_read") from broken

    def close(self) -> None:
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    async def _read_all(self) -> None:
        """Until nobody is left who asks."""
        loop = asyncio.get_running_loop()
        try:
            while self._new or self._woken:
                begun = loop.time()
                these = self._next()
                releases = {name for each in these for name in each.releases}
                hashes = {each.token_hash for each in these if each.token_hash is not None}
                try:
                    at, revisions, tokens = await loop.run_in_executor(self._thread, self._look, releases, hashes)
                except MlreleaseError as no:
                    self._tell_all(these, no)
                    continue
                except Exception:
                    log.exception("polls_not_read")
                    self._tell_all(these, Unavailable("What polls ask for cannot be read now.", code="polls_not_read"))
                    continue
                for each in these:
                    if not each.answer.done():
                        token = tokens.get(each.token_hash) if each.token_hash else None
                        each.answer.set_result(Seen(at, revisions, token))
                if self._new or self._woken:  # a crowd: it takes half of the time, everybody else has the other
                    await asyncio.sleep(0)  # until these are answered
                    await asyncio.sleep(min(loop.time() - begun, MOST_REST))
        finally:
            self._reading = None

    def _tell_all(self, asked: Collection[_Asked], broken: MlreleaseError) -> None:
        """Those, too, who came meanwhile: each would wait for a failure of its own."""
        for each in (*asked, *self._new, *self._woken):
            if not each.answer.done():
                each.answer.set_exception(broken)
        self._new.clear()
        self._woken.clear()

    def _next(self) -> list[_Asked]:
        """Thousands may be woken at once: whoever comes meanwhile is not put behind them."""
        most_new = MOST_TOGETHER - min(len(self._woken), FOR_WOKEN)
        these = [self._new.popleft() for _ in range(min(len(self._new), most_new))]
        return these + [self._woken.popleft() for _ in range(min(len(self._woken), MOST_TOGETHER - len(these)))]

    def _look(
        self, releases: Collection[str], hashes: Collection[str]
    ) -> tuple[datetime, Mapping[str, int], Mapping[str, TokenSeen]]:
        at = self._database.now()
        rows = self._rows(self._statement, self._pass(list(releases)), self._pass(list(hashes)))
        revisions: dict[str, int] = {}
        tokens: dict[str, TokenSeen] = {}
        for name, revision, *fields in rows:
            if revision is not None:
                revisions[name] = revision
            else:
                token = _token(name, *fields)
                tokens[token.row.hash] = token
        return at, revisions, tokens

    def _look_behind(self, position: int | None) -> tuple[int, Mapping[str, int]]:
        if position is None:
            ((end,),) = self._rows("SELECT seq FROM event_head")
            return end, {}
        # Each change of a release is an event, whose number is the revision; numbers follow the order of commits.
        rows = self._rows(self._behind, position)
        return (rows[-1][0] if rows else position), {release: seq for seq, release in rows if release is not None}

    def _rows(self, statement: str, *parameters: Any) -> Sequence[Any]:
        try:
            with available():
                connection = self._connected()
                with connection.begin():
                    return connection.exec_driver_sql(statement, parameters).all()
        except BaseException:
            self._disconnect()
            raise

    def _connected(self) -> Connection:
        """One for all reads: to have the pool prove one before each would be most of a poll's time."""
        if self._connection is None:
            connection = self._database.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT", read_only=True)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@lru_cache(MOST_TOKENS)
def _token(*fields: Any) -> TokenSeen:
    """A row as the driver gives it: the same row is the same token, and is read once."""
    given = dict(zip(_TOKEN, fields, strict=True))
    moments = {name: _moment(given.pop(name)) for name in ("created_at", "expires_at", "revoked_at")}
    row = ApiToken(**given | moments | {"grants": json.loads(given["grants"])})
    return TokenSeen(row, row_digest(row))


def _moment(given: Any) -> datetime | None:
    """SQLite has text, without the zone: UTC."""
    moment = datetime.fromisoformat(given) if isinstance(given, str) else given
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
