"""What others change at an endpoint behind the service's back, and endpoints that others made."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.azureml.team import ANSWERING_ZERO
from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of, steps_of
from tests.rollouts.callers import Callers, calling_by
from tests.rollouts.owner import Owner
from tests.rollouts.rows import Row, Section
from tests.waiting import wait_until

_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_STAGE = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
    key_vault: kv-dev
"""
_OLD = f"{_STAGE}  - name: old\n    workspace: ws-dev\n    resource_group: rg-ml\n    endpoint: {{name}}-old\n"


class Drifting:
    """A team with one stage, released once: its deployment serves, and its secrets are published."""

    def __init__(self, service: Running, folder: Path, owner: Owner) -> None:
        self.service, self.azure, self.owner = service, service.azure, owner
        self.team = Team(service, folder)
        self.team.apply(self.team.define(stages=_STAGE))
        self.job = self.team.train()
        self.endpoint = self.team.dev
        self.target = f"/v1/targets/{_SUBSCRIPTION}/rg-ml/ws-dev/{self.endpoint}"
        self.serves = str(rollout_of(self.team.release(self.job), "dev")["deployment"])

    def compared(self) -> list[str]:
        """The kinds of what differs now."""
        before = self.service.post(f"{self.target}/drift", {})["scanned_at"]
        found: list[Json] = []

        def is_compared() -> bool:
            drift = self.service.get(f"{self.target}/drift")
            found[:] = drift["differences"]
            return bool(drift["scanned_at"] != before)

        wait_until(is_compared, what="the target was compared")
        return [each["kind"] for each in found]

    def adopt(self, stage: str = "dev") -> Json:
        return self.ended(self.service.post(f"/v1/models/{self.team.name}/stages/{stage}/adopt", {}))

    def revert(self) -> Json:
        return self.ended(self.service.post(f"{self.target}/revert", {"reason": "Nobody approved that."}))

    def ended(self, asked: Json) -> Json:
        ended = self.service.until_still(asked["id"])
        assert ended["status"] == "succeeded", ended["sentence"]
        return ended

    def change(self, **fields: object) -> None:
        """Of the deployment that serves, by hand."""
        changed = self.owner.deployment(self.endpoint, self.serves)
        for field, value in fields.items():
            setattr(changed, field, value)
        self.owner.update_deployment(changed)

    def measured(self, kinds: list[str], undone: Json) -> Mapping[str, str]:
        """What was told, and what is so afterwards."""
        left = self.compared()
        (answer,) = self.team.use(self.endpoint, [1])
        return {
            "told": ", ".join(kinds),
            "then": {"adoption": "adopted", "revert": "reverted"}[undone["purpose"]],
            "afterwards": "in line" if not left else f"differs still: {', '.join(left)}",
            "answers": "as before" if answer == self.team.factor else str(answer),
        }


def _traffic(scene: Drifting) -> Mapping[str, str]:
    scene.owner.set_traffic(scene.endpoint, {scene.serves: 0})
    return scene.measured(scene.compared(), scene.revert())


def _keys(scene: Drifting) -> Mapping[str, str]:
    scene.owner.regenerate_key(scene.endpoint)
    return scene.measured(scene.compared(), scene.revert())


def _instances(scene: Drifting) -> Mapping[str, str]:
    scene.change(instance_count=2)
    return scene.measured(scene.compared(), scene.adopt())


def _variables_and_settings(scene: Drifting) -> Mapping[str, str]:
    from azure.ai.ml.entities import OnlineRequestSettings

    scene.change(
        environment_variables={"LEVEL": "high"}, request_settings=OnlineRequestSettings(request_timeout_ms=9000)
    )
    return scene.measured(scene.compared(), scene.adopt())


def _tags(scene: Drifting) -> Mapping[str, str]:
    tags = scene.owner.deployment(scene.endpoint, scene.serves).tags
    scene.change(tags={**tags, "mlrelease.digest": "x"})
    return scene.measured(scene.compared(), scene.adopt())


def _another(scene: Drifting) -> Mapping[str, str]:
    scene.change(name="blue", tags={})
    scene.owner.set_traffic(scene.endpoint, {scene.serves: 100}, mirror={"blue": 10})
    return scene.measured(scene.compared(), scene.adopt())


def _gone(scene: Drifting) -> Mapping[str, str]:
    scene.owner.set_traffic(scene.endpoint, {scene.serves: 100}, mirror={})
    scene.owner.delete_deployment(scene.endpoint, "blue")
    return scene.measured(scene.compared(), scene.adopt())


def _endpoint_gone(scene: Drifting) -> Mapping[str, str]:
    scene.owner.delete_endpoint(scene.endpoint)
    return scene.measured(scene.compared(), scene.revert())


def _model_environment_code_and_machines(scene: Drifting) -> Mapping[str, str]:
    from azure.ai.ml.entities import CodeConfiguration

    name = f"{scene.team.name}-by-hand"
    code = scene.owner.write_code(f"{name}-code", ANSWERING_ZERO)
    scene.change(
        model=scene.owner.register_model(name, factor=scene.team.factor + 1),
        environment=scene.owner.register_environment(name),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        instance_type="Standard_E4s_v3",
    )
    assert scene.team.use(scene.endpoint, [1]) == [0], "what was changed answers callers"
    measured = scene.measured(scene.compared(), scene.revert())
    (scene.serves,) = scene.azure.traffic(
        "ws-dev", scene.endpoint
    )  # made anew: what was changed is left without traffic
    scene.adopt()
    return measured


def _identity(scene: Drifting) -> Mapping[str, str]:
    from azure.ai.ml.entities import IdentityConfiguration, ManagedIdentityConfiguration

    changed = scene.owner.endpoint(scene.endpoint)
    group = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/rg-ml"
    mine = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine"
    scene.azure.ask("PUT", mine, {"location": "eastus"})
    changed.identity = IdentityConfiguration(
        type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id=mine)]
    )
    scene.owner.update_endpoint(changed)
    return scene.measured(scene.compared(), scene.adopt())


def _row(
    happens: str, act: Callable[[Drifting], Mapping[str, str]], told: str, then: str, *, afterwards: str = "in line"
) -> Row[Drifting]:
    outcome = {"told": told, "then": then, "afterwards": afterwards, "answers": "as before"}
    return Row(happens, act, outcome)


DRIFT: Section[Drifting] = Section(
    "Drift",
    "Others change an endpoint behind the service's back, with the Azure SDK; `mlrelease targets drift MODEL STAGE` tells, and `adopt` or `revert` follows. "
    "A revert deletes nothing: what was changed stays without traffic, and differs until it is adopted.",
    (
        _row("all traffic is taken away", _traffic, "traffic", "reverted"),
        _row("a key is regenerated", _keys, "secrets", "reverted"),
        _row("a second machine is added", _instances, "instance_count", "adopted"),
        _row(
            "a variable and a timeout are set",
            _variables_and_settings,
            "settings, environment_variables",
            "adopted",
        ),
        _row(
            "its model, environment, code and kind of machine are replaced",
            _model_environment_code_and_machines,
            "model, environment, code, instance_type",
            "reverted",
            afterwards="differs still: model, environment, code, instance_type",
        ),
        _row("the endpoint gets another identity", _identity, "identity", "adopted"),
        _row("a tag of this service is changed", _tags, "tags", "adopted"),
        _row(
            "a deployment is made, and gets mirror traffic", _another, "mirror_traffic, unknown_deployment", "adopted"
        ),
        _row("that deployment is deleted again", _gone, "mirror_traffic, missing_deployment", "adopted"),
        _row("the endpoint is deleted", _endpoint_gone, "missing_endpoint", "reverted"),
    ),
)


def _adopted_under_load(scene: Drifting) -> Mapping[str, str]:
    old = f"{scene.team.name}-old"
    _make_foreign(scene, old)
    scene.team.apply(scene.team.define(stages=_OLD))
    with _calling(scene, old) as callers:
        refused = scene.service.until_still(scene.team.ask(scene.job, stages=["old"])["id"])
        scene.adopt("old")
        serving = scene.azure.traffic("ws-dev", old)
        released = scene.team.release(scene.job, stages=["old"])
        plan = scene.service.get(f"/v1/releases/{released['id']}/rollouts/old/plan")["plan"]
    assert callers.answered, callers.failed
    return {
        "a release before": "refused, and names `mlrelease targets adopt`"
        if "mlrelease targets adopt" in refused["sentence"]
        else refused["sentence"],
        "serves once adopted": ", ".join(serving),
        "the first release": f"succeeded, in place of {plan['replaces']['deployment']}",
        "left there": ", ".join(each for each in scene.azure.deployments("ws-dev", old) if each == "blue"),
        "requests that failed meanwhile": str(callers),
    }


def _make_foreign(scene: Drifting, old: str) -> None:
    """An endpoint that others made, at which their blue serves."""
    like = scene.azure.deployment("ws-dev", scene.endpoint, scene.serves) or {}
    scene.azure.make_endpoint("ws-dev", old)
    wait_until(lambda: _is_up(scene, old), what=f"{old} is made")
    scene.azure.put_deployment("ws-dev", old, "blue", {**like, "tags": {}})
    scene.azure.set_traffic("ws-dev", old, {"blue": 100})


def _is_up(scene: Drifting, endpoint: str) -> bool:
    found = scene.azure.endpoint("ws-dev", endpoint)
    return found is not None and found["properties"]["provisioningState"] == "Succeeded"


@contextmanager
def _calling(scene: Drifting, endpoint: str) -> Iterator[Callers]:
    """Callers who were given its address and key by whoever made it."""
    found = scene.azure.endpoint("ws-dev", endpoint) or {}
    address, key = found["properties"]["scoringUri"], scene.azure.keys("ws-dev", endpoint)[0]
    headers = {"Authorization": f"Bearer {key}"}

    def ask() -> None:
        scene.azure.http.post(address, json={"data": [1]}, headers=headers).raise_for_status()

    with calling_by(ask, errors=(httpx.HTTPError,)) as callers:
        yield callers


ADOPTION: Section[Drifting] = Section(
    "Adoption",
    "`mlrelease targets adopt MODEL STAGE` of an endpoint that others made, at which their deployment blue serves callers.",
    (
        Row(
            "it is adopted, and then released to, under load",
            _adopted_under_load,
            {
                "a release before": "refused, and names `mlrelease targets adopt`",
                "serves once adopted": "blue",
                "the first release": "succeeded, in place of blue",
                "left there": "blue",
                "requests that failed meanwhile": "none",
            },
        ),
    ),
)


def _during(scene: Drifting, change: Callable[[str], None]) -> Mapping[str, str]:
    """``change`` gets the new deployment's name. A release that was paused at its last golden request stands between two steps."""
    before = scene.azure.traffic("ws-dev", scene.endpoint)
    scene.azure.break_request("/score", method="POST", skip=1, delay=600)
    try:
        release = scene.team.ask(scene.job)["id"]
        wait_until(lambda: not scene.azure.faults(), what="the last golden request is held")
        scene.service.post(f"/v1/releases/{release}/pause", {"reason": "Somebody works there."})
    finally:
        scene.azure.heal()  # which lets it pass
    paused = scene.service.until_still(release)
    assert steps_of(paused, "dev")["verify_deployment"]["status"] == "succeeded"
    new = str(rollout_of(paused, "dev")["deployment"])
    change(new)
    scene.service.post(f"/v1/releases/{release}/resume", {})
    ended = scene.service.until_still(release)
    measured = _measured_after(scene, ended, new=new, before=before)
    _stand_again(scene)
    return measured


def _measured_after(scene: Drifting, ended: Json, *, new: str, before: Mapping[str, int]) -> Mapping[str, str]:
    serving = scene.azure.traffic("ws-dev", scene.endpoint)
    serves = {((new, 100),): "the new one", tuple(before.items()): "what served before", (): "nothing"}
    told = scene.compared()
    return {
        "the release": f"{ended['status']}: {ended['code']}",
        "serves afterwards": serves.get(tuple(serving.items()), str(serving)),
        "told as drift then": ", ".join(told) or "nothing",
    }


def _stand_again(scene: Drifting) -> None:
    """As on record, with one deployment that serves."""
    if scene.compared():
        scene.adopt()
    (scene.serves,) = scene.azure.traffic("ws-dev", scene.endpoint)


def _traffic_meanwhile(scene: Drifting) -> Mapping[str, str]:
    return _during(scene, lambda new: scene.owner.set_traffic(scene.endpoint, {new: 0, scene.serves: 0}))


def _moved_meanwhile(scene: Drifting) -> Mapping[str, str]:
    return _during(scene, lambda new: scene.owner.set_traffic(scene.endpoint, {new: 100, scene.serves: 0}))


def _deleted_meanwhile(scene: Drifting) -> Mapping[str, str]:
    return _during(scene, lambda new: scene.owner.delete_deployment(scene.endpoint, new))


def _model_meanwhile(scene: Drifting) -> Mapping[str, str]:
    """By one that gives the same answers: no golden request can tell."""

    def change(new: str) -> None:
        changed = scene.owner.deployment(scene.endpoint, new)
        changed.model = scene.owner.register_model(f"{scene.team.name}-same", factor=scene.team.factor)
        scene.owner.update_deployment(changed)

    return _during(scene, change)


def _meanwhile(
    happens: str, act: Callable[[Drifting], Mapping[str, str]], release: str, serves: str, told: str
) -> Row[Drifting]:
    return Row(happens, act, {"the release": release, "serves afterwards": serves, "told as drift then": told})


MEANWHILE: Section[Drifting] = Section(
    "Drift during a rollout",
    "Others change an endpoint between two steps of a release: its deployment has been verified, and gets its traffic next.",
    (
        _meanwhile("all traffic is taken away", _traffic_meanwhile, "succeeded: released", "the new one", "nothing"),
        _meanwhile(
            "the new deployment gets all traffic", _moved_meanwhile, "succeeded: released", "the new one", "nothing"
        ),
        _meanwhile(
            "the new deployment is deleted",
            _deleted_meanwhile,
            "failed: deployment_deleted",
            "what served before",
            "nothing",
        ),
        _meanwhile(
            "the new deployment's model is replaced",
            _model_meanwhile,
            "failed: deployment_changed",
            "what served before",
            "model",
        ),
    ),
)
