"""The options that name what the content of a release comes from."""

from typing import Annotated

import typer

from app.errors import Invalid

Job = Annotated[str | None, typer.Option("--job", "-j", help="The training job whose output is released.")]
ModelVersion = Annotated[
    str | None,
    typer.Option(
        help="A registered model: azureml:NAME:VERSION, or azureml://registries/REGISTRY/models/NAME/versions/VERSION."
    ),
]
FromRelease = Annotated[str | None, typer.Option(help="An earlier release of this model, for its content.")]


def source_in(job: str | None, model_version: str | None, from_release: str | None) -> dict[str, str]:
    """The one that is given, for a request's body. Raises Invalid."""
    given = {"job": job, "model_version": model_version, "from_release": from_release}
    chosen = {field: value for field, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise Invalid(
            "Nothing says what is to be released." if not chosen else "Only one thing can be released at a time.",
            code="usage",
            hint="Give one of --job, --model-version and --from-release.",
        )
    return chosen
