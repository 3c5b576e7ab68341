"""Endpoint, deployment and score code as the Azure SDK takes them: else it would refuse them when half of a release is done."""

import ast
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from app.azureml.code import uploaded_files
from app.azureml.schema_check import check_deployment, check_endpoint
from app.bundles.unpack import unpack
from app.definitions.overrides import Part, find_file, overridden, settings_of
from app.documents.json_object import Json
from app.documents.yaml_lines import Document, read_yaml
from app.errors import Invalid, Mistake
from app.steps.contract import Refused

_PYTHON = f"Python {sys.version_info[0]}.{sys.version_info[1]}"


def mistakes_of_sdk(folder: Path, *, endpoint: str, deployment: str) -> list[Mistake]:
    """What the SDK has against the files of a definition, by file and line."""
    mistakes: list[Mistake] = []
    release = _release_file(folder)
    parts: tuple[tuple[str, Part, Callable[[Json], list[Json]]], ...] = (
        (endpoint, "endpoint_settings", check_endpoint),
        (deployment, "deployment", check_deployment),
    )
    for name, part, check in parts:
        document = read_yaml(folder / name, name=name)
        mistakes += document.mistakes
        for each in (document, *(each for _, each in overridden(document, release, part))):
            if isinstance(each.data, dict):
                mistakes += [each.mistake(tuple(found["place"]), found["message"]) for found in check(each.data)]
        if name == deployment:
            mistakes += _mistakes_of_score_code(document, folder, (folder / name).parent)
    return list(dict.fromkeys(mistakes))


def overrides_of(bundle: Path, stage: str | None, part: Part) -> Json:
    """What a stage sets otherwise than the file of this part, by the bundle's own ``release.yml``; None: nothing is."""
    return {} if stage is None else settings_of(_release_file(bundle).data, stage, part)


def _release_file(bundle: Path) -> Document:
    """Of a definition that was read before."""
    file = find_file(bundle)
    if file is None:
        raise Refused("The bundle has no release.yml.", code="definition_invalid", hint="Apply the definition again.")
    return read_yaml(file, name=file.relative_to(bundle).as_posix())


def check_in_child(archive: bytes, endpoint: str, deployment: str) -> None:
    """Of a bundle that was read before. Raises Invalid with every mistake."""
    with tempfile.TemporaryDirectory(prefix="mlrelease-") as scratch:
        folder = Path(scratch, "bundle")
        unpack(archive, folder)
        mistakes = mistakes_of_sdk(folder, endpoint=endpoint, deployment=deployment)
    if mistakes:
        raise Invalid(
            f"Azure ML cannot use the definition: {'; '.join(map(str, mistakes))}.",
            mistakes=mistakes,
            code="definition_invalid",
            hint="Correct the mistakes and apply it again. Nothing was stored.",
        )


def _mistakes_of_score_code(deployment: Document, folder: Path, base: Path) -> Iterator[Mistake]:
    """The SDK uploads what no ignore file leaves out, and parses the script by its own Python before it sends anything."""
    code, script = (deployment.section("code_configuration", key) for key in ("code", "scoring_script"))
    if not isinstance(code, str) or not isinstance(script, str):
        return
    path = (base / code / script).resolve()
    try:
        uploaded = {file.resolve() for _, file in uploaded_files(base / code)}
    except ValueError as broken:
        yield Mistake(f"has an ignore file that cannot be read: {broken}", file=code)
        return
    if path.is_file() and path not in uploaded:
        yield deployment.mistake(
            ("code_configuration", "scoring_script"), f"{script!r} is excluded by the ignore file of {code!r}"
        )
    name = path.relative_to(folder.resolve()).as_posix() if path.is_relative_to(folder.resolve()) else script
    try:
        ast.parse(path.read_text(encoding="utf-8-sig"))
    except SyntaxError as broken:
        yield Mistake(f"is not {_PYTHON}, which the Azure SDK reads it by: {broken.msg}", file=name, line=broken.lineno)
    except ValueError:
        yield Mistake("is not text in UTF-8", file=name)
    except OSError as broken:
        yield Mistake(f"cannot be read: {broken.strerror}", file=name)
