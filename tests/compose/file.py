"""docker-compose.yml as it is written, read for a test that starts the same processes without Docker."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<how>:-|-)(?P<default>[^}]*)\}")


@dataclass(frozen=True)
class Service:
    """One service of the file."""

    name: str
    command: tuple[str, ...]  # empty: the image's own
    environment: Mapping[str, str]
    needs: Mapping[str, str]  # service → condition
    profiles: tuple[str, ...]
    restart: str
    ports: tuple[str, ...]
    secrets: tuple[str, ...]
    is_ours: bool  # of the image that is built here
    written: Mapping[str, Any]  # all of it


def read_services(*, profile: str, variables: Mapping[str, str]) -> dict[str, Service]:
    """The services of a profile, variables filled in as Compose does."""
    services = (_service(name, content) for name, content in _written(variables)["services"].items())
    return {each.name: each for each in services if not each.profiles or profile in each.profiles}


def read_secrets(*, variables: Mapping[str, str]) -> dict[str, str]:
    """Each secret, and the file that it is in."""
    return {name: how["file"] for name, how in _written(variables)["secrets"].items()}


def in_order(services: Mapping[str, Service]) -> Iterator[Service]:
    """Each service after those that it depends on."""
    begun: set[str] = set()
    while len(begun) < len(services):
        ready = [each for each in services.values() if each.name not in begun and set(each.needs) <= begun]
        assert ready, "the services wait for each other, or for one that is not there"
        for service in ready:
            begun.add(service.name)
            yield service


def image_command() -> tuple[str, ...]:
    """What a container of our image runs by default."""
    command = re.search(r"^CMD \[(.*)\]$", (ROOT / "Dockerfile").read_text(), re.M)
    assert command is not None
    return tuple(part.strip().strip('"') for part in command[1].split(","))


def _written(variables: Mapping[str, str]) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load(_filled((ROOT / "docker-compose.yml").read_text(), variables))
    return read


def _filled(text: str, variables: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        given = variables.get(found["name"])
        if given is None or (found["how"] == ":-" and not given):
            return found["default"]
        return given

    return _VARIABLE.sub(value, text)


def _service(name: str, content: dict[str, Any]) -> Service:
    needs = content.get("depends_on", {})
    return Service(
        name=name,
        command=tuple(content.get("command", ())),
        environment={key: "" if value is None else str(value) for key, value in content.get("environment", {}).items()},
        needs={each: how["condition"] for each, how in needs.items()},
        profiles=tuple(content.get("profiles", ())),
        restart=content.get("restart", "no"),
        ports=tuple(content.get("ports", ())),
        secrets=tuple(content.get("secrets", ())),
        is_ours=content["image"].startswith("mlrelease:"),
        written=content,
    )
