"""The section ``traffic``: what is written in the documents is understood, and what cannot be is said with its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from app.definitions.schema import StageDefinition
from app.definitions.traffic import CanaryTraffic, ShadowTraffic

PAGE = Path(__file__).parents[2] / "docs" / "gradual-traffic.md"
STAGE = {"name": "prod", "workspace": "ws-prod", "resource_group": "rg-ml", "endpoint": "churn-prod"}


def stage(**traffic: Any) -> StageDefinition:
    return StageDefinition.model_validate({**STAGE, "traffic": traffic})


def test_example_of_the_page_is_a_stage() -> None:
    (written,) = (each.split("```")[0] for each in PAGE.read_text().split("```yaml")[1:])

    (only,) = (StageDefinition.model_validate(each) for each in yaml.safe_load(written)["stages"])

    assert isinstance(only.traffic, CanaryTraffic)
    assert [each.weight for each in only.traffic.steps] == [10, 50]


def test_mirror_of_the_page_is_a_shadow() -> None:
    assert "`mirror: {percent: 20, bake: 30m}`" in PAGE.read_text()
    assert isinstance(stage(strategy="shadow", mirror={"percent": 20, "bake": "30m"}).traffic, ShadowTraffic)


@pytest.mark.parametrize(
    ("traffic", "field", "said"),
    [
        ({"strategy": "canray"}, ("traffic",), "`canary`"),
        ({"strategy": "canary", "steps": []}, ("traffic", "steps"), "at least 1"),
        ({"strategy": "canary", "steps": [{"weight": 100, "bake": "5m"}]}, ("traffic", "steps", 0, "weight"), "99"),
        (
            {"strategy": "canary", "steps": [{"weight": 25, "bake": "5m"}, {"weight": 5, "bake": "5m"}]},
            ("traffic", "steps"),
            "the weights must rise, and they are 25, 5",
        ),
        ({"strategy": "shadow", "mirror": {"percent": 60, "bake": "5m"}}, ("traffic", "mirror", "percent"), "50"),
        ({"strategy": "all_at_once", "steps": []}, ("traffic", "steps"), "not permitted"),
    ],
)
def test_what_cannot_be_is_said_where_it_stands(traffic: dict[str, Any], field: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        stage(**traffic)

    error = refused.value.errors()[0]
    assert tuple(part for part in error["loc"] if not str(part).startswith("[")) == field
    assert said in error["msg"]
