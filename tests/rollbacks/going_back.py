"""Releases of one model to one target, and the way back."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from app.planning.kinds import ReuseDeployment
from app.planning.observed import DeploymentFacts
from app.steps.contract import Done
from tests.api.playing import as_json
from tests.guardrails.playing import Platform

Json = dict[str, Any]

TARGET = "00000000-0000-0000-0000-000000000001/rg-ml/ws-prod/churn-prod"


@dataclass
class Going:
    """``there``: what Azure has, by name."""

    platform: Platform
    there: dict[str, DeploymentFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.platform.worker.hands.acts["look_at_target"] = lambda _: Done("Seen.", {"usable": self.there})

    def release(self) -> str:
        """One more that serves in prod; its deployment stays."""
        return self.made(self.platform.prepared())

    def made(self, release: Json) -> str:
        """Carry out what makes a deployment."""
        (rollout,) = release["rollouts"]
        made = DeploymentFacts(
            name=rollout["deployment"],
            release=release["id"],
            model=f"azureml:churn:{release['number']}",
            environment="azureml:env:3",
            instance_type="Standard_E2s_v3",
        )
        self.platform.worker.complete(release["id"], "prod", outputs={"create_deployment": made.as_output})
        self.there[made.name] = made
        return str(release["id"])

    def ask(self, *, who: httpx.Client | None = None, target: str = TARGET, **body: Any) -> httpx.Response:
        """For a rollback."""
        return (who or self.platform.anna).post(
            f"/v1/targets/{target}/rollback", json={"reason": "Wrong data.", **body}
        )

    def back(self, **body: Any) -> Json:
        """A rollback that a worker has prepared."""
        answer = self.ask(**body)
        assert answer.status_code == 201, answer.text
        self.platform.worker.prepare(answer.json()["id"])
        return self.platform.look(answer.json()["id"])

    def went_back(self, **body: Any) -> Json:
        """A rollback that a worker has carried out, with the deployment that it found or made."""
        asked = self.back(**body)
        (rollout,) = asked["rollouts"]
        if any(step["kind"] == ReuseDeployment.kind for step in rollout["steps"]):
            self.platform.worker.complete(asked["id"], "prod")
        else:
            self.made(asked)
        return self.platform.look(asked["id"])

    def lift(self) -> None:
        """The hold that a rollback left."""
        (hold,) = self.holds()
        answer = self.platform.anna.delete(f"/v1/freezes/{hold['id']}")
        assert answer.is_success, answer.text

    def holds(self) -> list[Json]:
        found: list[Json] = as_json(self.platform.anna.get("/v1/freezes"))["items"]
        return found
