"""Keys are in Azure and in the Key Vault, and nowhere in what the service keeps or says."""

import json
from pathlib import Path

from tests.journeys.team import Team, written


def test_keys_are_in_no_database_log_event_or_answer(released: tuple[Team, str]) -> None:
    team, release_id = released
    service, stack = team.service, team.service.stack
    places = (("ws-dev", team.dev), ("ws-prod", team.prod))
    secrets = [key for workspace, endpoint in places for key in service.azure.keys(workspace, endpoint)]
    assert team.use(team.prod, [1]) == [3], "they are where an application finds them"
    assert len(set(secrets)) == 4
    secrets.append(service.azure.environment["AZURE_CLIENT_SECRET"])

    answers = written({"release": service.release(release_id), "events": service.events(release_id)})
    kept = [file for file in stack.data.rglob("*") if file.is_file() and not _is_azure(file, stack.data)]

    assert {"mlrelease.db", "api.log", "worker.log"} <= {file.name for file in kept}
    for secret in secrets:
        assert secret not in answers
        assert [file for file in kept if secret.encode() in file.read_bytes()] == []


def test_every_line_of_the_logs_is_json_and_tells_how_each_step_went(released: tuple[Team, str]) -> None:
    team, release_id = released
    data = team.service.stack.data
    lines = {
        name: [json.loads(line) for line in next(data.rglob(name)).read_text().splitlines()]
        for name in ("api.log", "worker.log")
    }

    asked = [each for each in lines["api.log"] if each["event"] == "release.created" and each["release"] == release_id]
    assert [each["request_id"] for each in asked] == [
        each["request_id"] for each in team.service.events(release_id) if each["kind"] == "release.created"
    ]
    told = [each for each in lines["worker.log"] if each.get("release") == release_id]
    for rollout in team.service.release(release_id)["rollouts"]:
        for key in (step["key"] for step in rollout["steps"]):
            subject = f"{release_id}:{rollout['stage']}:{key}"
            of_step = [each["event"] for each in told if each["subject"] == subject]
            assert (of_step[0], of_step[-1]) == ("step.running", "step.succeeded"), subject


def _is_azure(file: Path, data: Path) -> bool:
    """What the emulated Azure keeps is Azure's own affair."""
    return file.is_relative_to(data / "azure")
