"""Everything that the documents tell people to run, run as it is written, at a terminal, beside a real ``mlrelease up``."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from typer.main import get_command

from app.cli.exits import Exit
from app.cli.main import app
from app.guardrails.file import read_guardrails
from app.local.local_azure import local_environment
from app.local.stack import emulator_environment
from app.main import create_app
from app.settings import Settings
from tests.cli.commands import command_of
from tests.cli.starting import running_up
from tests.docs.snippets import ROOT, Snippet, documents, inline_commands, snippets
from tests.docs.terminal import Terminal

# What is not run here, and why. A line that is new in a document is run, or comes here with a reason.
_NO_AZ = "needs Azure's own command line; tests/journeys/test_release.py asks with a key from the Key Vault"
NOT_RUN = {
    "make demo                  # train a sentiment model, release it to dev and prod, and call it": "tests/cli/test_demo.py runs it",
    "make demo ARGS=--canary    # the same, then release the next one as a canary, among callers": (
        "tests/cli/test_demo.py runs it"
    ),
    "make demo ARGS=--bad       # the same with a next one that fails some requests: it is stopped and taken back": (
        "tests/cli/test_demo.py runs it"
    ),
    "make test                  # the tests": "this is one of them",
    "make up       # API, worker and emulator, until Ctrl-C": "the stack beside which all else runs",
    "pip install '.[worker,postgresql]'": "needs a package index; tests/image builds and installs the package",
    "azureml-emulator serve --port 8443 --data ~/azure": "goes on until it is stopped; `mlrelease up` has started it",
    "python my_script.py": "the reader's own; the page's script is run",
    "az tag update --operation Merge --tags mlrelease.model=MODEL --resource-id /subscriptions/SUBSCRIPTION/resourceGroups/"
    "GROUP/providers/Microsoft.MachineLearningServices/workspaces/WORKSPACE/onlineEndpoints/ENDPOINT": (
        "needs Azure's own command line; tests/steps/test_endpoint_handed_over.py sets the tag with the SDK"
    ),
    'secret() { az keyvault secret show --vault-name KEY_VAULT --name "ENDPOINT-$1" --query value --output tsv; }': _NO_AZ,
    'curl -sS "$(secret scoring-uri)" -H "Authorization: Bearer $(secret primary-key)" '
    """-H 'Content-Type: application/json' -d '{"data": ["A wonderful film."]}'""": _NO_AZ,
}

# How a command ends that does not end with 0.
ENDS = {
    "mlrelease release create sentiment-model --job first --watch --no-wait-approval": Exit.NEEDS_APPROVAL,
    "mlrelease release dry-run sentiment-model --job first": Exit.FINE,
}

# What stands for the reader's own.
PLACEHOLDERS = {"careful_fox_4zk1": "first", "MODEL": "sentiment-model"}

# What a document takes for done before its first line.
BEFORE = {"docs/approvals.md": "mlrelease release create sentiment-model --job first --watch --no-wait-approval"}

# One story: a model is trained and released, then looked at, frozen and audited.
ORDER = ("README.md", "docs/approvals.md", "docs/notifications.md", "docs/security.md", "deploy/models/README.md")

_RELEASE = re.compile(r"sentiment-model-\d+")


@dataclass
class Reader:
    """Somebody in a checkout, with everything up, who types what the documents say."""

    terminal: Terminal
    address: str
    azure: Path
    release: str = "RELEASE"

    def type(self, line: str) -> str:
        """What a line shows. Fails the test unless it ends as it should."""
        written = line.replace("http://127.0.0.1:8400", self.address).replace("RELEASE", self.release)
        for placeholder, own in PLACEHOLDERS.items():
            written = written.replace(placeholder, own)
        status, shown = self.terminal.run(written)
        expected = ENDS.get(written, Exit.FINE)
        assert status == expected, f"{written}\nended with {status}:\n{shown}"
        if "release create" in line or "POST" in line:
            self.release = next(iter(_RELEASE.findall(shown)), self.release)
        return shown


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("deploy", "training"):
        shutil.copytree(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(sys.prefix)
    data, home = checkout / ".mlrelease", checkout / "home"
    home.mkdir()
    (home / "azure").symlink_to(data / "azure")
    (home / ".curlrc").write_text("fail-with-body\n")  # curl itself ends well with whatever it is answered
    with running_up(data, folder=checkout, variables={"MLRELEASE_JOB_POLL_SECONDS": "0.5"}) as (_, where):
        environment = {
            **local_environment({"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LANG": "C.UTF-8"}),
            "HOME": str(home),
            "MLRELEASE_ACTOR": "reader",
            "MLRELEASE_SERVER": where["api"],
            "AZURE_RESOURCE_GROUP": "rg-ml",
            "AZURE_WORKSPACE": "ws-dev",
        }
        with Terminal(checkout, environment) as terminal:
            yield Reader(terminal, where["api"], data / "azure")


def told(kind: str) -> list[Snippet]:
    """In the order of the story; what is in no story comes last."""
    found = [snippet for document in documents() for snippet in snippets(document) if snippet.kind == kind]
    return sorted(found, key=lambda each: ORDER.index(each.document) if each.document in ORDER else len(ORDER))


@pytest.mark.slow
def test_every_line_that_a_document_tells_to_run_runs(reader: Reader) -> None:
    lines = [snippet for snippet in told("shell") if snippet.text not in NOT_RUN]
    assert len(lines) > 20
    document = ""
    for line in lines:
        if line.document != document:
            document = line.document
            if document in BEFORE:
                reader.type(BEFORE[document])
        reader.type(line.text)


@pytest.mark.slow
def test_scripts_of_the_documents_run(reader: Reader) -> None:
    scripts = {snippet.document: snippet.text for snippet in told("python")}
    assert set(scripts) == {"docs/emulator.md", "docs/notifications.md"}, "run each of them"

    shown = subprocess.run(
        [sys.executable, "-c", scripts["docs/emulator.md"]],
        env={**local_environment(os.environ), **emulator_environment(reader.azure)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, "workspaceblobstore" in shown.stdout) == (0, True), shown.stderr

    secret, body = "whsec_bWxyZWxlYXNlLW1scmVsZWFzZS1tbHJlbGVhc2Uh", json.dumps({"type": "release.failed"})
    now = datetime.now(UTC)
    signed = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
    signed["webhook-signature"] = Webhook(secret).sign("msg_1", now, body)
    named: dict[str, object] = {"body": body, "headers": signed}
    exec(scripts["docs/notifications.md"].replace("whsec_…", secret), named)  # noqa: S102 # it is the document's
    assert named["event"] == {"type": "release.failed"}


def test_requests_of_the_documents_are_routes(migrated_sqlite: Path, tmp_path: Path) -> None:
    service = create_app(Settings(data=tmp_path, database_url=f"sqlite:///{migrated_sqlite}"))
    paths = service.openapi()["paths"]
    routes = {f"{method.upper()} {_anonymous(path)}" for path, methods in paths.items() for method in methods}
    text = "\n".join(document.read_text() for document in documents())
    requests = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/v1/[^\s`?]+)", text)
    assert len(requests) > 5

    unknown = [f"{method} {path}" for method, path in requests if f"{method} {_anonymous(path)}" not in routes]

    assert unknown == []


def test_guardrails_of_the_documents_are_read(tmp_path: Path) -> None:
    files = told("yaml")
    assert {each.document for each in files} == {"docs/guardrails.md"}, "read each of them as the service does"
    for each in files:
        (tmp_path / "guardrails.yml").write_text(each.text)
        assert read_guardrails(Settings(data=tmp_path, guardrails=tmp_path / "guardrails.yml")).rules


def test_list_of_what_is_not_run_names_lines_that_are_there() -> None:
    assert set(NOT_RUN) - {snippet.text for snippet in told("shell")} == set()


@pytest.mark.parametrize("document", documents(), ids=lambda each: each.relative_to(ROOT).as_posix())
def test_commands_named_in_a_sentence_exist(document: Path) -> None:
    for written in inline_commands(document):
        _, *words = shlex.split(written.replace("…", ""))
        command: Any = get_command(app)
        while hasattr(command, "commands") and words and not words[0].startswith("-"):
            assert words[0] in command.commands, f"{written}: there is no {words[0]}"
            command = command_of(command, words.pop(0))
        options = {option for each in command.params for option in each.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, written


def _anonymous(path: str) -> str:
    """A path with all its parameters alike, however they are written."""
    parts = path.strip("/").split("/")
    return "/".join("{}" if part.startswith("{") or part.isupper() else part for part in parts)
