"""What the SDK has against a job's YAML: from its page of text for a terminal to one sentence for each mistake.

The SDK gives no more than text: ``Validation for …Schema failed:`` and a JSON document, whose messages are such texts again. In it
are marshmallow's errors by field, or a list of ``{"message", "path", "location"}``.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from azure.ai.ml import load_job
from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import AzureError
from marshmallow import ValidationError as SchemaError

from app.azureml.schema_check import TEXT, plain_sentence
from app.azureml.unreadable_values import unreadable_values
from app.azureml.yaml_files import as_source
from app.documents.mistakes import did_you_mean
from app.documents.yaml_lines import Place, dotted, read_yaml
from app.errors import Invalid, Mistake, MlreleaseError
from app.sandbox.child import find_denied

MOST_TOLD = 5  # mistakes in one sentence
_PAGE = re.compile(r"Validation for \w+ failed:\s*|^\s*(?=\{\s*\"result\")")
_LOCATION = re.compile(r"^(?P<file>.*?)(#line (?P<line>\d+))?$", re.S)
_NO_FILE = re.compile(
    r"Can't find directory or file in resolved absolute path: (?P<folder>[^;\"]*?)\.?\s*(?:[;\"]|$)"
    r"|No such file or directory: (?P<file>[^'\"\]]*)"
)
_NOT_A_MAPPING = "Expect dict but get"
_FORMS_OF_A_NAME = "In order to specify an existing"
_NOT_A_NAME = "is not `azureml:NAME:VERSION`, an Azure id, or an existing file"
_VAGUE = (_NOT_A_NAME, "nvalid input type")  # also said of a file that is there, and of a list for a value
_NOT_IN_SET = re.compile(r"^Value (?P<value>.*) passed is not in set \[(?P<known>.*)\]$", re.S)
_UNKNOWN, _MISSING = "Unknown field.", "Missing data for required field."
# Marshmallow's own marks, not keys of the file: of a mapping's entry, of a section as a whole, of one form of several.
_MARKS = frozenset({"key", "value", "_schema", "null"})


def mistakes_in_job(said: str, *, folder: Path, entry: str) -> list[Mistake]:
    """Each mistake that this text of the SDK tells of; none when it is not about the YAML's fields."""
    if not _PAGE.search(said):
        return []
    return list(dict.fromkeys(_Page(folder, entry).read(said)))


@contextmanager
def mistakes_told(folder: Path, entry: str, *, doing: str) -> Iterator[None]:
    """Raise Invalid with file and line for what the SDK has against ``folder/entry``. ``doing`` completes "Could not …"."""
    try:
        yield
    except (SchemaError, MlException) as raised:
        mistakes = mistakes_in_job(str(raised), folder=folder, entry=entry)
        if not mistakes and str(raised).startswith(_NOT_A_MAPPING):
            mistakes = unreadable_values(folder, entry)
        elif any(vague in str(each) for each in mistakes for vague in _VAGUE):
            mistakes = unreadable_values(folder, entry) or mistakes
        if not mistakes:
            raise
        # Not chained: the SDK's exceptions hold what they were made of.
        raise _invalid(mistakes, doing=doing) from None
    except (MlreleaseError, AzureError, OSError, MemoryError, RecursionError):
        raise
    except Exception as broken:
        mistakes = unreadable_values(folder, entry) if find_denied(broken) is None else []
        if not mistakes:
            raise
        raise _invalid(mistakes, doing=doing) from broken


def _invalid(mistakes: list[Mistake], *, doing: str) -> Invalid:
    more = f"; and {len(mistakes) - MOST_TOLD} more" if len(mistakes) > MOST_TOLD else ""
    told = f"{'; '.join(map(str, mistakes[:MOST_TOLD]))}{more}"
    return Invalid(
        f"Could not {doing}: {told}{'' if told.endswith('?') else '.'}", mistakes=mistakes, code="job_invalid"
    )


class _Page:
    """One refusal of the SDK, beside the file that it is about."""

    def __init__(self, folder: Path, entry: str) -> None:
        self._folder = folder
        self._document = read_yaml(folder / entry, name=entry, numbers=False)

    def read(self, said: str, place: Place = (), where: str | None = None) -> Iterator[Mistake]:
        """``place``: in the YAML; ``where``: the file and line that the SDK names."""
        page = _PAGE.search(said)
        if page is None:
            yield self._told(place, _plain(said), where)
            return
        try:
            listed, _ = json.JSONDecoder().raw_decode(said, page.end())
        except ValueError:  # a page of another form
            yield self._told(place, _plain(said[page.end() :]), where)
            return
        if not (isinstance(listed, dict) and isinstance(listed.get("errors"), list)):
            yield from self._fields(listed, place, where)
            return
        for error in listed["errors"]:
            inner = (*place, *(_key(part) for part in str(error.get("path") or "*").split(".") if part != "*"))
            message, where_inner = str(error.get("message")), error.get("location") or where
            if message == _MISSING and inner and inner[-1] == "component" and self._is_written_inside(inner[:-1]):
                yield from self._step(inner[:-1], where_inner)
            elif message == _MISSING and inner:
                yield self._missing(inner, where_inner)
            else:
                yield from self.read(message, inner, where_inner)

    def _fields(self, found: Any, place: Place, where: str | None) -> Iterator[Mistake]:
        match found:
            case dict():
                written = self._document.section(*place)
                missing = [name for name, messages in found.items() if messages == [_MISSING]]
                meant = {
                    near for key, messages in found.items() if messages == [_UNKNOWN] for near in _near(key, missing)
                }
                for key, messages in found.items():
                    is_mark = key in _MARKS and not (isinstance(written, dict) and key in written)
                    inside = place if is_mark else (*place, _key(key))
                    if messages == [_UNKNOWN]:
                        yield self._told(
                            inside, f"is a key that Azure ML does not know{did_you_mean(key, missing)}", where
                        )
                    elif key not in meant:  # the misspelt key is told of
                        yield from self._fields(messages, inside, where)
            case list() if forms := [form for form in found if isinstance(form, dict)]:
                yield from self._nearest(forms, place, where)
            case list():
                said = [str(each) for each in found]
                for each in [each for each in said if not each.startswith(_FORMS_OF_A_NAME)] or said[:1]:
                    yield from self.read(each, place, where)
            case other:
                yield from self.read(str(other), place, where)

    def _nearest(self, forms: list[dict[str, Any]], place: Place, where: str | None) -> Iterator[Mistake]:
        """What the form of several that was probably meant has against it."""
        if no_file := next((form for form in forms if _NO_FILE.search(json.dumps(form))), None):
            yield from self._fields(no_file, place, where)
            return
        written = self._document.section(*place)
        if isinstance(written, dict):
            known = [word for form in forms for word in _known(form.get("type"))]
            if (
                known
                and str(written.get("type")) not in known
                and all("type" in form or _is_mark(form) for form in forms)
            ):
                listed = ", ".join(f"`{word}`" for word in dict.fromkeys(known))
                near = did_you_mean(str(written.get("type")), known) or f"; known are {listed}"
                yield self._told((*place, "type"), f"is a type that Azure ML does not know{near}", where)
                return
            # A form for what is written as text says nothing about a mapping; one of another type neither.
            forms = [form for form in forms if not _is_mark(form)] or forms
            forms = [form for form in forms if "type" not in form] or forms
        yield from self._fields(min(forms, key=lambda form: len(json.dumps(form))), place, where)

    def _is_written_inside(self, place: Place) -> bool:
        step = self._document.section(*place)
        return isinstance(step, dict) and "component" not in step

    def _step(self, place: Place, where: str | None) -> Iterator[Mistake]:
        """A pipeline's step with the whole job inside: the SDK says of any mistake in it that `component` is missing."""
        step: dict[str, Any] = dict(self._document.section(*place))
        step["inputs"] = {name: _unbound(each) for name, each in (step.get("inputs") or {}).items()}
        step.pop("outputs", None)
        found: list[Mistake] = []
        try:
            load_job(as_source(step), relative_origin=str(self._folder / self._document.file))
        except (SchemaError, MlException) as raised:
            found = list(self.read(str(raised), place, where)) if _PAGE.search(str(raised)) else []
        yield from found
        if not found:
            yield self._told(
                place,
                "is not a step that Azure ML can read: it has neither a `component` nor an inline job",
                where,
            )

    def _missing(self, place: Place, where: str | None) -> Mistake:
        file, _ = _location(where)
        document, inside = self._document, place[:-1]
        if file is not None and file.name != Path(document.file).name and file.is_relative_to(self._folder):
            document, inside = read_yaml(file, name=file.relative_to(self._folder).as_posix(), numbers=False), ()
        written = document.section(*inside)
        near = _near(str(place[-1]), list(written) if isinstance(written, dict) else [])
        if near:
            return document.mistake(
                (*inside, near[0]), f"is a key that Azure ML does not know; did you mean `{place[-1]}`?"
            )
        return self._told(place, "is missing", where)

    def _told(self, place: Place, sentence: str, where: str | None) -> Mistake:
        file, line = _location(where)
        if file is None or file.name == Path(self._document.file).name:
            is_word = isinstance(self._document.section(*place), str | bool)
            return self._document.mistake(
                place, f"{sentence}: put it in quotes" if sentence == TEXT and is_word else sentence
            )
        name = file.relative_to(self._folder).as_posix() if file.is_relative_to(self._folder) else file.name
        return Mistake(sentence, file=name, line=line, field=dotted(place[-1:]) or None)


def _known(messages: Any) -> list[str]:
    found = [_NOT_IN_SET.match(str(each)) for each in messages] if isinstance(messages, list) else []
    return [word.strip(" '\"") for match in found if match for word in match["known"].split(",")]


def _near(key: str, known: list[str]) -> list[str]:
    return get_close_matches(key, known, n=1, cutoff=0.75)


def _is_mark(form: dict[str, Any]) -> bool:
    return set(form) <= _MARKS


def _key(key: str) -> str | int:
    return int(key) if key.isdigit() else key


def _unbound(written: Any) -> Any:
    """A step's input, bound to its pipeline, as a job by itself may have it."""
    return "bound" if isinstance(written, str) else written


def _location(where: str | None) -> tuple[Path | None, int | None]:
    match = _LOCATION.match(where or "")
    if match is None or not match["file"]:
        return None, None
    return Path(match["file"]), int(match["line"]) if match["line"] else None


def _plain(said: str) -> str:
    if missing := _NO_FILE.search(said):
        return f"there is no file or folder {Path(missing['folder'] or missing['file']).name!r}"
    if said.startswith(_FORMS_OF_A_NAME):
        return _NOT_A_NAME
    return plain_sentence(" ".join(said.partition("If you are trying to configure")[0].split()))
