"""Changes between two states of a release, one line each: for logs and other non-terminals."""

from collections.abc import Iterator

from app.cli.output import seconds
from app.documents.json_object import Json


def release_changes(before: Json | None, now: Json) -> Iterator[str]:
    """One line for the release, each stage and each step that changed."""
    known = before or {"rollouts": []}
    stages_before = {rollout["stage"]: rollout for rollout in known["rollouts"]}
    for rollout in now["rollouts"]:
        stage_before = stages_before.get(rollout["stage"], {"steps": []})
        steps_before = {step["key"]: step for step in stage_before["steps"]}
        for step in rollout["steps"]:
            if step["status"] != "pending" and not _same(steps_before.get(step["key"]), step):
                took = f" after {seconds(step['seconds'])}" if step["finished_at"] else ""
                yield _line(f"{rollout['stage']}/{step['key']}", f"{step['status']}{took}", step["sentence"])
        if rollout["status"] != "pending" and not _same(stage_before, rollout):
            yield _line(rollout["stage"], rollout["status"], rollout["sentence"])
    if not _same(before, now):
        yield _line(now["id"], now["status"], now["sentence"])


def job_changes(before: Json | None, now: Json) -> Iterator[str]:
    """One line for the job and each of its steps that changed."""
    known = {child["name"]: child["status"] for child in (before or {}).get("children", [])}
    for child in now["children"]:
        if known.get(child["name"]) != child["status"]:
            yield _line(f"{now['name']}/{child['display_name']}", child["status"], "")
    if not _same(before, now):
        yield _line(now["name"], now["status"], now["sentence"])


def _same(before: Json | None, now: Json) -> bool:
    return before is not None and all(before.get(field) == now[field] for field in ("status", "code", "sentence"))


def _line(subject: str, status: str, sentence: str) -> str:
    return f"{subject}  {status}" + (f"  {sentence}" if sentence else "")
