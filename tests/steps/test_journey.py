"""A model's way from the training job to production, through the registry."""

from typing import Any

from app.azureml.endpoints import get_endpoint
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from tests.azureml.fixtures import DEV, PROD
from tests.steps.fixtures import (
    Team,
    confirming,
    creating_deployment,
    creating_endpoint,
    moving,
    place,
    registering,
    release_all,
    retiring,
    verifying,
)

Json = dict[str, Any]


def test_model_goes_from_job_to_production_with_one_digest(team: Team, content: Json) -> None:
    team.carry_out("register_model", registering(team, content))
    release_all(team, content, "rel-1")
    team.outputs = {"register_model": team.outputs["register_model"]}
    team.bundle.joinpath("endpoint.yml").write_text("auth_mode: key\n")
    first = _to_production(team, content)
    again = _to_production(team, content)

    digests = {content["model_digest"], *(output["digest"] for output in team.outputs.values() if "digest" in output)}
    digests -= {content["environment"]["digest"]}
    assert len(digests) == 1
    assert str(team.outputs["create_deployment"]["model"]).startswith("azureml://registries/reg-shared/models/")
    assert str(team.outputs["create_deployment"]["environment"]).startswith("azureml://registries/reg-shared/")
    assert first["share_model"] is True
    assert first["shift_traffic"] is True
    assert not any(again.values()), again
    assert _ask_production(team, {"data": [4]}) == {"predictions": [12]}


def _to_production(team: Team, content: Json) -> dict[str, bool]:
    """Every step of the production plan; whether each changed something."""
    shared = {"workspace": place(DEV), "registry": "reg-shared"}
    environment = content["environment"]
    at = place(PROD)
    by_name = {key: environment[key] for key in ("name", "version", "digest")}
    # The region has one name for each endpoint, so production has another than dev.
    endpoint = f"{team.endpoint}-p"
    plan: list[tuple[str, Json]] = [
        ("share_model", {**shared, "name": team.name, "digest": content["model_digest"]}),
        ("share_environment", {**shared, **by_name}),
        ("create_endpoint", creating_endpoint(team, digest=content["model_digest"])),
        (
            "create_deployment",
            {
                **creating_deployment(team, content, "rel-1"),
                "model_from": "share_model",
                "environment_from": "share_environment",
                "environment_id": None,
            },
        ),
        ("verify_deployment", verifying(team, content, "rel-1")),
        ("shift_traffic", moving(team, "rel-1")),
        ("publish_secrets", {"workspace": at, "endpoint": endpoint, "key_vault": "kv-prod"}),
        ("retire_deployments", retiring(team, "rel-1")),
        ("confirm_serving", confirming(team, "rel-1", key_vault="kv-prod")),
    ]
    changed = {}
    for kind, config in plan:
        here = {"workspace": at, "endpoint": endpoint} if "endpoint" in config else {}
        changed[kind] = team.carry_out(kind, {**config, **here}).changed
    return changed


def _ask_production(team: Team, request: Json) -> Any:
    endpoint = get_endpoint(team.azure, PROD, f"{team.endpoint}-p")
    credential = ScoringCredential(team.azure, PROD, f"{team.endpoint}-p")
    assert endpoint is not None
    with Scoring(team.azure, str(endpoint.scoring_uri), secret=credential.value) as scoring:
        return scoring.ask(request).body
