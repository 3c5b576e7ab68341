"""Reading a definition's folder: the definition, or every mistake in it at once."""

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from app.bundles.limits import check_packed
from app.bundles.unpack import unpack
from app.definitions.azure_yaml import DeploymentFile, EndpointFile
from app.definitions.golden import check_golden, is_path_to_one_value
from app.definitions.overrides import FILE, Overridden, find_file, overridden
from app.definitions.public_key import check_public_key
from app.definitions.rules import check_score_code_given, check_secrets, check_soaks, check_stages
from app.definitions.schema import ChecksSection, Definition
from app.definitions.score_code import check_score_code
from app.documents.mistakes import check
from app.documents.yaml_lines import Document, Place, read_yaml
from app.errors import Invalid, Mistake
from app.sandbox.sandbox import sandbox


def read_archive(archive: bytes) -> Definition:
    """The definition in a bundle, read in a child process. Raises Invalid with every mistake, TooLarge or Unavailable."""
    check_packed(len(archive))
    content = sandbox.run(f"{__name__}:read_in_child", {"archive": archive}, doing="read the definition")
    return Definition.model_validate(content)


def read_in_child(archive: bytes) -> dict[str, Any]:
    """What ``read_archive`` has done; the definition as JSON."""
    with tempfile.TemporaryDirectory(prefix="mlrelease-") as scratch:
        folder = Path(scratch, "bundle")
        unpack(archive, folder)
        return read_definition(folder).model_dump(mode="json")


def read_definition(folder: Path) -> Definition:
    """The definition in a folder, with paths from there. Raises Invalid with every mistake."""
    file = _find(folder)
    release = _document(file, folder)
    if mistakes := list(_mistakes(release, folder, base=file.parent)):
        raise _invalid(_in_order(list(dict.fromkeys(mistakes))))
    definition = Definition.model_validate(release.data)
    inside = PurePosixPath(file.parent.relative_to(folder).as_posix())
    return definition.model_copy(
        update={
            "endpoint": (inside / definition.endpoint).as_posix(),
            "deployment": (inside / definition.deployment).as_posix(),
            "checks": _checks_from(inside, definition.checks),
        }
    )


def _checks_from(inside: PurePosixPath, checks: ChecksSection) -> ChecksSection:
    signature = checks.signature
    if signature is not None:
        signature = signature.model_copy(update={"public_key": (inside / signature.public_key).as_posix()})
    return checks.model_copy(update={"golden": (inside / checks.golden).as_posix(), "signature": signature})


def _find(folder: Path) -> Path:
    """The definition's file. Raises Invalid unless there is exactly one."""
    file = find_file(folder)
    if file is not None:
        return file
    if found := sorted(folder.rglob(FILE)):
        listed = ", ".join(each.relative_to(folder).as_posix() for each in found[:5])
        raise _invalid([Mistake(f"occurs {len(found)} times, but a bundle has one definition: {listed}", file=FILE)])
    near = next((name for name in ("release.yaml", "Release.yml") if (folder / name).is_file()), None)
    raise _invalid([Mistake(f"is missing{f': rename {near}' if near else ''}", file=FILE)])


def _mistakes(release: Document, folder: Path, *, base: Path) -> Iterator[Mistake]:
    yield from release.mistakes
    if release.data is None:
        return
    yield from check(release, Definition)
    yield from check_stages(release)
    yield from check_soaks(release)
    yield from _check_root(release, folder, base)

    endpoint_file = _referenced(release, ("endpoint",), base)
    if isinstance(endpoint_file, Mistake):
        yield endpoint_file
    elif endpoint_file is not None:
        endpoint = _document(endpoint_file, folder)
        yield from _checked(endpoint, EndpointFile)
        here = dict(overridden(endpoint, release, "endpoint_settings"))
        for settings in here.values():
            yield from _checked_as_set(settings, EndpointFile)
        yield from check_secrets(release, lambda stage: here.get(stage, endpoint))

    deployment_file = _referenced(release, ("deployment",), base)
    if isinstance(deployment_file, Mistake):
        yield deployment_file
    elif deployment_file is not None:
        deployment = _document(deployment_file, folder)
        yield from _checked(deployment, DeploymentFile)
        for _, settings in overridden(deployment, release, "deployment"):
            yield from _checked_as_set(settings, DeploymentFile)
        yield from check_score_code_given(release, deployment)
        yield from check_score_code(deployment, folder=folder, file=deployment_file)

    golden_file = _referenced(release, ("checks", "golden"), base)
    if isinstance(golden_file, Mistake):
        yield golden_file
    elif golden_file is not None:
        counts_labels = release.section("checks", "replay", "accuracy") is not None
        name = golden_file.relative_to(folder).as_posix()
        yield from check_golden(golden_file, name=name, counts_labels=counts_labels)
        at = release.section("checks", "replay", "accuracy", "path")
        if isinstance(at, str) and not is_path_to_one_value(at):
            place = ("checks", "replay", "accuracy", "path")
            yield release.mistake(place, f"{at!r} is no JSON path to one value, such as `$.predictions[0]`")

    key_file = _referenced(release, ("checks", "signature", "public_key"), base)
    if isinstance(key_file, Mistake):
        yield key_file
    elif key_file is not None:
        yield from check_public_key(key_file, name=key_file.relative_to(folder).as_posix())


def _check_root(release: Document, folder: Path, base: Path) -> Iterator[Mistake]:
    root = release.section("root") or "."
    if isinstance(root, str) and (base / root).resolve() != folder.resolve():
        message = "is not the root of the bundle: `mlrelease models apply` packs it from there"
        yield release.mistake(("root",), message)


def _referenced(release: Document, place: Place, folder: Path) -> Path | Mistake | None:
    """The file that a field names, or that there is none; None where the field itself is wrong, which was said already."""
    default = Definition.model_fields[str(place[0])].default if len(place) == 1 else None
    written = release.section(*place)
    name = default if written is None else written
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    path = folder / name
    return path if path.is_file() else release.mistake(place, f"there is no file {name!r} in the definition's folder")


def _document(path: Path, folder: Path) -> Document:
    return read_yaml(path, name=path.relative_to(folder).as_posix())


def _checked(document: Document, schema: type[BaseModel]) -> Iterator[Mistake]:
    yield from document.mistakes
    if document.data is not None:
        yield from check(document, schema)


def _checked_as_set(settings: Overridden, schema: type[BaseModel]) -> Iterator[Mistake]:
    """As a stage sets it. What is wrong in the file itself is told once, with the file."""
    yield from settings.mistakes_of_its_own()
    yield from check(settings, schema)


def _in_order(mistakes: list[Mistake]) -> list[Mistake]:
    """File by file, line by line."""
    files = list(dict.fromkeys(mistake.file for mistake in mistakes))
    return sorted(mistakes, key=lambda mistake: (files.index(mistake.file), mistake.line or 0))


def _invalid(mistakes: list[Mistake]) -> Invalid:
    first = str(mistakes[0]).removesuffix(".")
    end = "" if first.endswith("?") else "."
    if len(mistakes) == 1:
        sentence = f"The definition has one mistake: {first}{end}"
    else:
        sentence = f"The definition has {len(mistakes)} mistakes. The first: {first}{end}"
    return Invalid(
        sentence,
        mistakes=mistakes,
        code="definition_invalid",
        hint="Correct the mistakes and apply it again. Nothing was stored.",
    )
