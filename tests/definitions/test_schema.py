import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

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
