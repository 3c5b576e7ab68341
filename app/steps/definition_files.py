"""Endpoint, deployment and score code as the Azure SDK takes them: else it would refuse them when half of a release is done."""

import ast
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.azureml.code import uploaded_files
from app.azureml.schema_check import check_deployment, check_endpoint
from app.bundles.unpack import unpack
from app.documents.yaml_lines import Document, read_yaml
from app.errors import Invalid, Mistake

_PYTHON = f"Python {sys.version_info[0]}.{sys.version_info[1]}"


def mistakes_of_sdk(folder: Path, *, endpoint: str, deployment: str) -> list[Mistake]:
    """What the SDK has against the files of a definition, by file and line."""
    mistakes: list[Mistake] = []
    for name, check in ((endpoint, check_endpoint), (deployment, check_deployment)):
        document = read_yaml(folder / name, name=name)
        mistakes += document.mistakes
        if isinstance(document.data, dict):
            mistakes += [document.mistake(tuple(each["place"]), each["message"]) for each in check(document.data)]
        if name == deployment:
            mistakes += _mistakes_of_score_code(document, folder, (folder / name).parent)
    return mistakes


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
