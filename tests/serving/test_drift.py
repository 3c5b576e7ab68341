"""What counts as drift, and what does not: the record against what Azure shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.drift import Difference, DriftKind
from app.planning.observed import DeploymentFacts, EndpointFacts, Observed
from app.serving.drift import differences

ID = "/subscriptions/S/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def blue(**changes: Any) -> DeploymentFacts:
    facts = {
        "name": "blue",
        "release": "churn-1",
        "model": f"azureml:{ID}/models/churn/versions/3",
        "digest": "sha256:m",
        "environment": f"azureml:{ID}/environments/env/versions/1",
        "code": f"azureml:{ID}/codes/5c0d/versions/1",
        "scoring_script": "score.py",
        "instance_type": "Standard_E2s_v3",
        "instance_count": 2,
        "environment_variables": {"LEVEL": "sha256:1"},
        "settings": {"request_settings.request_timeout_ms": "5000"},
        "state": "succeeded",
        "tags": {"mlrelease.release": "churn-1", "team": "a"},
    }
    return DeploymentFacts.model_validate({**facts, **changes})


def endpoint(**changes: Any) -> EndpointFacts:
    facts = {
        "name": "churn-dev",
        "location": "eastus",
        "auth_mode": "key",
        "public_network_access": "enabled",
        "identity": "system_assigned",
        "state": "succeeded",
        "tags": {"mlrelease.model": "churn", "mlrelease.served": "blue"},
    }
    return EndpointFacts.model_validate({**facts, **changes})


def target(*deployments: DeploymentFacts, **changes: Any) -> Observed:
    facts = {"traffic": {"blue": 100}, "mirror": {}, "deployments": deployments or (blue(),), "endpoint": endpoint()}
    return Observed.model_validate({**facts, **changes})


def kinds(found: tuple[Difference, ...]) -> list[tuple[DriftKind, str]]:
    return [(each.kind, each.subject) for each in found]


@pytest.mark.parametrize(
    ("seen", "kind", "subject"),
    [
        (target(traffic={"blue": 90, "green": 10}), "traffic", "churn-dev"),
        (target(traffic={}), "traffic", "churn-dev"),
        (target(mirror={"green": 10}), "mirror_traffic", "churn-dev"),
        (target(blue(model=f"{ID}/models/churn/versions/4")), "model", "blue"),
        (target(blue(environment=f"{ID}/environments/env/versions/2")), "environment", "blue"),
        (target(blue(code=f"{ID}/codes/ffff/versions/1")), "code", "blue"),
        (target(blue(scoring_script="other.py")), "code", "blue"),
        (target(blue(instance_type="Standard_E4s_v3")), "instance_type", "blue"),
        (target(blue(instance_count=1)), "instance_count", "blue"),
        (target(blue(environment_variables={"LEVEL": "sha256:2"})), "environment_variables", "blue"),
        (target(blue(environment_variables={})), "environment_variables", "blue"),
        (target(blue(settings={"request_settings.request_timeout_ms": "90000"})), "settings", "blue"),
        (target(blue(tags={"team": "a"})), "tags", "blue"),
        (target(blue(tags={"mlrelease.release": "churn-2", "team": "a"})), "tags", "blue"),
        (target(blue(state="failed")), "state", "blue"),
        (target(blue(), blue(name="green", release=None)), "unknown_deployment", "green"),
        (target(deployments=()), "missing_deployment", "blue"),
        (target(endpoint=endpoint(auth_mode="aml_token")), "auth_mode", "churn-dev"),
        (target(endpoint=endpoint(public_network_access="disabled")), "network_access", "churn-dev"),
        (target(endpoint=endpoint(identity="user_assigned, /x")), "identity", "churn-dev"),
        (target(endpoint=endpoint(tags={})), "tags", "churn-dev"),
        (target(endpoint=endpoint(state="failed")), "state", "churn-dev"),
        (target(endpoint=None), "missing_endpoint", "churn-dev"),
    ],
)
def test_each_kind_is_found_alone(seen: Observed, kind: str, subject: str) -> None:
    (found,) = differences(target(), seen)

    assert (found.kind, found.subject) == (kind, subject)
    assert found.sentence.endswith(".")
    assert found.recorded != found.seen


def test_rotated_keys_are_the_secrets_that_do_not_hold() -> None:
    (found,) = differences(target(), target(), stale_secrets=["churn-dev-primary-key"])

    assert found.kind is DriftKind.SECRETS
    assert found.sentence == "The published secrets churn-dev-primary-key do not match churn-dev any more."


@pytest.mark.parametrize(
    "seen",
    [
        target(),
        target(blue(name="Blue"), traffic={"BLUE": 100}),
        target(
            blue(
                model=f"{ID}/models/churn/versions/3/".lower(), environment=f"{ID.lower()}/environments/env/versions/1"
            )
        ),
        target(blue(instance_type="STANDARD_E2S_V3")),
        target(traffic={"blue": 100, "green": 0}, mirror={"green": 0}),
        target(blue(tags={"mlrelease.release": "churn-1", "team": "a", "hidden-related": "x", "costs": "7"})),
        target(
            blue(settings={"request_settings.request_timeout_ms": "5000", "liveness_probe.period": "10"}),
        ),
        target(endpoint=endpoint(tags={"mlrelease.model": "churn", "mlrelease.served": "green blue", "costs": "7"})),
        target(endpoint=endpoint(auth_mode="Key", public_network_access=None, identity="System_Assigned")),
    ],
)
def test_what_azure_adds_and_how_it_writes_is_no_drift(seen: Observed) -> None:
    assert differences(target(), seen) == ()


def test_what_the_record_says_nothing_about_is_no_drift() -> None:
    recorded = Observed(deployments=(DeploymentFacts(name="blue"),))

    assert differences(recorded, target(blue(tags={"team": "a"}), mirror={"green": 5})) == ()


def test_what_a_failed_release_left_was_asked_for() -> None:
    seen = target(blue(), blue(name="r2-abcd", release="churn-2"))

    assert differences(target(), seen, planned=["R2-abcd"]) == ()
    assert kinds(differences(target(), seen)) == [(DriftKind.UNKNOWN_DEPLOYMENT, "r2-abcd")]


def test_value_of_an_environment_variable_is_in_no_sentence() -> None:
    (found,) = differences(target(), target(blue(environment_variables={"LEVEL": "sha256:2", "TOKEN": "sha256:3"})))

    assert found.sentence == "Changed at deployment blue: environment variables LEVEL, TOKEN."


names = st.sampled_from(["blue", "green", "red"])
words = st.dictionaries(st.sampled_from(["a", "b", "mlrelease.x"]), st.sampled_from(["1", "2"]), max_size=3)
facts = st.builds(
    blue,
    name=names,
    model=st.sampled_from([None, f"{ID}/models/churn/versions/3", f"{ID}/models/churn/versions/4"]),
    instance_count=st.sampled_from([None, 1, 2]),
    environment_variables=st.none() | words,
    settings=words,
    tags=words,
)
targets = st.builds(
    Observed,
    traffic=st.none() | st.dictionaries(names, st.integers(0, 100)),
    mirror=st.none() | st.dictionaries(names, st.integers(0, 50)),
    deployments=st.lists(facts, unique_by=lambda each: each.name).map(tuple),
    endpoint=st.builds(endpoint, tags=words),
)


@given(targets)
def test_target_does_not_differ_from_itself(seen: Observed) -> None:
    assert differences(seen, seen) == ()


@given(targets, targets)
def test_what_is_adopted_as_it_is_is_in_line_afterwards(recorded: Observed, seen: Observed) -> None:
    found = differences(recorded, seen)

    assert len({(each.kind, each.subject, each.sentence) for each in found}) == len(found)
    assert {each.subject for each in found} <= {"blue", "green", "red", "churn-dev"}
    assert differences(seen, seen) == ()


@given(targets, targets)
def test_upper_case_changes_nothing(recorded: Observed, seen: Observed) -> None:
    loud = seen.model_copy(
        update={
            "traffic": None if seen.traffic is None else {name.upper(): each for name, each in seen.traffic.items()},
            "deployments": tuple(each.model_copy(update={"name": each.name.upper()}) for each in seen.deployments),
        }
    )

    assert differences(recorded, loud) == differences(recorded, seen)


def test_split_traffic_is_in_line_as_it_was_set_and_drifts_once_somebody_moves_it_or_ends_its_copies() -> None:
    split = target(blue(), blue(name="r2"), traffic={"blue": 75, "r2": 25}, mirror={"r3": 10})

    assert (
        differences(split, target(blue(), blue(name="r2"), traffic={"r2": 25, "BLUE": 75, "r9": 0}, mirror={"r3": 10}))
        == ()
    )
    (moved, ended) = differences(split, target(blue(), blue(name="r2"), traffic={"blue": 70, "r2": 30}))
    assert moved.sentence == "The traffic of churn-dev is blue 70%, r2 30%, recorded is blue 75%, r2 25%."
    assert ended.kind is DriftKind.MIRROR_TRAFFIC
