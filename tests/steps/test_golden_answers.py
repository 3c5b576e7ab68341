"""Whatever comes back for a golden request: what may pass is asked again, the rest says at once what to change."""

from typing import Any

import pytest

from app.azureml.errors import Throttled, Unavailable
from app.evidence.log import DEPLOYMENT_LOG
from app.steps.contract import Refused
from app.steps.golden import holds, shown
from tests.azureml.running import RunningEmulator
from tests.steps.by_hand import delete, delete_endpoint
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint, verifying

Json = dict[str, Any]

_SCORE = """
import json, time

def init():
    print("The container has started.", flush=True)

def run(raw_data):
    asked = json.loads(raw_data)["do"]
    if asked == "sleep":
        time.sleep(3)
    if asked == "raise":
        print("The password is not in here.", flush=True)
        raise ValueError("nothing of this goes into a sentence")
    return {"nan": {"x": float("nan")}, "odd": {"x": "a\\x00b\\ud800c\\u202e"}, "huge": {"x": 10 ** 400}}.get(asked, {"x": 1})
"""


@pytest.fixture
def made(team: Team, content: Json, registered: Json) -> Team:
    """A team with rel-1 at 0%, whose code does what it is asked; a request may take a second."""
    assert registered["version"] == "1"
    (team.bundle / "src" / "score.py").write_text(_SCORE)
    file = team.bundle / "deployment.yml"
    file.write_text(f"{file.read_text()}request_settings:\n  request_timeout_ms: 1000\n")
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    return team


def verify(team: Team, content: Json, *, do: str = "answer", expect: Any = None) -> None:
    golden = [{"request": {"do": do}, "expect": {"x": 1} if expect is None else expect}]
    team.carry_out("verify_deployment", {**verifying(team, content, "rel-1"), "golden": golden})


def refusal(team: Team, content: Json, **asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        verify(team, content, **asked)
    return refused.value


def test_model_that_is_too_slow_is_told_the_setting(made: Team, content: Json) -> None:
    refused = refusal(made, content, do="sleep")

    assert refused.code == "scoring_timed_out"
    assert "request_timeout_ms of 1000" in refused.sentence
    assert "request_timeout_ms in deployment.yml" in (refused.hint or "")


def test_score_code_that_raises_is_refused_at_once_with_its_log_beside(made: Team, content: Json) -> None:
    refused = refusal(made, content, do="raise")

    assert refused.code == "model_failed"
    assert "with 424" in refused.sentence
    assert "mlrelease release logs" in (refused.hint or "")
    assert refused.log is not None
    assert refused.log.kind == DEPLOYMENT_LOG
    assert "The container has started." in refused.log.text
    assert "goes into a sentence" not in f"{refused} {refused.details}"


def test_answers_that_no_database_takes_are_wrong_answers_in_plain_characters(made: Team, content: Json) -> None:
    wrong = {do: refusal(made, content, do=do) for do in ("nan", "odd", "huge")}

    assert {each.code for each in wrong.values()} == {"golden_mismatch"}
    for each in wrong.values():
        said = f"{each} {each.details}"
        assert said.encode()
        assert not {"\x00", "\ud800", "\u202e"} & set(said)


def test_statuses_that_stay_are_final_at_once_with_what_to_change(
    made: Team, content: Json, emulator: RunningEmulator
) -> None:
    for status, code, tells in (
        (302, "scoring_redirected", "proxy"),
        (400, "golden_request_refused", "run()"),
        (403, "scoring_forbidden", "public_network_access"),
        (413, "golden_request_too_large", "10 MB"),
        (418, "golden_request_refused", "run()"),
        (422, "golden_request_refused", "run()"),
    ):
        emulator.break_request("/inference/", status=status)  # once: another try would succeed

        refused = refusal(made, content)

        assert (refused.code, tells in (refused.hint or "")) == (code, True), str(refused)
        assert f"with {status}" in refused.sentence


def test_statuses_that_may_pass_are_asked_again_a_few_times_or_left_to_the_step_s_own_tries(
    made: Team, content: Json, emulator: RunningEmulator
) -> None:
    for status, few in ((401, 2), (408, 1)):
        emulator.break_request("/inference/", status=status, times=few)
        verify(made, content)
        emulator.break_request("/inference/", status=status, times=20)
        assert refusal(made, content).code in {"scoring_unauthenticated", "scoring_timed_out"}
        emulator.heal()
    for status, kind in (
        (404, Unavailable),
        (429, Throttled),
        (500, Unavailable),
        (502, Unavailable),
        (504, Unavailable),
    ):
        emulator.break_request("/inference/", status=status)
        with pytest.raises(kind) as passing:
            verify(made, content)
        assert passing.value.retryable
        assert passing.value.hint
        verify(made, content)


def test_credentials_that_are_not_taken_are_said_with_the_auth_mode(
    made: Team, content: Json, emulator: RunningEmulator
) -> None:
    emulator.break_request("/inference/", status=401, times=20)

    refused = refusal(made, content)

    assert "auth_mode: key" in (refused.hint or "")


@pytest.mark.parametrize("act", [lambda team: delete(team, "rel-1"), delete_endpoint], ids=["deployment", "endpoint"])
def test_what_was_deleted_meanwhile_is_said_and_no_request_is_called_wrong(
    made: Team, content: Json, emulator: RunningEmulator, act: Any
) -> None:
    acts = [lambda: act(made)]
    made.on_wait.append(lambda: acts.pop()() if acts else None)
    emulator.break_request("/inference/", status=401)  # so that there is a wait to act in

    refused = refusal(made, content)

    assert refused.code == "deployment_deleted"
    assert "deleted after this release had created it" in refused.sentence


@pytest.mark.parametrize(
    ("expected", "got"),
    [(1, 10**400), (1.5, 10**400), (10**400, 1.5), ({"x": [1]}, {"x": [float("inf")]}), (1, True)],
)
def test_values_that_no_float_holds_are_compared_all_the_same(expected: Any, got: Any) -> None:
    assert holds(expected, got) is False
    assert holds(got, got) is True


def test_value_of_any_size_or_form_is_shown_short_and_clean() -> None:
    nested: Any = "a"
    for _ in range(10_000):
        nested = [nested]

    assert len(shown("x" * 10_000_000)) <= 300
    assert shown(["\x00\ud800\u202e"]).isprintable()
    assert "nested" in shown(nested)
