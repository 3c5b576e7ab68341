"""Polls are answered before the framework, and nobody can tell: the same answers, rights looked at each time, nothing older than known."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.api import polls
from app.api.polls import Polls
from app.settings import Settings
from tests.api.playing import apply, ask, definition
from tests.api.serving import Served, serving, statements
from tests.identity.conftest import As
from tests.identity.issuer import TestIssuer
from tests.instant import InstantWorker
from tests.waiting import wait_until

pytestmark = pytest.mark.both_databases

NOT_COMPARED = {"date", "x-request-id"}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each poll that was recognised: whether it was answered before the framework."""
    seen: list[bool] = []
    real = Polls._is_answered

    async def note(self: Polls, poll: polls.Poll, send: Any) -> bool:
        seen.append(await real(self, poll, send))
        return seen[-1]

    monkeypatch.setattr(Polls, "_is_answered", note)
    return seen


def shown(answer: httpx.Response) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_COMPARED}
    return answer.status_code, headers, answer.content


def both(
    client: httpx.Client, path: str, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> tuple[httpx.Response, httpx.Response]:
    """The answer, and that of the framework alone."""
    ours = client.get(path, **more)
    with monkeypatch.context() as patch:
        patch.setattr(polls, "_poll_of", lambda _scope: None)
        theirs = client.get(path, **more)
    return ours, theirs


def test_both_paths_answer_the_same(
    root: httpx.Client,
    bearer: As,
    holder: As,
    issuer: TestIssuer,
    planned: str,
    monkeypatch: pytest.MonkeyPatch,
    answered: list[bool],
) -> None:
    path = f"/v1/releases/{planned}"
    etag = root.get(path).headers["ETag"]
    ci = bearer(issuer.token(repository="team/churn", ref="refs/heads/main"))
    stranger, revoked = (
        holder("viewer:other"),
        root.post("/v1/tokens", json={"name": "x", "grants": [{"role": "viewer"}]}).json(),
    )
    root.post(f"/v1/tokens/{revoked['id']}/revoke")
    known = {"If-None-Match": etag}
    cases: list[tuple[httpx.Client, str, dict[str, Any]]] = [
        (client, place, more)
        for client in (root, ci, stranger, bearer(), bearer(revoked["secret"]), bearer("mlr_x"), bearer("nonsense"))
        for place in (path, "/v1/releases/churn-999", "/v1/releases/other-1")
        for more in ({}, {"headers": known})
    ]
    for form in (f"W/{etag}", f'"0", {etag}', '"0"', etag.strip('"'), "*", ""):
        cases.append((root, path, {"headers": {"If-None-Match": form}}))
    for query in ("wait=0", "wait=0.1", "wait=-1", "wait=121", "wait=nan", "wait=1e1", "wait=0&wait=0", "x=1", "wait"):
        cases.append((root, f"{path}?{query}", {"headers": known}))
    for odd in (f"{path}/", "/v1/releases/churn%2D1", "/v1/releases/a%00b", "/v1/releases/%F0%9F%8C%8A", f"{path}%20"):
        cases.append((root, odd, {}))
    cases += [
        (bearer(), path, {"headers": [("Authorization", root.headers["Authorization"])] * 2}),
        (root, path, {"headers": [("If-None-Match", '"0"'), ("If-None-Match", etag)]}),
        (bearer(), path, {"headers": {"Authorization": root.headers["Authorization"].replace("Bearer", "bearer")}}),
        (bearer(), path, {"headers": {"Authorization": "Basic YTpi"}}),
    ]

    for client, place, more in cases:
        ours, theirs = both(client, place, monkeypatch, **more)
        assert shown(ours) == shown(theirs), (place, more)

    wait_until(lambda: answered.count(True) >= 10, what="polls were answered before the framework")
    assert answered.count(False) >= 10


def test_most_polls_are_answered_before_the_framework_by_one_statement(
    root: httpx.Client, planned: str, service: Served, answered: list[bool]
) -> None:
    etag = root.get(f"/v1/releases/{planned}").headers["ETag"]
    root.get(f"/v1/releases/{planned}")

    with statements(service.service.database.engine) as seen:
        for _ in range(5):
            assert root.get(f"/v1/releases/{planned}", headers={"If-None-Match": etag}).status_code == 304
            assert root.get(f"/v1/releases/{planned}").status_code == 200

    wait_until(lambda: answered[-10:] == [True] * 10, what="each was answered before the framework")
    assert len(seen) == 10


def test_token_that_is_revoked_or_changed_past_the_service_is_refused_at_once(
    root: httpx.Client, bearer: As, planned: str, service: Served, answered: list[bool]
) -> None:
    def another() -> tuple[str, httpx.Client]:
        made = root.post("/v1/tokens", json={"name": "ci", "grants": [{"role": "viewer", "model": "churn"}]}).json()
        client = bearer(made["secret"])
        assert [client.get(f"/v1/releases/{planned}").status_code for _ in range(2)] == [200, 200]
        wait_until(lambda: answered[-1], what="the second poll was answered before the framework")
        return made["id"], client

    def change(token: str, assignment: str, value: str) -> None:
        with service.service.database.write() as session:
            session.connection().execute(
                text(f"UPDATE api_token SET {assignment} = :value WHERE id = :id"),  # noqa: S608 - ours
                {"value": value, "id": token},
            )

    token, client = another()
    root.post(f"/v1/tokens/{token}/revoke")
    assert client.get(f"/v1/releases/{planned}").json()["code"] == "token_revoked"

    for column, value, code in (
        ("name", "mallory", "token_not_on_record"),
        ("expires_at", "2020-01-01 00:00:00.000000+00:00", "token_expired"),
    ):
        token, client = another()
        change(token, column, value)
        refused = client.get(f"/v1/releases/{planned}")
        assert (refused.status_code, refused.json()["code"]) == (401, code)


def test_what_is_believed_of_a_token_is_asked_of_the_chain_again(
    root: httpx.Client, planned: str, answered: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    root.get(f"/v1/releases/{planned}")
    monkeypatch.setattr("app.releases.attested.BELIEVED_SECONDS", 0.0)

    assert root.get(f"/v1/releases/{planned}").status_code == 200

    assert answered[-1] is False


def test_poll_that_waits_for_a_change_hears_of_it_only_with_its_rights(
    root: httpx.Client, bearer: As, planned: str, service: Served, worker: InstantWorker, answered: list[bool]
) -> None:
    made = root.post("/v1/tokens", json={"name": "ci", "grants": [{"role": "viewer", "model": "churn"}]}).json()
    client = bearer(made["secret"])
    etag = client.get(f"/v1/releases/{planned}").headers["ETag"]
    client.get(f"/v1/releases/{planned}")
    waits: dict[str, Any] = {"params": {"wait": 60}, "headers": {"If-None-Match": etag}, "timeout": 90}
    with ThreadPoolExecutor(2) as pool:
        mine = pool.submit(client.get, f"/v1/releases/{planned}", **waits)
        other = pool.submit(root.get, f"/v1/releases/{planned}", **waits)
        while service.waiting < 2:
            assert not mine.done()
            assert not other.done()
        root.post(f"/v1/tokens/{made['id']}/revoke")
        worker.complete(planned, "dev")

        assert mine.result().json()["code"] == "token_revoked"
        assert other.result().json()["rollouts"][0]["status"] != "queued"
    wait_until(lambda: answered[-2:].count(True) == 1, what="the other one was answered before the framework")


def test_rights_that_end_while_a_poll_waits_are_not_those_it_came_with(
    root: httpx.Client, bearer: As, planned: str, service: Served, worker: InstantWorker
) -> None:
    """Past the service, too: an expired token, one with another name or other grants, and one that is no longer there."""
    grants = [{"role": "viewer", "model": "churn"}]
    changes = {
        "expires_at = '2020-01-01 00:00:00.000000+00:00'": (401, "token_expired"),
        "name = 'mallory'": (401, "token_not_on_record"),
        """grants = '[{"role": "admin", "model": null}]'""": (401, "token_not_on_record"),
        None: (401, "token_unknown"),
    }
    etag = root.get(f"/v1/releases/{planned}").headers["ETag"]
    with ThreadPoolExecutor(len(changes)) as pool:
        waiting = []
        for change in changes:
            made = root.post("/v1/tokens", json={"name": "ci", "grants": grants}).json()
            waits: dict[str, Any] = {"params": {"wait": 60}, "headers": {"If-None-Match": etag}, "timeout": 90}
            poll = pool.submit(bearer(made["secret"]).get, f"/v1/releases/{planned}", **waits)
            waiting.append((made["id"], change, poll))
        wait_until(lambda: service.waiting == len(changes), what="all wait")
        with service.service.database.write() as session:
            for token, change, _ in waiting:
                told = "DELETE FROM api_token" if change is None else f"UPDATE api_token SET {change}"  # noqa: S608 - ours
                session.connection().execute(text(f"{told} WHERE id = :id"), {"id": token})
        worker.complete(planned, "dev")

        for _, change, poll in waiting:
            answer = poll.result()
            assert (answer.status_code, answer.json()["code"]) == changes[change], change


def test_who_is_read_for_together_gets_no_more_than_each_alone(
    root: httpx.Client, holder: As, planned: str, answered: list[bool]
) -> None:
    """One statement has the releases and the tokens of all who ask at that moment."""
    assert apply(root, definition("other")).status_code == 201
    hidden = str(ask(root, model="other")["id"])
    clients = {model: holder(f"viewer:{model}") for model in ("churn", "other")}
    paths = {"churn": f"/v1/releases/{planned}", "other": f"/v1/releases/{hidden}"}
    etags = {model: root.get(path).headers["ETag"] for model, path in paths.items()}
    asked = [(model, place, known) for model in clients for place in paths for known in (False, True)] * 8
    for model, path in paths.items():
        assert clients[model].get(path).status_code == 200

    def poll(model: str, place: str, known: bool) -> httpx.Response:
        headers = {"If-None-Match": etags[place]} if known else {}
        return clients[model].get(paths[place], headers=headers)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: poll(*each), asked))

    for (model, place, known), answer in zip(asked, answers, strict=True):
        assert answer.status_code == (404 if model != place else 304 if known else 200)
        assert answer.headers.get("ETag") == (etags[place] if model == place else None)
        if answer.status_code == 200:
            assert answer.json()["id"] == paths[place].rpartition("/")[2]
    assert answered.count(True) >= len(asked) // 2


def test_no_replica_answers_with_less_than_its_caller_has_seen(
    settings: Settings, root: httpx.Client, planned: str, worker: InstantWorker
) -> None:
    with serving(settings) as second, ThreadPoolExecutor(1) as pool:
        other = second.client(None)
        other.headers["Authorization"] = root.headers["Authorization"]
        writes = pool.submit(worker.complete, planned, "dev")
        seen: list[int] = []
        while not writes.done() or len(seen) < 40:
            for replica in (root, other):
                answer = replica.get(f"/v1/releases/{planned}").json()
                assert answer["revision"] >= max(seen, default=0)
                seen.append(answer["revision"])
        writes.result()

    assert len(set(seen)) > 1
    assert seen[-1] == root.get(f"/v1/releases/{planned}").json()["revision"]


def test_database_that_is_away_is_told_as_the_framework_tells_it(
    root: httpx.Client, planned: str, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.get(f"/v1/releases/{planned}")

    def away(*_: Any, **__: Any) -> Any:
        raise OSError("the server has gone")

    reader = service.service.poll_reader
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_look", away)
        assert root.get(f"/v1/releases/{planned}").status_code == 200, "the framework reads by itself"
    assert root.get(f"/v1/releases/{planned}").status_code == 200


def test_expired_token_is_not_recalled(service: Served, root: httpx.Client, planned: str, answered: list[bool]) -> None:
    root.get(f"/v1/releases/{planned}")
    later = datetime.now(UTC) + timedelta(days=400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(service.service.database), "now", lambda _self: later)
        refused = root.get(f"/v1/releases/{planned}")

    assert (refused.status_code, refused.json()["code"]) == (401, "token_expired")
    assert answered[-1] is False
