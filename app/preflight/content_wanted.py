"""What is asked of Azure about a release's content, and what its parts are found to be."""

from dataclasses import dataclass, field
from pathlib import Path

from app.azureml.types import Content as Files
from app.planning.content import Content, DataInput, EnvironmentVersion, Metrics, RegisteredModel
from app.planning.frozen import Frozen
from app.planning.kinds import SignatureCheck
from app.planning.places import Place
from app.planning.sources import Source
from app.steps.contract import Refused

_LISTED = 20  # file names in a sentence


class ModelWanted(Frozen):
    """The definition's words for what is taken of the job."""

    name: str
    output: str
    path: str = "."
    file: str | None = None


class ContentWanted(Frozen):
    """``environment`` None: the one that the model was made in. ``deployment``: the YAML that names the score code.

    ``earlier``: what the release that it comes from released.
    """

    workspace: Place
    source: Source
    earlier: Content | None = None
    model: ModelWanted
    environment: str | None = None
    deployment: str | None = None
    endpoint: str | None = None
    signature: SignatureCheck | None = None


@dataclass(frozen=True)
class Origins:
    """What is known of how a model was made."""

    metrics: Metrics = field(default_factory=dict)
    data: tuple[DataInput, ...] = ()
    git_commit: str | None = None
    git_author: str | None = None


@dataclass(frozen=True)
class FoundModel:
    """A model's files, and where they were found. ``made_in``: the id of the environment, where Azure tells."""

    uri: str
    files: Files
    origins: Origins
    made_in: str | None = None
    registered: RegisteredModel | None = None
    environment: EnvironmentVersion | None = None  # that it must have, whatever the definition says now


def require_file(model: ModelWanted, files: Files, *, where: str, at: str = "", hint: str) -> None:
    """Raise Refused unless the file that the definition names is there."""
    names = names_in(files.root)
    if model.file is not None and model.file not in names:
        raise Refused(
            f"{where} has no {model.file}{at}; it has {listed(names)}.",
            code="model_file_missing",
            hint=hint,
            files=names[:_LISTED],
        )


def names_in(root: Path) -> list[str]:
    """Every file's path below a folder; of a file its name."""
    if root.is_file():
        return [root.name]
    if not root.is_dir():
        return []
    return sorted(each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())


def listed(names: list[str]) -> str:
    """The first of them, for a sentence."""
    shown = ", ".join(sorted(names)[:_LISTED])
    return shown + (", …" if len(names) > _LISTED else "")
