"""API tokens: revoked, expired, mistyped, of another model, and what is kept of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from app.api.first_token import first_token
from app.errors import Conflict
from app.identity.secrets import is_token, new_token
from tests.api.serving import Served
from tests.identity.conftest import As
from tests.instant import InstantWorker
from tests.waiting import wait_until


@pytest.fixture
def database_kind() -> str:
    """Nothing here has to do with it."""
    return "sqlite"


def refused(client: httpx.Client) -> tuple[int, str]:
    answer = client.get("/v1/releases")
    return answer.status_code, answer.json()["code"]


def new(root: httpx.Client, *, name: str = "ci", **more: object) -> dict[str, str]:
    made = root.post("/v1/tokens", json={"name": name, "grants": [{"role": "viewer"}], **more})
    assert made.status_code == 201, made.text
    document: dict[str, str] = made.json()
    return document


def test_revoked_token_is_refused_from_now_on(root: httpx.Client, bearer: As) -> None:
    token = new(root)
    holder = bearer(token["secret"])
    assert holder.get("/v1/releases").status_code == 200

    assert root.post(f"/v1/tokens/{token['id']}/revoke").status_code == 200

    assert refused(holder) == (401, "token_revoked")


@pytest.mark.parametrize("scheme", ["", "Basic ", "Token "])
def test_token_that_counts_does_so_as_a_bearer_only(
    root: httpx.Client, bearer: As, service: Served, planned: str, scheme: str
) -> None:
    secret = new(root)["secret"]
    addresses = ("/v1/releases", f"/v1/releases/{planned}")
    assert [bearer(secret).get(each).status_code for each in addresses] == [200, 200]

    other = service.client(None)
    answers = [other.get(each, headers={"Authorization": scheme + secret}) for each in addresses]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(401, "credentials_malformed")] * 2


def test_expired_token_is_refused(root: httpx.Client, bearer: As, service: Served) -> None:
    token = new(root)
    with service.service.database.write() as session:
        earlier = (datetime.now(UTC) - timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")
        session.connection().execute(
            text("UPDATE api_token SET expires_at = :at WHERE id = :id"), {"at": earlier, "id": token["id"]}
        )

    assert refused(bearer(token["secret"])) == (401, "token_expired")


def test_mistyped_token_is_told_from_an_unknown_one(root: httpx.Client, bearer: As) -> None:
    secret = new(root)["secret"]
    wrong = secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:]

    assert refused(bearer(wrong)) == (401, "token_malformed")
    assert refused(bearer(new_token())) == (401, "token_unknown")


def test_tokens_are_random_and_have_a_checksum() -> None:
    tokens = {new_token() for _ in range(200)}

    assert len(tokens) == 200
    assert all(is_token(token) and len(token) == 53 for token in tokens)
    assert not any(is_token(token[:-1]) or is_token(token + "0") or is_token(token.swapcase()) for token in tokens)


def test_secret_is_in_no_table_and_no_event(root: httpx.Client, service: Served) -> None:
    secret = new(root, note="for CI")["secret"]

    with service.service.database.read() as session:
        tables = ("api_token", "event", "idempotent_answer")
        kept = [str(session.connection().execute(text(f"SELECT * FROM {each}")).all()) for each in tables]  # noqa: S608 # our names
    assert "for CI" in kept[0]
    assert "token.created" in kept[1]
    assert not any(secret in table for table in kept)
    assert secret not in root.get("/v1/tokens").text


def test_same_key_again_is_a_conflict_and_not_a_second_look(root: httpx.Client) -> None:
    body, key = {"name": "ci", "grants": [{"role": "viewer"}]}, {"Idempotency-Key": "once"}
    first = root.post("/v1/tokens", json=body, headers=key)

    again = root.post("/v1/tokens", json=body, headers=key)

    assert first.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "token_created_already")
    assert first.json()["id"] in again.json()["detail"]


def test_token_allows_nothing_on_another_model(holder: As, planned: str) -> None:
    stranger = holder("admin:other")

    assert stranger.get(f"/v1/releases/{planned}").status_code == 404
    assert stranger.post(f"/v1/releases/{planned}/cancel", json={}).status_code == 404
    assert stranger.post("/v1/tokens", json={"name": "me", "grants": [{"role": "admin"}]}).status_code == 403


def test_use_is_noted(root: httpx.Client, holder: As, service: Served) -> None:
    holder("viewer", name="ci").get("/v1/releases")
    service.service.authentication.last_used.write()

    (ci,) = [each for each in root.get("/v1/tokens").json()["items"] if each["name"] == "ci"]
    assert ci["last_used_at"] is not None


def test_there_is_one_first_token(root: httpx.Client, service: Served) -> None:
    assert root.get("/v1/tokens").status_code == 200

    with pytest.raises(Conflict, match="already"):
        first_token(service.service.database, "mallory", now=datetime.now(UTC))


@pytest.mark.parametrize("name", ["Anna", "", "anna\r\nX: 1", "mlrelease", "anna b", "a" * 201, "аnna", "<b>"])
def test_what_is_no_name_gets_no_token(root: httpx.Client, name: str) -> None:
    answer = root.post("/v1/tokens", json={"name": name, "grants": [{"role": "viewer"}]})

    assert answer.status_code == 422


@pytest.mark.parametrize("sent", ["Basic YTpi", "Bearer", "bearer\tx", "mlr_x", ""])
def test_header_that_is_not_understood_is_refused(bearer: As, sent: str) -> None:
    answer = bearer().get("/v1/releases", headers={"Authorization": sent})

    assert answer.status_code == 401


def test_stream_of_a_revoked_token_ends(
    root: httpx.Client, bearer: As, planned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.events.KEEP_ALIVE_SECONDS", 0.05)
    token = new(root)
    wanted = {"Accept": "text/event-stream"}

    with bearer(token["secret"]).stream("GET", f"/v1/releases/{planned}/events", headers=wanted) as stream:
        lines = stream.iter_lines()
        assert next(lines) != ""
        root.post(f"/v1/tokens/{token['id']}/revoke")
        for _ in lines:
            continue  # until the service ends it: the release itself goes on

    assert stream.is_closed


def test_stream_of_a_revoked_token_tells_nothing_that_happened_since(
    root: httpx.Client, bearer: As, planned: str, service: Served, worker: InstantWorker
) -> None:
    token = new(root)
    wanted = {"Accept": "text/event-stream"}
    with bearer(token["secret"]).stream("GET", f"/v1/releases/{planned}/events", headers=wanted) as stream:
        lines = stream.iter_lines()
        assert next(lines) != ""
        wait_until(lambda: service.waiting == 1, what="the stream waits")
        root.post(f"/v1/tokens/{token['id']}/revoke")
        worker.complete(planned, "dev")

        assert not any("rollout.in_progress" in line for line in lines)


def test_poll_of_a_revoked_token_is_told_nothing_when_something_changes(
    root: httpx.Client, bearer: As, planned: str, service: Served, worker: InstantWorker
) -> None:
    token = new(root)
    caller = bearer(token["secret"])
    etag = caller.get(f"/v1/releases/{planned}").headers["ETag"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(
            caller.get, f"/v1/releases/{planned}", params={"wait": 60}, headers={"If-None-Match": etag}, timeout=90
        )
        wait_until(lambda: service.waiting == 1, what="somebody waits")
        root.post(f"/v1/tokens/{token['id']}/revoke")
        worker.complete(planned, "dev")

        answer = poll.result()

    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
