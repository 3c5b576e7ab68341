"""The token of this run: fetched when it is needed, and again before it ends. None is stored anywhere."""

import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from mlrelease_client.errors import Misused, Unreachable
from mlrelease_client.retries import AGAIN, Retries

KEEP_SECONDS = 240.0  # GitHub's tokens live for five minutes
FETCH_SECONDS = 60.0
TRIES = Retries().tries


class Kept:
    """A token that is fetched anew when it is older than ``KEEP_SECONDS``."""

    def __init__(self, fetch: Callable[[], str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token = ""
        self._fetched_at = 0.0

    def __call__(self) -> str:
        now = self._clock()
        if not self._token or now - self._fetched_at > KEEP_SECONDS:
            self._token, self._fetched_at = self._fetch(), now
        return self._token


def token_of(environ: Mapping[str, str], *, audience: str) -> str | Callable[[], str] | None:
    """The token to call the service with; None: there is none. Raises Misused.

    ``MLRELEASE_TOKEN``, where it is set: an API token, or GitLab's ID token. On GitHub the run's OIDC token for ``audience``; in an
    ``AzureCLI`` task of Azure Pipelines the service connection's Entra token for the application ``audience``.
    """
    given = environ.get("MLRELEASE_TOKEN")
    if given:
        return given
    if environ.get("GITHUB_ACTIONS") == "true":
        url, secret = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"), environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not url or not secret:
            raise Misused(
                "This job may not ask GitHub for a token. Give it `permissions: id-token: write`; runs for pull requests of forks never may."
            )
        return Kept(lambda: _of_github(url, secret, audience=audience))
    if environ.get("TF_BUILD", "").lower() == "true":
        return Kept(lambda: _of_azure(audience))
    return None


def _of_github(url: str, secret: str, *, audience: str) -> str:
    answer: httpx.Response | Exception | None = None
    for tried in range(1, TRIES + 1):
        try:
            answer = httpx.get(
                httpx.URL(url).copy_merge_params({"audience": audience}),
                headers={"Authorization": f"bearer {secret}"},
                timeout=FETCH_SECONDS,
            )
        except httpx.TransportError as broken:
            answer = broken
        if isinstance(answer, httpx.Response):
            if answer.is_success:
                return _value(answer)
            if answer.status_code not in AGAIN:
                break
        if tried < TRIES:
            time.sleep(min(0.25 * 2**tried, 8.0))
    why = f"answered {answer.status_code}" if isinstance(answer, httpx.Response) else f"does not respond ({answer})"
    raise Unreachable(f"GitHub's token service {why}.")


def _value(answer: httpx.Response) -> str:
    document: Any = answer.json()
    if not isinstance(document, dict) or not isinstance(document.get("value"), str):
        raise Unreachable("GitHub's token service answered without a token.")
    return str(document["value"])


def _of_azure(resource: str) -> str:
    command = ["az", "account", "get-access-token", "--resource", resource, "--query", "accessToken", "--output", "tsv"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)  # noqa: S603 # fixed words
    except (OSError, subprocess.TimeoutExpired) as broken:
        raise Misused(
            f"`az` cannot be run ({broken}). Run this in a task AzureCLI@2, or set MLRELEASE_TOKEN."
        ) from broken
    if said.returncode or not said.stdout.strip():
        raise Misused(
            f"`az account get-access-token --resource {resource}` gave no token: {said.stderr.strip()[-500:]}"
        )
    return said.stdout.strip()
