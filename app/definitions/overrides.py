"""What a stage sets otherwise than the endpoint's and the deployment's files, checked as these files are, at its own lines.

A stage sets how its endpoint and its deployment run. What the release brings is the same in every stage, so that what was proven in an
earlier one is what comes to the next: that, and what is a field of the stage itself, is refused here.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from app.documents.json_object import Json
from app.documents.merging import merged
from app.documents.mistakes import did_you_mean
from app.documents.yaml_lines import Document, Place
from app.errors import Mistake

FILE = "release.yml"
Part = Literal["endpoint_settings", "deployment"]

_BY_RELEASE = "is decided by the release: leave it out"
_SAME_EVERYWHERE = "is the same in every stage, so that what was proven in one comes to the next: set it in {file}"
OWN_OF_STAGE: Mapping[str, str] = {
    "name": "is decided by the stage's field `endpoint` and by the release: leave it out",
    "endpoint_name": "is decided by the stage: set its field `endpoint`",
    "model": _BY_RELEASE,
    "environment": "is the same in every stage: set `environment` at the top of release.yml",
    "traffic": "is decided by the release, which moves traffic after its checks: leave it out",
    "mirror_traffic": _BY_RELEASE,
    "code_configuration": _SAME_EVERYWHERE,
    "instance_type": "is a field of the stage itself: write it beside `deployment`",
    "instance_count": "is a field of the stage itself: write it beside `deployment`",
}
_ONLY_DESCRIBES = frozenset({"$schema", "description", "tags"})


class Overridden(Document):
    """A file with a stage's settings laid over it. A mistake is told where its cause was written: in ``release.yml``, or in the file."""

    def __init__(self, file: Document, release: Document, at: Place) -> None:
        self._file, self._release, self._at = file, release, at
        self._overrides = {key: value for key, value in release.section(*at).items() if key not in OWN_OF_STAGE}
        super().__init__(file=file.file, data=merged(file.data, self._overrides))

    def mistake(self, place: Place, message: str) -> Mistake:
        if self._is_of_stage(place):
            return self._release.mistake((*self._at, *place), message)
        return self._file.mistake(place, message)

    def mistakes_of_its_own(self) -> Iterator[Mistake]:
        """What is refused whatever the file says, and what would remove nothing, which is a slip of the pen."""
        for key in self._release.section(*self._at):
            if key in OWN_OF_STAGE:
                yield self._release.mistake((*self._at, key), OWN_OF_STAGE[key].format(file=self._file.file))
        for place in _removed(self._overrides, ()):
            if self._file.section(*place) is None:
                around = self._file.section(*place[:-1])
                near = did_you_mean(str(place[-1]), sorted(around) if isinstance(around, dict) else [])
                yield self._release.mistake(
                    (*self._at, *place), f"is empty, which removes the field, and {self._file.file} has none{near}"
                )

    def _is_of_stage(self, place: Place) -> bool:
        here, there = self._overrides, self._file.data
        for part in place:
            if not isinstance(here, dict):
                return True  # it took the place of all that was there
            if part not in here:
                return not isinstance(there, dict)
            here, there = here[str(part)], there.get(part) if isinstance(there, dict) else None
        return True


def overridden(file: Document, release: Document, part: Part) -> Iterator[tuple[int, Overridden]]:
    """The file as each stage has it that sets something otherwise; by the stage's index."""
    stages = release.section("stages")
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        settings = stage.get(part) if isinstance(stage, dict) else None
        if isinstance(settings, dict) and settings and isinstance(file.data, dict):
            yield index, Overridden(file, release, ("stages", index, part))


def settings_of(release: Mapping[str, Any], stage: str, part: Part) -> Json:
    """What a stage of a checked ``release.yml`` sets otherwise; nothing where it has no such stage."""
    return next((dict(each.get(part) or {}) for each in release["stages"] if each["name"] == stage), {})


def find_file(folder: Path) -> Path | None:
    """The definition's file: at the top, or below where it declares the top as its root. None: not one, or several."""
    if (folder / FILE).is_file():
        return folder / FILE
    found = sorted(folder.rglob(FILE))
    return found[0] if len(found) == 1 else None


def shown(settings: Mapping[str, Any]) -> Json:
    """As plans show them: less what only describes, and variables by name and digest, because their values may be anything."""
    kept = {key: value for key, value in settings.items() if key not in _ONLY_DESCRIBES}
    variables = kept.get("environment_variables")
    return {**kept, "environment_variables": digested(variables)} if variables else kept


def digested(variables: Mapping[str, Any]) -> dict[str, str | None]:
    """Each by the beginning of its SHA-256; None, which removes one, stays None."""
    return {
        name: None if value is None else hashlib.sha256(str(value).encode()).hexdigest()[:16]
        for name, value in variables.items()
    }


def without_values(definition: Json) -> Json:
    """A definition's content as it is shown: variables that stages set by name and digest, as plans show them."""
    stages = [
        {**stage, "deployment": {**settings, "environment_variables": digested(settings["environment_variables"])}}
        if (settings := stage.get("deployment") or {}).get("environment_variables")
        else stage
        for stage in definition["stages"]
    ]
    return {**definition, "stages": stages}


def _removed(overrides: Mapping[str, Any], at: Place) -> Iterator[Place]:
    for key, value in overrides.items():
        if value is None:
            yield (*at, key)
        elif isinstance(value, Mapping):
            yield from _removed(value, (*at, key))
