"""``guardrails.yml``, read once at the start, strictly, with every mistake in it told at once."""

from collections.abc import Iterator
from pathlib import Path

from app.errors import Misconfigured, Mistake
from app.guardrails.rules import NO_GUARDRAILS, Guardrails
from app.guardrails.schema import GuardrailsSection
from app.settings import Settings
from app.written.mistakes import check
from app.written.yaml_lines import Document, read_yaml


def read_guardrails(settings: Settings) -> Guardrails:
    """What the platform demands; without a file nothing. Raises Misconfigured with every mistake in the file."""
    path: Path | None = settings.guardrails
    if path is None:
        return Guardrails(NO_GUARDRAILS.rules, NO_GUARDRAILS.unmatched_is_refused, settings.subscription)
    if not path.is_file():
        raise Misconfigured(
            f"There is no file {path}.", code="guardrails_invalid", hint="MLRELEASE_GUARDRAILS names guardrails.yml."
        )
    document = read_yaml(path, name=str(path))
    mistakes = [*document.mistakes]
    if document.data is None and not mistakes:
        mistakes.append(Mistake("is empty: an empty file would refuse everything", file=str(path)))
    if document.data is not None:
        mistakes += check(document, GuardrailsSection)
    if not mistakes:
        mistakes += _twice(document, GuardrailsSection.model_validate(document.data))
    if mistakes:
        raise Misconfigured(
            f"{'; '.join(map(str, sorted(mistakes, key=lambda mistake: mistake.line or 0)))}.",
            code="guardrails_invalid",
            hint="Mend the file that MLRELEASE_GUARDRAILS names.",
        )
    written = GuardrailsSection.model_validate(document.data)
    return Guardrails.of(written, subscription=settings.subscription)


def _twice(document: Document, written: GuardrailsSection) -> Iterator[Mistake]:
    """A plan names rules by their names."""
    seen: set[str] = set()
    for index, rule in enumerate(written.rules):
        if rule.name in seen:
            yield document.mistake(("rules", index, "name"), f"{rule.name!r} is the name of an earlier rule")
        seen.add(rule.name)
