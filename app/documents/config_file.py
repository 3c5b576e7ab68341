"""Configuration files that a process reads at its start: strictly, with every mistake reported at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from app.documents.mistakes import check
from app.documents.yaml_lines import Document, Place, read_yaml
from app.errors import Misconfigured, Mistake

Section = TypeVar("Section", bound=BaseModel)


def read_config_file(
    path: Path,
    schema: type[Section],
    *,
    setting: str,
    code: str,
    contradictions: Callable[[Document, Section], Iterable[Mistake]],
) -> Section:
    """The file as the schema has it; ``setting`` names the variable that names it. Raises Misconfigured with every mistake.

    ``contradictions`` are looked for once each part is as it should be: what each allows, and the whole does not.
    """
    document = read_yaml(path, name=str(path))
    mistakes = list(document.mistakes)
    if document.data is not None or not mistakes:
        mistakes += check(document, schema)
    if not mistakes:
        mistakes += contradictions(document, schema.model_validate(document.data))
    if mistakes:
        raise Misconfigured(
            f"{'; '.join(map(str, sorted(mistakes, key=lambda mistake: mistake.line or 0)))}.",
            code=code,
            hint=f"Correct the file that {setting} names.",
        )
    return schema.model_validate(document.data)


def repeated(document: Document, words: Sequence[tuple[Place, str]]) -> Iterator[Mistake]:
    """Each word that stands at an earlier place already."""
    seen: dict[str, Place] = {}
    for place, word in words:
        if word in seen:
            yield document.mistake(place, f"{word} is already in line {document.line(seen[word])}")
        seen.setdefault(word, place)
