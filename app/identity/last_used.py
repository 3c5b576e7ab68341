"""When tokens were last used. Written in the background, so no request waits for it or fails because of it."""

import asyncio
from datetime import datetime

import structlog

from app.database.connection import Database
from app.errors import MlreleaseError
from app.identity.tokens import note_use

log = structlog.get_logger(__name__)

WRITE_SECONDS = 60.0


class LastUsed:
    """Uses that are not written yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses: dict[str, datetime] = {}

    def note(self, token_id: str, *, at: datetime) -> None:
        self._uses[token_id] = at

    async def keep_writing(self) -> None:
        """Run for as long as the process serves, and a last time at its end."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                await asyncio.to_thread(self.write)
        finally:
            self.write()

    def write(self) -> None:
        """Write the noted uses. What cannot be written now is written the next time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            with self._database.write() as session:
                for token_id, at in sorted(
                    uses.items()
                ):  # in one order: two that write crosswise would wait for each other
                    note_use(session, token_id, at=at)
        except MlreleaseError as error:
            log.warning("token_uses_not_written", error=str(error))
            self._uses = uses | self._uses
