"""What the documents say is so: paths lead somewhere, commands exist, the settings are the settings."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from app.cli.main import app
from app.settings import Settings
from tests.cli.commands import command_of
from tests.journeys.documents import settings_table

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / "tests" / folder / "README.md" for folder in ("journeys", "attacks")),
]

_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
_FILE = re.compile(r"`((?:app|api|workflow|steps|releases|rollout|definitions|tests|docs|deploy|training)/[\w./<>-]+)`")
_COMMAND = re.compile(r"^    (mlrelease [^#\n]+)", re.M)


def test_table_of_settings_is_up_to_date() -> None:
    written = (ROOT / "docs" / "production.md").read_text()
    assert written.endswith(settings_table()), "python -m tests.journeys.documents prints it as it should be"
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_links_and_files_in_a_document_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    lost = [link for link in _LINK.findall(text) if not (document.parent / link).exists()]
    lost += [name for name in _FILE.findall(text) if "<" not in name and not _is_there(name)]
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_commands_in_a_document_are_understood(document: Path) -> None:
    for written in _COMMAND.findall(document.read_text()):
        _, *arguments = shlex.split(written)
        command = get_command(app)
        while isinstance(command, typer.core.TyperGroup):
            command = command_of(command, arguments.pop(0))
        with command.make_context("mlrelease", arguments):
            pass


def _is_there(name: str) -> bool:
    return (ROOT / name).exists() or (ROOT / "app" / name).exists()
