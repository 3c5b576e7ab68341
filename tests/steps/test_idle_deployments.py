"""Idle deployments in a real endpoint: scaled down, deleted, or left because something came in between."""

import dataclasses

import pytest

from app.azureml.deployments import get_deployment, list_deployments
from app.execution.sweep import sweep_target
from app.identity.actor import SERVICE
from app.planning.observed import Observed
from app.planning.places import Target
from app.releases.queries import list_events
from app.releasing.work import Work
from app.serving.idle import fates_at
from app.serving.queries import deployed_at
from app.serving.service import At, record_observed
from app.serving.tables import StoredTarget
from app.steps.idle_deployments import delete_idle, find_ours, scale_idle
from app.steps.observing import facts_of_deployment
from tests.api.conftest import on_sqlite, plain_logs, service, settings
from tests.azureml.fixtures import DEV
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage
from tests.instant import InstantWorker
from tests.steps.by_hand import set_shares
from tests.steps.fixtures import Json, Team, creating_deployment, creating_endpoint

__all__ = ["plain_logs", "platform", "service", "settings"]

RETENTION = "retention: {keep: 1, warm_for: 7d, then: THEN}\n"


@pytest.fixture
def target(team: Team) -> Target:
    return Target(place=DEV, endpoint=team.endpoint)


def deploy(team: Team, content: Json, name: str, *, release: str, instances: int = 1) -> None:
    config = creating_deployment(team, content, name)
    tags = {**config["tags"], "mlrelease.release": release, "mlrelease.model": "churn"}
    team.carry_out("create_deployment", {**config, "tags": tags, "instance_count": instances})


def record_as_made(worker: InstantWorker, target: Target, team: Team, name: str) -> None:
    """As the step that made it would have."""
    found = get_deployment(team.azure, DEV, team.endpoint, name)
    assert found is not None
    observed = Observed(deployments=(facts_of_deployment(found),))
    with Work(worker.releasing, SERVICE).transaction() as work:
        record_observed(work, At(str(target), model="churn", stage="dev"), observed)


def names_at(team: Team) -> dict[str, int | None]:
    return {each.name: each.instance_count for each in list_deployments(team.azure, DEV, team.endpoint)}


@pytest.mark.usefixtures("registered")
def test_what_is_not_idle_any_more_or_another_release_s_is_left(team: Team, content: Json, target: Target) -> None:
    team.carry_out("create_endpoint", creating_endpoint(team))
    deploy(team, content, "rel-1", release="churn-1", instances=2)
    context = team.context({})

    assert [each.name for each in find_ours(team.azure, context, target)] == ["rel-1"]
    assert scale_idle(team.azure, context, target, "rel-1", release="churn-2", instances=1) is None
    scaled = scale_idle(team.azure, context, target, "rel-1", release="churn-1", instances=1)
    assert scaled is not None
    assert (scaled.instance_count, names_at(team)) == (1, {"rel-1": 1})

    set_shares(team, {"rel-1": 100})
    assert delete_idle(team.azure, context, target, "rel-1", release="churn-1") is False
    assert scale_idle(team.azure, context, target, "rel-1", release="churn-1", instances=1) is None
    set_shares(team, {"rel-1": 0})
    assert delete_idle(team.azure, context, target, "rel-1", release="churn-2") is False
    assert delete_idle(team.azure, context, target, "rel-1", release="churn-1") is True
    assert delete_idle(team.azure, context, target, "rel-1", release="churn-1") is True
    assert names_at(team) == {}


@on_sqlite
@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(("then", "left"), [("delete", {3: 1}), ("scale_down", {1: 1, 3: 1})])
def test_a_sweep_carries_out_what_the_definition_says_and_tells_it(
    team: Team, content: Json, target: Target, platform: Platform, then: str, left: dict[int, int]
) -> None:
    """churn-1 served before churn-3, and churn-2 got no further than its deployment, which is on no record."""
    dev = stage("dev", workspace="ws-dev", endpoint=team.endpoint, key_vault="kv-dev")
    platform.apply(dev, RETENTION.replace("THEN", then))
    worker = platform.worker
    platform.released(stage="dev")
    worker.fail(platform.prepared()["id"], "dev", at="create_deployment")
    platform.released(stage="dev")
    worker.context = dataclasses.replace(worker.context, azure=team.azure)
    names = [platform.plan_of(f"churn-{number}", "dev")["deployment"]["name"] for number in (1, 2, 3)]
    team.carry_out("create_endpoint", creating_endpoint(team))
    for number, instances in ((1, 2), (2, 1), (3, 1)):
        deploy(team, content, names[number - 1], release=f"churn-{number}", instances=instances)
    team.carry_out("create_deployment", {**creating_deployment(team, content, "blue"), "tags": {}})
    set_shares(team, {names[2]: 100})
    record_as_made(worker, target, team, names[0])

    sweep_target(worker.context, str(target))

    assert len(names_at(team)) == 4
    with worker.database.read() as session:
        fates = fates_at(session, session.get_one(StoredTarget, str(target)))
    assert {each.idle.name: each.then for each in fates} == {names[0]: then, names[1]: "delete"}

    with worker.database.engine.begin() as database:
        database.exec_driver_sql("UPDATE traffic_share SET to_at = '2026-01-02 00:00:00' WHERE to_at IS NOT NULL")
        database.exec_driver_sql("UPDATE deployed SET since = '2026-01-01 00:00:00'")
    sweep_target(worker.context, str(target))

    assert names_at(team) == {"blue": 1, **{names[number - 1]: count for number, count in left.items()}}
    with worker.database.read() as session:
        told = [each for each in list_events(session) if each.kind.startswith("deployment.")]
        known = {each.name: each.read().instance_count for each in deployed_at(session, str(target)) if each.release_id}
    assert {(each.kind, each.data["deployment"]) for each in told} == {
        ("deployment.deleted", names[1]),
        ("deployment.deleted" if then == "delete" else "deployment.scaled_down", names[0]),
    }
    assert set(known) == {names[number - 1] for number in left}
