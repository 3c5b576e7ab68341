"""Keys are in Azure and in the Key Vault, and nowhere in what the service keeps or says."""

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


def _is_azure(file: Path, data: Path) -> bool:
    """What the emulated Azure keeps is Azure's own affair."""
    return file.is_relative_to(data / "azure")
