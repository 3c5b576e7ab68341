"""Work of the SDK on files that strangers sent: in a child process that sees these files and nothing else of the worker's.

The SDK opens and uploads whatever a YAML names. The child has no identity of its own: it asks this process for tokens, which gives
those for Azure ML and its storage, and asks before each request whether it may be sent, so that a worker which must let go of its
work lets the child do no more either.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken

from app.azureml.client import AzureSettings, cloud_scopes
from app.azureml.errors import BadRequest, Unavailable
from app.azureml.facade import AzureML, quiet_sdk
from app.azureml.outgoing import guard_requests
from app.azureml.translation import translated
from app.errors import Invalid, TooLarge
from app.errors import Unavailable as NoChild
from app.sandbox.child import ask
from app.sandbox.limits import MEBIBYTE, Limits
from app.sandbox.sandbox import Sandbox

# Its own: an upload may take long, and whoever only unpacks a bundle does not wait for it. As many as a worker has rollouts and jobs.
_sandbox = Sandbox(most_at_once=32, most_waiting=64)

UPLOADING = Limits(wall_seconds=1800.0, cpu_seconds=300, memory=2048 * MEBIBYTE, open_files=512, network=True)


def run_confined(azure: AzureML, task: str, arguments: Mapping[str, Any], *, folder: Path, doing: str) -> Any:
    """What ``task(**arguments, settings=…)`` gives in a child process that may read ``folder``. Raises AzureMLError.

    ``doing`` completes "Could not …".
    """
    allowed = cloud_scopes(azure.settings)

    def answer(question: str, details: dict[str, Any]) -> Any:
        if question == "send":
            azure.settings.before_request()
            return None
        scopes = details["scopes"]
        if question != "token" or not set(scopes) <= allowed:
            raise BadRequest(f"Could not {doing}: a token for {', '.join(scopes)} is not given to a child process.")
        with translated(doing):
            token = azure.credential.get_token(*scopes)
        return [token.token, token.expires_on]

    settings = {
        field.name: getattr(azure.settings, field.name)
        for field in fields(azure.settings)
        if field.name != "before_request"
    }
    try:
        return _sandbox.run(
            task,
            {**arguments, "settings": settings},
            limits=UPLOADING,
            readable=[folder],
            answer=answer,
            doing=doing,
        )
    except (Invalid, TooLarge) as refused:
        refusal = BadRequest(refused.sentence, hint=refused.hint, **_mistakes(refused))
        refusal.code = refused.code
        raise refusal from refused
    except NoChild as none:
        raise Unavailable(none.sentence, hint=none.hint) from none


def child_azure(settings: Mapping[str, Any]) -> AzureML:
    """Azure ML as a child process reaches it."""
    child = AzureSettings(**settings, before_request=_ask_before_request)
    guard_requests(child)
    quiet_sdk()
    return AzureML(child, _AskedToken())


class _AskedToken:
    """The parent's tokens. They live for an hour or so; the secret that they are made from never comes here."""

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        token, expires_on = ask("token", scopes=scopes)
        return AccessToken(token, expires_on)


def _ask_before_request() -> None:
    ask("send")


def _mistakes(refused: Invalid | TooLarge) -> dict[str, Any]:
    mistakes = refused.mistakes if isinstance(refused, Invalid) else ()
    return {"mistakes": [str(each) for each in mistakes]} if mistakes else {}
