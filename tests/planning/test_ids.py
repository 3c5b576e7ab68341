"""What an id is made of can be read from it, whatever names and keys look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.planning.ids import (
    model_of,
    need_in,
    needed_key,
    needed_stage,
    needed_step,
    release_id_of,
    release_of,
    rollout_id_of,
    stage_of,
    step_id_of,
)
from app.planning.kinds import ShiftTraffic
from app.planning.steps import PlannedStep
from tests.planning.examples import PLACE

MODELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True)
NUMBERS = st.integers(min_value=1)
STAGES = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)
KEYS = st.from_regex(r"[a-z_]+(:[a-z0-9_:-]*)?", fullmatch=True)


@given(model=MODELS, number=NUMBERS)
def test_release_id_names_its_model(model: str, number: int) -> None:
    assert model_of(release_id_of(model, number)) == model


@given(model=MODELS, number=NUMBERS, stage=STAGES, key=KEYS)
def test_ids_of_rollouts_and_steps_name_the_release_and_the_stage(
    model: str, number: int, stage: str, key: str
) -> None:
    release = release_id_of(model, number)
    rollout = rollout_id_of(release, stage)
    for row in (rollout, step_id_of(rollout, key)):
        assert (release_of(row), stage_of(row)) == (release, stage)


@given(model=MODELS, number=NUMBERS, stage=STAGES, earlier=STAGES, key=KEYS)
def test_need_names_a_step_of_the_same_stage_or_of_an_earlier_one(
    model: str, number: int, stage: str, earlier: str, key: str
) -> None:
    release = release_id_of(model, number)
    rollout = rollout_id_of(release, stage)

    assert needed_step(key, rollout_id=rollout) == step_id_of(rollout, key)
    assert (needed_stage(key), needed_key(key)) == (None, key)

    need = need_in(earlier, key)
    assert needed_step(need, rollout_id=rollout) == step_id_of(rollout_id_of(release, earlier), key)
    assert (needed_stage(need), needed_key(need)) == (earlier, key)


def test_a_steps_key_has_no_slash() -> None:
    config = ShiftTraffic(workspace=PLACE, endpoint="churn", deployment="r1-abcd")
    with pytest.raises(ValidationError):
        PlannedStep.of(config, key="dev/shift_traffic")
