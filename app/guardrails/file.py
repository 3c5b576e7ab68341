"""Reading ``guardrails.yml``, once at the start."""

from collections.abc import Iterator

from app.documents.config_file import read_config_file, repeated
from app.documents.yaml_lines import Document
from app.errors import Mistake
from app.guardrails.rules import NO_GUARDRAILS, Guardrails
from app.guardrails.schema import GuardrailsSection
from app.settings import Settings


def read_guardrails(settings: Settings) -> Guardrails:
    """The guardrails; without a file there are none. Raises Misconfigured with every mistake in the file."""
    if settings.guardrails is None:
        return Guardrails(NO_GUARDRAILS.rules, NO_GUARDRAILS.unmatched_is_refused, settings.subscription)
    written = read_config_file(
        settings.guardrails,
        GuardrailsSection,
        setting="MLRELEASE_GUARDRAILS",
        code="guardrails_invalid",
        contradictions=_contradictions,
    )
    return Guardrails.of(written, subscription=settings.subscription)


def _contradictions(document: Document, written: GuardrailsSection) -> Iterator[Mistake]:
    """Rules must have unique names: plans refer to them by name."""
    yield from repeated(document, [(("rules", index, "name"), rule.name) for index, rule in enumerate(written.rules)])
