"""What others made has no provenance: what is not known is not stated."""

from tests.api.conftest import on_sqlite
from tests.api.playing import as_json
from tests.api.serving import problem_of
from tests.drift.there import foreign, put_there
from tests.guardrails.playing import Platform, stage


@on_sqlite
def test_adoption_states_nothing_of_what_it_took_in(platform: Platform) -> None:
    platform.apply(stage())
    put_there(platform, foreign())
    asked = as_json(platform.anna.post("/v1/models/churn/stages/prod/adopt", json={}))
    platform.worker.prepare(asked["id"])
    assert platform.carried_out(asked["id"])["status"] == "succeeded"

    problem = problem_of(platform.anna.get(f"/v1/releases/{asked['id']}/provenance"), 409, "nothing_released")

    assert problem["detail"].startswith(f"What {asked['id']}:prod is about was made by others")
