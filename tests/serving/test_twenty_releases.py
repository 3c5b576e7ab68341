"""Twenty releases of three models at two endpoints, carried out by a real worker with instant steps: exactly what is kept, and until when."""

from datetime import timedelta

from app.serving.idle import fates_at
from app.serving.queries import serving_now
from app.serving.tables import StoredTarget
from tests.api.conftest import SUBSCRIPTION, on_sqlite, plain_logs, service, settings
from tests.guardrails.conftest import platform
from tests.guardrails.playing import Platform, stage

__all__ = ["plain_logs", "platform", "service", "settings"]

DELETING = "retention: {keep: 2, warm_for: 7d}\n"
SCALING = "retention: {keep: 1, warm_for: 2d, then: scale_down}\n"


@on_sqlite
def test_what_is_kept_of_twenty_releases(platform: Platform) -> None:
    """fraud moves in where legacy was; churn has the other endpoint to itself. Some get no further than their deployment."""
    platform.apply(stage(), DELETING)
    shared = stage(endpoint="risk")
    platform.apply(shared, model="legacy")
    platform.apply(shared, SCALING, model="fraud")
    for model, releases in (("churn", "++-++++-++"), ("legacy", "++-"), ("fraud", "+-+++-+")):
        for outcome in releases:
            release = platform.prepared(model=model)["id"]
            if outcome == "+":
                platform.worker.complete(release, "prod")
            else:
                platform.worker.fail(release, "prod", at="verify_deployment")

    churn, risk = "churn-prod", "risk"
    assert (serves(platform, churn), serves(platform, risk)) == ({"churn-10"}, {"fraud-7"})
    assert deleted(platform, churn, days=0) == {f"churn-{number}" for number in (1, 2, 4, 5, 6)}
    assert deleted(platform, churn, days=6.9) == {f"churn-{number}" for number in (1, 2, 4, 5, 6)}
    assert deleted(platform, churn, days=7.1) == {f"churn-{number}" for number in range(1, 10)}
    assert deleted(platform, risk, days=0) == {f"fraud-{number}" for number in (1, 3, 4)}
    assert deleted(platform, risk, days=2.1) == {
        *(f"fraud-{number}" for number in (1, 2, 3, 4, 6)),
        *(f"legacy-{number}" for number in (1, 2, 3)),
    }


def serves(platform: Platform, endpoint: str) -> set[str | None]:
    with platform.worker.database.read() as session:
        return {each.release_id for each in serving_now(session, target(endpoint))}


def deleted(platform: Platform, endpoint: str, *, days: float) -> set[str]:
    """By then, as long as nothing else is released."""
    then = platform.worker.database.now() + timedelta(days=days)
    with platform.worker.database.read() as session:
        fates = fates_at(session, session.get_one(StoredTarget, target(endpoint)))
    return {str(each.idle.release) for each in fates if each.then == "delete" and each.is_due(then)}


def target(endpoint: str) -> str:
    return f"{SUBSCRIPTION}/rg-ml/ws-prod/{endpoint}"
