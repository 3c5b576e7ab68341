"""Rules across the fields of a definition, and across its files.

They look at what was read, not at a checked ``Definition``, so that they find their mistakes beside all others.
"""

from collections.abc import Callable, Iterator
from typing import Any

from app.definitions.spelling import as_snake_case
from app.documents.yaml_lines import Document
from app.errors import Mistake


def check_stages(release: Document) -> Iterator[Mistake]:
    """Stages need different names, different targets, and a registry where the workspace differs."""
    names: dict[Any, int] = {}
    targets: dict[Any, int] = {}
    first: tuple[Any, ...] | None = None
    for index, stage in _stages(release):
        place = _workspace(stage)
        if index == 0:
            first = place
        name, endpoint = stage.get("name"), stage.get("endpoint")
        if isinstance(name, str) and names.setdefault(name, index) != index:
            yield release.mistake(("stages", index, "name"), f"{name!r} is the name of an earlier stage")
        if None in (place[1], place[2]) or first is None:
            continue  # said already
        if isinstance(endpoint, str) and targets.setdefault((*place, endpoint.lower()), index) != index:
            yield release.mistake(
                ("stages", index, "endpoint"), f"{endpoint!r} in {place[2]} is the endpoint of an earlier stage"
            )
        if place != first and stage.get("registry") is None:
            yield release.mistake(
                ("stages", index),
                "`registry` is missing: the model is in the first stage's workspace, and only a registry brings it",
            )


def check_soaks(release: Document) -> Iterator[Mistake]:
    """A stage can only come after one that comes before it."""
    earlier: list[str] = []
    for index, stage in _stages(release):
        named = release.section("stages", index, "after", "stage")
        if isinstance(named, str) and named not in earlier:
            known = f"known: {', '.join(earlier)}" if earlier else "the first stage has none"
            yield release.mistake(("stages", index, "after", "stage"), f"{named!r} is no earlier stage; {known}")
        if isinstance(stage.get("name"), str):
            earlier.append(stage["name"])


def check_secrets(release: Document, endpoint_of: Callable[[int], Document]) -> Iterator[Mistake]:
    """Only an endpoint with `auth_mode: key` has keys to publish. ``endpoint_of``: as the stage of this index has it."""
    for index, stage in _stages(release):
        mode = as_snake_case(endpoint_of(index).section("auth_mode")) or "key"
        if mode != "key" and stage.get("key_vault") is not None:
            yield release.mistake(
                ("stages", index, "key_vault"),
                f"the endpoint has `auth_mode: {mode}` and therefore no keys to publish: use `key`, or leave this out",
            )


def check_score_code_given(release: Document, deployment: Document) -> Iterator[Mistake]:
    """Azure ML writes score code for MLflow models only."""
    kind = release.section("model", "type") or "custom_model"
    if kind == "custom_model" and isinstance(deployment.data, dict) and "code_configuration" not in deployment.data:
        yield deployment.mistake((), "`code_configuration` is missing: a model of type `custom_model` needs score code")


def _stages(release: Document) -> Iterator[tuple[int, dict[str, Any]]]:
    stages = release.section("stages")
    if isinstance(stages, list):
        yield from ((index, stage) for index, stage in enumerate(stages) if isinstance(stage, dict))


def _workspace(stage: dict[str, Any]) -> tuple[Any, ...]:
    parts = (stage.get(key) for key in ("subscription", "resource_group", "workspace"))
    return tuple(part.lower() if isinstance(part, str) else None for part in parts)
