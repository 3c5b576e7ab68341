"""What a write is measured beside: the least that anybody would write, without rights, keys, events or work for others.

    python -m benchmarks.written_peer PORT DATABASE

FastAPI and SQLModel, as their own tutorials have it: each request writes one row, and nine that belong to it.
"""

import sys
from collections.abc import Iterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from sqlmodel import Field, Session, SQLModel, create_engine


class Release(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    model: str
    job: str


class Step(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    release_id: int = Field(foreign_key="release.id")
    key: str
    status: str = "pending"


class NewRelease(SQLModel):
    model: str
    job: str


STEPS = 9


def create_app(database: str) -> FastAPI:
    engine = create_engine(database, connect_args={"timeout": 60})  # seconds: its callers get in each other's way
    SQLModel.metadata.create_all(engine)
    app = FastAPI()

    def in_session() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    @app.post("/v1/releases", status_code=201)
    def create_release(new: NewRelease, session: Annotated[Session, Depends(in_session)]) -> Release:
        release = Release(model=new.model, job=new.job)
        session.add(release)
        session.flush()
        assert release.id is not None, "a stored row has an id"
        session.add_all(Step(release_id=release.id, key=f"step-{number}") for number in range(STEPS))
        session.commit()
        session.refresh(release)
        return release

    return app


if __name__ == "__main__":
    port, database = sys.argv[1:]
    uvicorn.run(create_app(database), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
