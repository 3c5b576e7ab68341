"""Lines for logs say what changed, and only that."""

from typing import Any

from app.cli.changes import job_changes, release_changes

Json = dict[str, Any]


def release(*, status: str = "in_progress", step: str = "running", sentence: str = "Started.") -> Json:
    done = step in {"succeeded", "failed"}
    one: Json = {"key": "register_model", "status": step, "code": step, "sentence": sentence}
    one |= {"seconds": 1.25 if done else None, "finished_at": "2026-01-01T00:00:01Z" if done else None}
    rollout = {"stage": "dev", "status": status, "code": status, "sentence": "", "steps": [one]}
    return {"id": "m-1", "status": status, "code": status, "sentence": "", "rollouts": [rollout]}


def test_first_look_tells_everything_that_is_not_pending() -> None:
    assert list(release_changes(None, release())) == [
        "dev/register_model  running  Started.",
        "dev  in_progress",
        "m-1  in_progress",
    ]


def test_first_look_keeps_silent_about_pending_steps() -> None:
    assert list(release_changes(None, release(step="pending"))) == ["dev  in_progress", "m-1  in_progress"]


def test_same_look_again_tells_nothing() -> None:
    assert list(release_changes(release(), release())) == []


def test_finished_step_tells_how_long_it_took() -> None:
    now = release(step="succeeded", sentence="Registered.")
    assert list(release_changes(release(), now)) == ["dev/register_model  succeeded after 1.2 s  Registered."]


def test_new_sentence_of_a_running_step_is_told() -> None:
    now = release(sentence="Waiting for the endpoint.")
    assert list(release_changes(release(), now)) == ["dev/register_model  running  Waiting for the endpoint."]


def test_job_tells_each_step_and_itself_once() -> None:
    child = {"name": "a1", "display_name": "train", "status": "Running"}
    job: Json = {"name": "j", "status": "Running", "code": "running", "sentence": "Trains.", "children": [child]}
    assert list(job_changes(None, job)) == ["j/train  Running", "j  Running  Trains."]
    assert list(job_changes(job, job)) == []
