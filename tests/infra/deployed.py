"""The templates evaluated with the parameters that stand beside them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.infra.bicep import Place, Template

FOLDER = Path(__file__).parents[2] / "deploy" / "infra"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
IMAGE = "registry.example/mlrelease@sha256:" + "0" * 64


@cache
def platform() -> Template:
    return Template(FOLDER / "platform.bicep", parameters("platform"), Place(SUBSCRIPTION, "rg-mlrelease"))


@cache
def environment(name: str) -> Template:
    return Template(FOLDER / "main.bicep", parameters(name), Place(SUBSCRIPTION, f"rg-ml-{name}"))


@cache
def service() -> Template:
    given = platform().outputs
    taken = {name: given[name] for name in ("imageServer", "vault", "databaseHost")}
    return Template(
        FOLDER / "service.bicep",
        {**parameters("service"), **taken, "image": IMAGE},
        Place(SUBSCRIPTION, "rg-mlrelease"),
    )


def parameters(name: str) -> dict[str, Any]:
    written = json.loads((FOLDER / f"{name}.parameters.json").read_text())
    return {each: value["value"] for each, value in written["parameters"].items()}
