"""What somebody may not see is answered exactly as what is not there: in bodies, lists, events and refusals."""

from typing import Any

import httpx
import pytest

from tests.api.playing import apply, ask, definition
from tests.identity.conftest import As
from tests.instant import InstantWorker

ROUTES = [
    ("GET", "/v1/releases/{model}-1"),
    ("GET", "/v1/releases/{model}-1/events"),
    ("POST", "/v1/releases/{model}-1/cancel"),
    ("POST", "/v1/releases/{model}-1/pause"),
    ("POST", "/v1/releases/{model}-1/resume"),
    ("POST", "/v1/releases/{model}-1/retry"),
    ("POST", "/v1/releases/{model}-1/rollouts/prod/approve"),
    ("POST", "/v1/releases/{model}-1/rollouts/nowhere/reject"),
    ("GET", "/v1/models/{model}"),
    ("GET", "/v1/models/{model}/versions/1"),
    ("GET", "/v1/models/{model}/versions/99"),
    ("GET", "/v1/jobs/{model}-job"),
]


@pytest.fixture
def secret(root: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """A model that the stranger may not see, with a job and a release."""
    assert churn == "churn"
    assert apply(root, definition("secret")).status_code == 201
    worker.prepare(ask(root, model="secret", job="secret-job")["id"])
    return "secret"


@pytest.fixture
def stranger(holder: As, secret: str) -> httpx.Client:  # noqa: ARG001 # it is there
    """Who may do everything, on churn alone."""
    return holder("admin:churn", name="stranger")


def _masked(answer: httpx.Response, model: str) -> tuple[int, str]:
    return answer.status_code, answer.text.replace(model, "MODEL")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_hidden_model_answers_as_one_that_is_not_there(stranger: httpx.Client, method: str, path: str) -> None:
    body: Any = {"reason": "x"} if method == "POST" and not path.endswith(("resume", "retry")) else None

    hidden = stranger.request(method, path.format(model="secret"), json=body)
    absent = stranger.request(method, path.format(model="absent"), json=body)

    assert hidden.status_code == 404
    assert _masked(hidden, "secret") == _masked(absent, "absent")


def test_bodies_that_name_a_hidden_model_are_answered_as_if_it_were_not_there(stranger: httpx.Client) -> None:
    for path in ("/v1/releases", "/v1/jobs"):
        key = "job" if path.endswith("releases") else "name"
        hidden = stranger.post(path, json={"model": "secret", key: "secret-job"})
        absent = stranger.post(path, json={"model": "absent", key: "absent-job"})
        assert hidden.status_code == 404
        assert _masked(hidden, "secret") == _masked(absent, "absent")


def test_lists_and_events_hold_nothing_of_a_hidden_model(root: httpx.Client, stranger: httpx.Client) -> None:
    lists = ("/v1/releases", "/v1/models", "/v1/jobs", "/v1/events", "/v1/workers", "/v1/audit/export")
    for path in lists:
        assert "secret" not in stranger.get(path).text, path
    for path in ("/v1/releases", "/v1/jobs", "/v1/events"):
        assert "secret" in root.get(path).text, f"{path} is worth hiding"
    assert stranger.get("/v1/releases", params={"model": "secret"}).json() == {"next": None, "items": []}


def test_pages_are_filled_with_what_is_seen(root: httpx.Client, stranger: httpx.Client) -> None:
    mine = [ask(root, job=f"job-{number}")["id"] for number in range(3)]
    ask(root, model="secret", job="secret-job")

    page = stranger.get("/v1/releases", params={"limit": 2}).json()
    rest = stranger.get("/v1/releases", params={"limit": 2, "cursor": page["next"]}).json()

    assert [each["id"] for each in page["items"] + rest["items"]] == mine[::-1]
    assert rest["next"] is None


def test_suggestions_name_no_hidden_model(stranger: httpx.Client, root: httpx.Client) -> None:
    assert "did you mean" not in stranger.get("/v1/models/secre").text
    assert "did you mean" not in stranger.post("/v1/releases", json={"model": "secre", "job": "j"}).text
    assert "secret" in root.get("/v1/models/secre").text


def test_job_of_a_hidden_model_is_not_told_by_recording_it_again(stranger: httpx.Client) -> None:
    for path, key in (("/v1/jobs", "name"), ("/v1/releases", "job")):
        answer = stranger.post(path, json={"model": "churn", key: "secret-job"})
        assert (answer.status_code, answer.json()["code"]) == (409, "job_of_another_model")
        assert set(answer.text.split('"')).isdisjoint({"secret", "stranger", "root"})


@pytest.mark.parametrize("path", ["/v1/releases", "/v1/dry-runs", "/v1/jobs"])
def test_job_of_another_model_takes_the_right_to_ask_for_both(holder: As, secret: str, path: str) -> None:
    """Who may look at a model, and release another, cannot release the first one's job as the second."""
    body = {"model": "churn", "name" if path == "/v1/jobs" else "job": "secret-job"}

    refused = holder("viewer", "requester:churn").post(path, json=body)

    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), refused.text
    assert secret in refused.json()["detail"]
    assert holder("requester:churn", f"requester:{secret}").post(path, json=body).is_success


def test_hidden_definition_cannot_be_replaced(stranger: httpx.Client) -> None:
    hidden = apply(stranger, definition("secret"))
    absent = apply(stranger, definition("absent"))

    assert hidden.status_code == absent.status_code == 403
    assert _masked(hidden, "secret") == _masked(absent, "absent")


def test_answer_under_an_idempotency_key_is_not_given_to_a_narrower_token(holder: As, secret: str) -> None:
    key, body = {"Idempotency-Key": "k"}, {"model": secret, "job": "secret-job"}
    wide, narrow = holder("admin", name="erika"), holder("admin:churn", name="erika")
    assert wide.post("/v1/releases", json=body, headers=key).status_code == 201

    assert narrow.post("/v1/releases", json=body, headers=key).status_code == 404
