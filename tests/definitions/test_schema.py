import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from app.definitions.overrides import without_values
from app.definitions.schema import Definition, json_schema, schema_text

DEPLOY = Path(__file__).parents[2] / "deploy"
RELEASES = sorted(DEPLOY.glob("models/*/release.yml"))


def test_the_published_schema_is_up_to_date() -> None:
    published = (DEPLOY / "release.schema.json").read_text(encoding="utf-8")

    assert published == schema_text(), "run: python -m app.definitions.schema > deploy/release.schema.json"


@pytest.mark.parametrize("file", RELEASES, ids=lambda file: file.parent.name)
def test_the_published_schema_takes_our_definitions(file: Path) -> None:
    jsonschema.validate(YAML(typ="safe").load(file), json_schema())


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("model", "name"), "my churn"),
        (("model", "unknown"), 1),
        (("environment",), "sentiment-env"),
        (("stages",), []),
        (("stages", 0, "endpoint"), "e"),
        (("stages", 0, "instance_count"), 51),
        (("stages", 0, "approval"), "yes"),
        (("model", "path"), "../up"),
    ],
)
def test_the_published_schema_refuses_what_we_refuse(where: tuple[str | int, ...], wrong: Any) -> None:
    release = json.loads(json.dumps(YAML(typ="safe").load(RELEASES[0])))
    place = release
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = wrong

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(release, json_schema())
    with pytest.raises(ValueError, match="validation error"):
        Definition.model_validate(release)


def test_every_field_is_explained_to_editors() -> None:
    def unexplained(schema: type[BaseModel]) -> list[str]:
        return [name for name, field in schema.model_fields.items() if not field.description]

    sections = json_schema()["$defs"].values()

    assert unexplained(Definition) == ["model", "checks"]  # their sections say it
    assert [name for each in sections for name, about in each["properties"].items() if "description" not in about] == []


def test_a_definition_is_shown_without_the_values_of_a_stage_s_variables() -> None:
    settings = {
        "environment_variables": {"TOKEN_URL": "https://inside/secret", "GONE": None},
        "app_insights_enabled": True,
    }
    content: dict[str, Any] = {
        "model": {"name": "churn"},
        "stages": [{"name": "dev"}, {"name": "prod", "deployment": settings}],
    }

    shown = without_values(content)

    variables = shown["stages"][1]["deployment"].pop("environment_variables")
    assert "secret" not in str(variables)
    assert (set(variables), variables["GONE"]) == ({"TOKEN_URL", "GONE"}, None)
    assert shown["stages"] == [{"name": "dev"}, {"name": "prod", "deployment": {"app_insights_enabled": True}}]


def test_what_a_stage_sets_is_published_with_every_field_optional_and_null_for_none() -> None:
    deployment = json_schema()["$defs"]["StageDefinition"]["properties"]["deployment"]

    request_settings, null = deployment["properties"]["request_settings"]["anyOf"]
    assert null == {"type": "null"}
    assert "required" not in request_settings
    assert {"type": "null"} in request_settings["properties"]["max_queue_wait_ms"]["anyOf"]
    assert not {"model", "name", "instance_count", "code_configuration"} & set(deployment["properties"])
    assert deployment["additionalProperties"] is False
