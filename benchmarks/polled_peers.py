"""What polls are measured beside: the least that anybody would write, and the least that there could be. Served by ``python -m``.

    python -m benchmarks.polled_peers plain|memory PORT DATABASE BODY

``plain``: FastAPI and SQLModel, one row by its key, without rights. ``memory``: FastAPI that answers with bytes that it has.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, Response
from sqlmodel import Field, Session, SQLModel, create_engine


class Polled(SQLModel, table=True):
    """One release."""

    id: str = Field(primary_key=True)
    revision: int
    body: str


def plain(database: str, body: str) -> FastAPI:
    """As its own tutorial has it."""
    engine = create_engine(database)
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        session.merge(Polled(id="release-1", revision=7, body=body))
        session.commit()
    app = FastAPI()

    def in_session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    @app.get("/v1/releases/{release_id}")
    def get_release(
        release_id: str, session: Annotated[Session, Depends(in_session)], if_none_match: Annotated[str, Header()] = ""
    ) -> Response:
        found = session.get_one(Polled, release_id)
        if if_none_match == f'"{found.revision}"':
            return Response(status_code=304, headers={"ETag": if_none_match})
        return Response(found.body, media_type="application/json", headers={"ETag": f'"{found.revision}"'})

    return app


def memory(body: str) -> FastAPI:
    """Nothing is read. Who waits is woken by ``POST …/cancel``."""
    app = FastAPI()
    content = body.encode()
    changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    @app.get("/v1/releases/{release_id}")
    async def get_release(release_id: str, if_none_match: Annotated[str, Header()] = "", wait: float = 0.0) -> Response:
        if if_none_match == '"7"' and not await is_changed(release_id, wait):
            return Response(status_code=304, headers={"ETag": if_none_match})
        return Response(content, media_type="application/json", headers={"ETag": '"7"'})

    async def is_changed(release_id: str, wait: float) -> bool:
        if wait <= 0:
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(changed[release_id].wait(), wait)
        return changed[release_id].is_set()

    @app.post("/v1/releases/{release_id}/cancel")
    async def cancel(release_id: str) -> None:
        changed[release_id].set()

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    kind, port, database, body = sys.argv[1:]
    text = Path(body).read_text()
    app = memory(text) if kind == "memory" else plain(database, text)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
