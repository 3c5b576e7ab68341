"""Comparing digests: whether content is the release's content."""

from collections.abc import Iterable

from app.azureml.types import Model
from app.azureml.versions import newest_first
from app.planning.tags import DIGEST_TAG
from app.steps.contract import Refused


def require_digest(found: str, wanted: str, *, where: str) -> None:
    """Raise Refused unless both are the same."""
    if found != wanted:
        raise Refused(
            f"{where[0].upper()}{where[1:]} is not the content of this release: its digest is {found}, expected {wanted}.",
            code="digest_mismatch",
            hint="Somebody changed it, or it is damaged. Find out which before you release anything else from it.",
            found=found,
            wanted=wanted,
        )


def newest_with_digest(models: Iterable[Model], digest: str) -> Model | None:
    """The newest version that says that it has this content."""
    same = {model.version: model for model in models if model.tags.get(DIGEST_TAG) == digest}
    return same[newest_first(same)[0]] if same else None
