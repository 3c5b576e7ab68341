"""What the pipeline's own pages show: lines in the log, outputs for later steps, and a summary.

What a release says may quote others (Azure, a job's author). In a log it must not become a command to the runner.
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from mlrelease_client.ci.runs import Run
from mlrelease_client.models import ReleaseDetail, StepView

MARKS = {"succeeded": "✅", "failed": "❌", "errored": "❌", "rolled_back": "↩️", "skipped": "➖", "cancelled": "➖"}
LONGEST_SENTENCE = 300  # characters, in the summary's table


class Teller:
    """Tells one CI system. ``environ``: where the files and folders of it are."""

    def __init__(self, run: Run, environ: Mapping[str, str]) -> None:
        self._run = run
        self._environ = environ

    def say(self, text: str) -> None:
        print(_harmless(text), flush=True)  # noqa: T201 # it is what the program is for

    def tell_error(self, text: str) -> None:
        """As an annotation of the run."""
        match self._run.system:
            case "github":
                print(f"::error title=mlrelease::{_github(text)}", flush=True)  # noqa: T201
            case "azure-pipelines":
                print(f"##vso[task.logissue type=error]{_azure(text)}", flush=True)  # noqa: T201
            case _:
                self.say(f"ERROR: {text}")

    def set_outputs(self, outputs: Mapping[str, str]) -> None:
        """For later steps: step outputs, output variables, or the report `dotenv` of the job."""
        match self._run.system:
            case "github":
                mark = f"end-{secrets.token_hex(8)}"  # no value can end itself
                _append(
                    self._environ.get("GITHUB_OUTPUT"),
                    "".join(f"{name}<<{mark}\n{value}\n{mark}\n" for name, value in outputs.items()),
                )
            case "azure-pipelines":
                for name, value in outputs.items():
                    print(f"##vso[task.setvariable variable={name};isOutput=true]{_azure(value)}", flush=True)  # noqa: T201
            case "gitlab":
                lines = (f"MLRELEASE_{name.upper()}={_one_line(value)}\n" for name, value in outputs.items())
                _append(str(Path(self._environ["CI_PROJECT_DIR"], "mlrelease.env")), "".join(lines))
            case _:
                for name, value in outputs.items():
                    self.say(f"{name}={value}")

    def summarise(self, text: str) -> None:
        """Markdown, on the run's page. On GitLab a file, to be kept as an artifact."""
        match self._run.system:
            case "github":
                _append(self._environ.get("GITHUB_STEP_SUMMARY"), text)
            case "azure-pipelines":
                path = Path(self._environ["AGENT_TEMPDIRECTORY"], "mlrelease.md")
                path.write_text(text, encoding="utf-8")
                print(f"##vso[task.uploadsummary]{path}", flush=True)  # noqa: T201
            case "gitlab":
                Path(self._environ["CI_PROJECT_DIR"], "mlrelease.md").write_text(text, encoding="utf-8")
            case _:
                self.say(text)


def summary_of(release: ReleaseDetail, *, link: str) -> str:
    """The release with its steps, as Markdown."""
    lines = [f"### [{_cell(release.id)}]({link}) {_cell(release.status)}", "", _cell(release.sentence), ""]
    for rollout in release.rollouts:
        lines += [
            f"**{_cell(rollout.stage)}** {_cell(rollout.target)}: {_cell(rollout.status)}. {_cell(rollout.sentence)}",
            "",
        ]
        if rollout.steps:
            lines += ["| | step | took | |", "|---|---|---:|---|"]
            lines += [
                f"| {MARKS.get(step.status, '⏳')} | {_cell(step.key)} | {_took(step)} | {_cell(step.sentence)} |"
                for step in rollout.steps
            ]
            lines.append("")
        if rollout.address is not None:
            lines += [f"Scoring URI: `{_cell(rollout.address.scoring_uri)}`", ""]
    return "\n".join(lines) + "\n"


def _took(step: StepView) -> str:
    return "" if step.seconds is None else f"{step.seconds:.0f} s"


def _cell(text: str) -> str:
    """As plain text: no link, picture or table of others."""
    short = text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"
    return re.sub(r"([\\`*_\[\]()#|<>!~@])", r"\\\1", _one_line(short))


def _harmless(text: str) -> str:
    """GitHub obeys lines that begin with `::`, Azure Pipelines whatever has `##vso[` or `##[` in it."""
    return re.sub(r"(?m)^(\s*):(?=:)|##(?=\[|vso\[)", lambda found: f"{found[0]} ", text.replace("\r", " "))


def _github(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _azure(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
