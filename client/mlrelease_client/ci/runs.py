"""Which run of which CI this is, from the variables that each sets: docs.github.com, learn.microsoft.com, docs.gitlab.com."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LONGEST_KEY = 200  # characters, as the service has it


@dataclass(frozen=True)
class Run:
    """``key``: of this attempt of this run; ``url``: its page."""

    system: Literal["github", "azure-pipelines", "gitlab", "other"]
    key: str | None
    url: str | None

    def key_for(self, what: str) -> str | None:
        """The idempotency key for one thing that this run asks for: asked twice, it is done once. None: not known which run it is."""
        return None if self.key is None else f"{self.key}:{what}"[:LONGEST_KEY]


def run_of(environ: Mapping[str, str]) -> Run:
    if environ.get("GITHUB_ACTIONS") == "true":
        run = environ["GITHUB_RUN_ID"]
        return Run(
            "github",
            f"github:{environ['GITHUB_REPOSITORY_ID']}:{run}:{environ['GITHUB_RUN_ATTEMPT']}",
            f"{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}/actions/runs/{run}",
        )
    if environ.get("TF_BUILD", "").lower() == "true":
        project, build = environ["SYSTEM_TEAMPROJECTID"], environ["BUILD_BUILDID"]
        return Run(
            "azure-pipelines",
            f"azure:{project}:{build}:{environ.get('SYSTEM_STAGEATTEMPT', '1')}",
            f"{environ['SYSTEM_COLLECTIONURI']}{project}/_build/results?buildId={build}",
        )
    if environ.get("GITLAB_CI") == "true":
        # A job that is run again has a new id.
        return Run(
            "gitlab",
            f"gitlab:{environ['CI_SERVER_HOST']}:{environ['CI_PROJECT_ID']}:{environ['CI_JOB_ID']}",
            environ.get("CI_PIPELINE_URL"),
        )
    return Run("other", None, None)
