"""The definition version of a release, as the event chain confirms it."""

from sqlmodel import Session

from app.definitions import queries as definitions
from app.definitions.schema import Definition
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict
from app.releases.attested import definition_counts, row_digest
from app.releases.tables import Release


def definition_of(session: Session, release: Release) -> tuple[DefinitionVersion, Definition]:
    """The definition version that a release was asked under."""
    version = definitions.get(session, release.model, release.definition_version)
    require_on_record(session, version)
    return version, Definition.model_validate(version.content)


def require_on_record(session: Session, version: DefinitionVersion) -> None:
    subject = f"{version.model}@{version.version}"
    if not definition_counts(session, subject=subject, digest=row_digest(version)):
        raise Conflict(
            f"The event chain does not confirm version {version.version} of {version.model} as it is.",
            code="definition_not_on_record",
            hint="`mlrelease audit verify` shows what was changed past the service. Apply the definition again.",
        )
