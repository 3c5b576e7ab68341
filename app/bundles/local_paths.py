"""Every local file that Azure ML YAML names: it must lie inside of the bundle.

The SDK opens and uploads whatever a YAML of its own names, wherever it lies. The fields in which it does so are those of the SDK's
schemas and entities (``azure.ai.ml``, 1.35.2), taken together for jobs, components, environments, data and models of all kinds: a
name that means a path in one of them is taken for one everywhere, but for places that hold free text. Files that are named are
read in turn. What the SDK would open all the same, it cannot: it runs where it sees nothing else (``azureml.confined``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.bundles.conda import paths_of_conda
from app.documents.json_object import Json
from app.documents.merging import merged
from app.documents.yaml_lines import Document, Place, read_yaml
from app.errors import Invalid, Mistake

MOST_FILES = 200  # YAML files that one entry may name, one by another

# Fields that the SDK opens. A value is text, or a list of texts.
_PATHS = frozenset(
    {
        "additional_includes",
        "archives",
        "code",
        "conda_file",
        "conda_file_path",
        "custom_model_path",
        "dockerfile",
        "file",
        "files",
        "flow",
        "folder",
        "jars",
        "local_path",
        "path",
        "paths",
        "py_files",
        "source_path",
        "test_data",
        "training_data",
        "validation_data",
    }
)
# Fields that may name a YAML file, which the SDK reads as if it were written there.
_DOCUMENTS = frozenset(
    {"component", "conda_file", "data", "environment", "flow", "job", "job_definition", "model", "pipeline", "trial"}
)
# Mappings whose keys are names that people chose. Plain values in them are values, not files.
_NAMED = frozenset({"inputs", "outputs", "search_space", "job_inputs"})
_NAMED_FIELDS = frozenset({"jobs"})
# Free text: whatever stands in these, nothing is opened.
_TEXT = frozenset(
    {
        "$schema",
        "args",
        "arguments",
        "command",
        "conf",
        "description",
        "display_name",
        "environment_variables",
        "experiment_name",
        "inference_config",
        "name",
        "program_arguments",
        "properties",
        "services",
        "tags",
        "version",
    }
)
_REMOTE = re.compile(
    r"(azureml|https?|wasbs?|abfss?|adl|s3|git\+https?|git\+ssh|git|ssh|mlflow-artifacts)://?|azureml:", re.I
)
_ELSEWHERE = re.compile(r"[~/\\$%]|[A-Za-z]:")
_BINDING = re.compile(r"\s*\$\{\{[^{}]*\}\}")
_LEADS_OUT = "is outside of the submitted folder: name only files inside it"
_INCLUDES = ".additional_includes"


def require_local_paths(folder: Path, files: Sequence[str], *, overrides: Json | None = None) -> None:
    """Raise Invalid with every place in these YAML files, or in what they name, that leads out of the folder.

    ``overrides`` are laid over each of the files.
    """
    mistakes = check_local_paths(folder, files, overrides=overrides)
    if mistakes:
        first = str(mistakes[0])
        count = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes. The first"
        raise Invalid(
            f"The folder has {count}: {first.removesuffix('.')}.",
            mistakes=mistakes,
            code="folder_invalid",
            hint="Correct the mistakes and submit the folder again. Nothing was submitted.",
        )


def check_local_paths(folder: Path, files: Sequence[str], *, overrides: Json | None = None) -> list[Mistake]:
    """What is wrong, file by file. ``files`` are relative to the folder, which must be resolved already."""
    search = _Search(folder.resolve())
    for file in files:
        search.read(file, is_entry=True, overrides=overrides)
    search.read_listings()
    return search.mistakes


@dataclass
class _Search:
    root: Path
    mistakes: list[Mistake] = field(default_factory=list)
    _read: set[Path] = field(default_factory=set)
    _around: list[Path] = field(default_factory=list)  # files whose reading led here

    def read(self, name: str, *, is_entry: bool = False, overrides: Json | None = None) -> None:
        """One YAML file, and what it names."""
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root):
            self.mistakes.append(Mistake(_LEADS_OUT, file=name))
            return
        if path in self._read or not path.is_file():
            return
        self._read.add(path)
        if len(self._read) > MOST_FILES:
            self.mistakes.append(Mistake(f"leads to more than {MOST_FILES} files", file=name))
            return
        document = read_yaml(path, name=path.relative_to(self.root).as_posix(), numbers=False)
        self.mistakes.extend(document.mistakes)
        if is_entry and not document.mistakes and not isinstance(document.data, dict):
            self.mistakes.append(document.mistake((), "must be a mapping (`key: value`)"))
        self._around.append(path)
        data = document.data
        self._walk(
            document, merged(data, overrides) if overrides and isinstance(data, dict) else data, (), base=path.parent
        )
        self._around.pop()

    def read_listings(self) -> None:
        """Files beside components that list what is uploaded with them, a path each line; and tables of paths."""
        for path in sorted(self.root.rglob(f"*{_INCLUDES}")):
            name = path.relative_to(self.root).as_posix()
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                entry = line.strip()
                if entry and not entry.startswith("#") and self._leads_out(entry, path.parent):
                    self.mistakes.append(Mistake(f"{entry!r} {_LEADS_OUT}", file=name, line=number))
        for path in sorted(self.root.rglob("MLTable")):
            self.read(path.relative_to(self.root).as_posix())

    def _walk(self, document: Document, data: Any, place: Place, *, base: Path) -> None:
        match data:
            case dict():
                for key, value in data.items():
                    self._field(document, key, value, (*place, key), base=base)
            case list():
                for index, value in enumerate(data):
                    self._walk(document, value, (*place, index), base=base)

    def _field(self, document: Document, key: str, value: Any, place: Place, *, base: Path) -> None:
        if key in _TEXT:
            return
        if key in _NAMED | _NAMED_FIELDS and isinstance(value, dict):
            for name, each in value.items():
                if isinstance(each, dict | list):
                    self._walk(document, each, (*place, name), base=base)
                elif key in _NAMED_FIELDS:
                    self._path(document, each, (*place, name), base=base, follow=True)
            return
        if key == "additional_includes" and isinstance(value, list):
            self._artifacts(document, value, place)
        if key == "conda_file" and isinstance(value, dict):
            self._conda(document, value, place, base=base)
            return
        if key == "build" and isinstance(value, dict):
            self._build(document, value, place, base=base)
            return
        if key in _PATHS | _DOCUMENTS or (key == "pattern" and document.file.endswith("MLTable")):
            for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
                inner = place if index is None else (*place, index)
                self._path(document, each, inner, base=base, follow=key in _DOCUMENTS)
        elif isinstance(value, str) and value.lstrip().lower().startswith("file:"):
            self._path(document, value, place, base=base, follow=True)
        self._walk(document, value, place, base=base)

    def _path(self, document: Document, value: Any, place: Place, *, base: Path, follow: bool) -> None:
        if not isinstance(value, str):
            return
        if self._leads_out(value, base):
            self.mistakes.append(document.mistake(place, f"{value!r} {_LEADS_OUT}"))
            return
        target = _local(value)
        if not follow or target is None:
            return
        path = (base / target).resolve()
        if not path.is_file():
            return
        name = path.relative_to(self.root).as_posix()
        if path in self._around:  # the SDK would read it again and again
            circle = "this file itself" if path == self._around[-1] else "a file that names this one"
            self.mistakes.append(
                document.mistake(place, f"{value!r} is {circle}: files must not refer to each other in a circle")
            )
        elif place[-1] == "conda_file":
            self._conda_file(path, name)
        else:
            self.read(name)

    def _conda_file(self, path: Path, name: str) -> None:
        if path in self._read:
            return
        self._read.add(path)
        conda = read_yaml(path, name=name, numbers=False)
        self.mistakes.extend(conda.mistakes)
        self._conda(conda, conda.data, (), base=path.parent)

    def _conda(self, document: Document, data: Any, place: Place, *, base: Path) -> None:
        for inner, path in paths_of_conda(data):
            if self._leads_out(path, base):
                self.mistakes.append(document.mistake((*place, *inner), f"{path!r} {_LEADS_OUT}"))

    def _build(self, document: Document, build: dict[str, Any], place: Place, *, base: Path) -> None:
        """A build's context is uploaded whole; its Dockerfile is named from there."""
        context = build.get("path")
        self._path(document, context, (*place, "path"), base=base, follow=False)
        inside = base / context if isinstance(context, str) and _local(context) is not None else base
        self._path(document, build.get("dockerfile_path"), (*place, "dockerfile_path"), base=inside, follow=False)

    def _artifacts(self, document: Document, value: list[Any], place: Place) -> None:
        for index, each in enumerate(value):
            if isinstance(each, dict):
                self.mistakes.append(
                    document.mistake(
                        (*place, index), "must be a path in the folder: artifacts of other places are not supported"
                    )
                )

    def _leads_out(self, value: str, base: Path) -> bool:
        target = _local(value)
        if target is not None and ("\0" in target or "\\" in target or _ELSEWHERE.match(target)):
            return True
        try:
            # Addresses too: the SDK tries each as a path first, and `https:/../..` is one.
            return any(
                not (base / text).resolve().is_relative_to(self.root) for text in {value, target or value.strip()}
            )
        except (OSError, RuntimeError, ValueError):  # a name that no file can have, links in a circle
            return True


def _local(value: str) -> str | None:
    """The path that is meant; None for what lies elsewhere, or is bound to something that only a run knows."""
    text = value.strip()
    if text.lower().startswith("file:"):
        rest = text[len("file:") :]
        return f"/{rest.lstrip('/')}" if rest.startswith("//") else rest
    if not text or _REMOTE.match(text) or _BINDING.match(text):
        return None
    return text
