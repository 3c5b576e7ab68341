"""Whether lists, pages, filters and polls cost more with a hundred thousand releases than with a thousand.

    python -m benchmarks.growth [--few 1000] [--many 100000] [--events 5] [--requests 10] [--times 8]

Two databases, on SQLite and on PostgreSQL, are filled by SQL: releases of eight models with their jobs, rollouts, steps, events, deliveries,
deployments and traffic, nothing of which is under way. One service runs over each, as ``mlrelease up`` starts it. Each address is asked by
turns, and counted in processor time of the service's whole tree of processes, and of PostgreSQL's; a ratio of 1.0 says that it does not grow.
Then the chain of events is verified, as a whole and from what was noted a hundred events before its end; and as many streams of events as
``--streams`` says wait for a release where nothing happens.
"""

import asyncio
import http.client
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx
import typer
from sqlalchemy import text

from app.database.connection import Database
from app.database.migrate import migrate
from app.definitions.read import read_archive
from app.definitions.tables import DefinitionVersion
from app.events.chain import hash_of
from app.events.work import UnitOfWork
from app.local.ports import free_port
from app.planning.observed import DeploymentFacts
from app.process.development_token import read_token
from app.releases.audit import Anchor, Verdict, page_behind
from app.releases.plans import digest_of, document_of
from app.releases.tables import StoredPlan
from app.releasing.auditing import verification
from benchmarks.definitions import BENCH, archive_of
from benchmarks.record import record
from benchmarks.servers import Server, cpu_of, service
from tests.growth import COMMON, JOB, RARE, TARGET, fill
from tests.planning.examples import a_plan
from tests.postgresql import PostgresServer, running_postgresql

GOAL = 1.3
NEW_EVENTS = 100  # since one was noted
LISTS = {
    "releases": "/v1/releases",
    "releases, second page": "/v1/releases?cursor={cursor}",
    "releases of a model": f"/v1/releases?model={COMMON}",
    "releases of a rare model": f"/v1/releases?model={RARE}",
    "releases in a common status": "/v1/releases?status=succeeded",
    "releases in a rare status": "/v1/releases?status=expired",
    "releases of a model in a rare status": f"/v1/releases?model={COMMON}&status=expired",
    "releases of a job": f"/v1/releases?job={JOB}",
    "releases that ask": "/v1/releases?asking=true",
    "a release": "/v1/releases/{release}",
    "a release's events": "/v1/releases/{release}/events",
    "events": "/v1/events",
    "events, the last": "/v1/events?after={last}",
    "jobs": "/v1/jobs",
    "jobs of a model": f"/v1/jobs?model={COMMON}",
    "a job": f"/v1/jobs/{JOB}",
    "targets": "/v1/targets",
    "targets of a model": f"/v1/targets?model={COMMON}",
    "a target": f"/v1/targets/{TARGET}",
    "what served there": f"/v1/targets/{TARGET}/history",
    "what served at a moment": f"/v1/targets/{TARGET}/history?at={{middle}}",
    "deployments without traffic": f"/v1/targets/{TARGET}/idle",
    "workers": "/v1/workers",
    "deliveries": "/v1/deliveries",
    "dead deliveries": "/v1/deliveries?status=dead",
    "models": "/v1/models",
    "a model": f"/v1/models/{COMMON}",
    "tokens": "/v1/tokens",
    "webhooks": "/v1/webhooks",
    "freezes": "/v1/freezes",
    "export of the last events": "/v1/audit/export?since={late}",
    "page: home": "/",
    "page: targets": "/targets",
    "page: a target": f"/targets/{TARGET}",
    "page: a release": "/releases/{release}",
}


@dataclass(frozen=True)
class Grown:
    """A service over a database of one size."""

    server: Server
    database_server: int | None  # PostgreSQL's process
    paths: Mapping[str, str]
    headers: Mapping[str, str]

    def cpu(self) -> float:
        return self.server.cpu() + (cpu_of(self.database_server) if self.database_server else 0.0)


def main(
    few: Annotated[int, typer.Option(help="releases in the small database")] = 1000,
    many: Annotated[int, typer.Option(help="releases in the large one")] = 100_000,
    events: Annotated[int, typer.Option(help="of each release")] = 5,
    requests: Annotated[int, typer.Option(help="for each address in each turn")] = 10,
    times: Annotated[int, typer.Option(help="that each is measured, by turns")] = 8,
    streams: Annotated[int, typer.Option(help="that wait for a release")] = 2000,
    database: Annotated[list[str] | None, typer.Option(help="sqlite or postgresql; both, where it is left out")] = None,
) -> None:
    """Measure, print the table, keep the figures."""
    sizes = {"few": few, "many": many}
    figures: dict[str, object] = {}
    ratios: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrelease-bench-")))
        postgresql = stack.enter_context(running_postgresql())
        for name in database or ("sqlite", "postgresql"):
            with ExitStack() as each:
                urls = {size: _url(name, size, scratch, postgresql) for size in sizes}
                filled = {size: _filled(url, scratch, sizes[size], events) for size, url in urls.items()}
                server = postgresql if name == "postgresql" else None
                grown = {
                    size: each.enter_context(_serving(url, scratch / f"{name}-{size}", server, sizes[size], events))
                    for size, url in urls.items()
                }
                costs = _measure(grown, requests=requests, times=times)
                ratios[name] = {what: cost["many"] / cost["few"] for what, cost in costs.items()}
                verified = {size: _verified(url) for size, url in urls.items()}
                idle = _idle(grown["many"], streams)
            figures[name] = {
                "milliseconds": costs,
                "seconds_to_fill": filled,
                "verify": verified,
                "idle_streams": {"streams": streams, "of_a_core": idle},
            }
            _show(name, costs, ratios[name])
            for size, seen in verified.items():
                typer.echo(
                    f"{name}: {sizes[size] * events:,} events are verified in {seen['whole']:.1f} s of processor time, the last {NEW_EVENTS} in {seen['since']:.2f} s"
                )
            typer.echo(f"{name}: {streams} streams where nothing happens take {idle:.3f} of a core")
    over = {name: sorted(what for what, ratio in each.items() if ratio > GOAL) for name, each in ratios.items()}
    typer.echo(f"Above {GOAL}: {over}")
    worst = {name: max(each.values()) for name, each in ratios.items()}
    record(
        "growth",
        {
            "worst": max(worst.values()),
            "by_database": {name: {"worst": worst[name], **each} for name, each in ratios.items()},
            "raw": {"sizes": sizes, "events_of_each": events, **figures},
        },
    )


def _url(name: str, size: str, scratch: Path, postgresql: PostgresServer) -> str:
    return f"sqlite:///{scratch}/{size}.db" if name == "sqlite" else postgresql.new_database(f"growth_{size}")


def _filled(url: str, scratch: Path, releases: int, events: int) -> float:
    """The seconds that it took."""
    begun = time.monotonic()
    database = Database(url)
    migrate(database)
    fill(database, releases, events=events)
    plan = document_of(a_plan("dev"))
    keys = [step["key"] for step in plan["steps"]]
    with database.write() as session:
        session.add(StoredPlan(digest=digest_of(plan), document=plan))
        version = session.get_one(DefinitionVersion, 1)
        version.content = read_archive(archive_of(COMMON, scratch)).model_dump(mode="json")
        session.connection().execute(text("UPDATE rollout SET plan_digest = :plan"), {"plan": digest_of(plan)})
        facts = DeploymentFacts(name="d", instance_type="Standard_E2s_v3", instance_count=1).model_dump_json()
        session.connection().execute(text("UPDATE deployed SET facts = :facts"), {"facts": facts})
        for position in (1, 2):
            changed = {"key": keys[position - 1], "position": position}
            session.connection().execute(text("UPDATE step_run SET key = :key WHERE position = :position"), changed)
    # What is under way costs what it costs: both have none of that.
    with database.engine.begin() as connection:
        for table in ("release", "rollout", "step_run"):
            under_way = "status IN ('in_progress', 'pending_approval', 'running')"
            connection.execute(text(f"UPDATE {table} SET status = 'succeeded' WHERE {under_way}"))  # noqa: S608 - ours
        # But for one release, which streams can wait for.
        connection.execute(
            text("UPDATE release SET status = 'paused' WHERE number = (SELECT max(number) FROM release)")
        )
    _chain(database)
    database.dispose()
    return time.monotonic() - begun


def _chain(database: Database) -> None:
    """Link the events that were filled in by SQL, as they would have been."""
    table = "UPDATE event SET previous = :previous, hash = :hash WHERE seq = :seq"
    previous, seq = "", 0
    with database.engine.begin() as connection:
        while page := page_behind(connection, seq):
            for event in page:
                event.previous = previous
                event.hash = previous = hash_of(event)
            seq = page[-1].seq
            connection.execute(text(table), [{"previous": e.previous, "hash": e.hash, "seq": e.seq} for e in page])
        connection.execute(text("UPDATE event_head SET hash = :hash"), {"hash": previous})


@contextmanager
def _serving(url: str, data: Path, postgresql: PostgresServer | None, releases: int, events: int) -> Iterator[Grown]:
    data.mkdir()
    with service(url, data, free_port(), development_login=True) as server:
        address = f"http://127.0.0.1:{server.port}"
        token = read_token(data) or ""
        headers = {"Authorization": f"Bearer {token}", "Mlrelease-Actor": "bench"}
        with httpx.Client(base_url=address, headers=headers) as client:
            first = client.get("/v1/releases").raise_for_status().json()
        with httpx.Client(base_url=address) as browser:
            form = {"token": token, "name": "bench"}
            browser.get("/login")
            browser.post("/login", data=form, headers={"Origin": address})
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        last = releases * events - 10
        known = {
            "cursor": quote(first["next"]),
            "release": first["items"][0]["id"],
            "last": str(last),
            "middle": quote(_moment(releases // 2)),
            "late": quote(_moment(releases - 2)),
        }
        paths = {what: path.format(**known) for what, path in LISTS.items()}
        pid = None if postgresql is None else postgresql.pid
        yield Grown(server, pid, paths, headers | {"Cookie": cookie})


def _moment(minute: int) -> str:
    return datetime.fromtimestamp(1767225600 + 60 * minute, UTC).isoformat()


def _measure(grown: Mapping[str, Grown], *, requests: int, times: int) -> dict[str, dict[str, float]]:
    """By address and size: milliseconds of processor time for one request, of the turn that was disturbed least."""
    found: dict[str, dict[str, float]] = {}
    for what in LISTS:
        seen: dict[str, list[float]] = {size: [] for size in grown}
        for turn in range(times + 1):
            for size, each in grown.items():
                cost = _cost(each, each.paths[what], requests)
                if turn:  # the first warms up
                    seen[size].append(cost)
        found[what] = {size: min(costs) for size, costs in seen.items()}
    return found


def _cost(grown: Grown, path: str, requests: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", grown.server.port, timeout=60)
    cpu = grown.cpu()
    for _ in range(requests):
        connection.request("GET", path, headers=dict(grown.headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}: {body[:300]!r}")
    connection.close()
    return 1000 * (grown.cpu() - cpu) / requests


def _verified(url: str) -> dict[str, float]:
    """Seconds of this process's time for the whole chain, and for what came since an event was noted."""
    database = Database(url)
    with database.read() as session:
        noted = Anchor(*session.connection().execute(text("SELECT seq, hash FROM event_head")).one())
    with UnitOfWork(database, BENCH).transaction() as work:
        for number in range(NEW_EVENTS):
            work.append_event("bench.noted", subject=str(number))
    took = {}
    for name, since in (("whole", None), ("since", noted)):
        begun = time.process_time()
        *_, verdict = verification(database, since=since)
        took[name] = time.process_time() - begun
        if not isinstance(verdict, Verdict) or verdict.broken_at or verdict.seq != noted.seq + NEW_EVENTS:
            raise SystemExit(f"The chain is not verified: {verdict}")
    database.dispose()
    return took


def _idle(grown: Grown, streams: int) -> float:
    """The part of a core that streams take where nothing happens."""
    return asyncio.run(_hold(grown, streams))


async def _hold(grown: Grown, streams: int) -> float:
    path = re.sub(r"\?.*", "", grown.paths["a release's events"])
    lines = {**grown.headers, "Host": "127.0.0.1", "Accept": "text/event-stream"}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writers = []
    for number in range(streams):
        reader, writer = await asyncio.open_connection("127.0.0.1", grown.server.port)
        writer.write(f"GET {path}?after=2147483646 HTTP/1.1\r\n{head}\r\n".encode())
        writers.append((asyncio.create_task(reader.read()), writer))
        if number % 50 == 49:
            await asyncio.sleep(0.2)
    await asyncio.sleep(20)
    cpu, begun = grown.cpu(), time.monotonic()
    await asyncio.sleep(30)
    part = (grown.cpu() - cpu) / (time.monotonic() - begun)
    if any(task.done() for task, _ in writers):
        raise SystemExit("A stream ended.")
    for task, writer in writers:
        task.cancel()
        writer.close()
    return part


def _show(name: str, costs: Mapping[str, Mapping[str, float]], ratios: Mapping[str, float]) -> None:
    typer.echo(f"{name:<40}{'ms, few':>10}{'ms, many':>10}{'ratio':>8}")
    for what, cost in costs.items():
        typer.echo(f"{what:<40}{cost['few']:>10.2f}{cost['many']:>10.2f}{ratios[what]:>8.2f}")


if __name__ == "__main__":
    typer.run(main)
