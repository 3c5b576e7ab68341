"""Where a job's studio link leads: one page with the job's facts, its steps and the end of its log.

A browser has no token of the emulator's. The link is signed instead, so that nobody else on the machine reads logs by guessing names.
"""

import hashlib
import hmac
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from emulator import arm, identity
from emulator.errors import Forbidden, NotFound
from emulator.jobs import artifacts, runs
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_LINES = 400
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = Environment(autoescape=True).from_string(
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ run.name }}: {{ run.status }}</title>
<style>body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
dt { font-weight: 600 } dd { margin: 0 0 .5rem } pre { background: #f4f4f4; overflow: auto; padding: 1rem }</style>
<h1>{{ run.displayName or run.name }}</h1>
<dl>
{% for name, value in facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>
{% if steps %}<h2>Steps</h2><ul>
{% for step, link in steps %}<li><a href="{{ link }}">{{ step.displayName or step.name }}</a>: {{ step.status }}</li>
{% endfor %}</ul>{% endif %}
{% for name, text in logs %}<h2>{{ name }}</h2><pre>{{ text }}</pre>
{% endfor %}</html>
"""
)


def link(azure: Emulator, workspace: Document, run: str) -> str:
    """The address of a job's page."""
    query = {"wsid": arm.workspace_id(workspace), "sig": _signature(azure, workspace["name"], run)}
    return f"{azure.base_url}/runs/{quote(run)}?{urlencode(query, safe='/')}"


@router.get("/runs/{run}")
async def show(azure: Azure, run: str, wsid: str = Query(), sig: str = Query("")) -> Response:
    """The page. Its address is all that it needs, and is given with the job only."""
    workspace = azure.store.get("workspaces", wsid.rstrip("/").rsplit("/", 1)[-1])
    if workspace is None or arm.workspace_id(workspace).lower() != wsid.rstrip("/").lower():
        raise NotFound(f"There is no workspace {wsid}.")
    if not hmac.compare_digest(sig.encode(), _signature(azure, workspace["name"], run).encode()):
        raise Forbidden("The link is not complete: take it from the job's services.Studio.endpoint.")
    found = runs.find(azure, workspace["name"], run)
    steps = [(each, link(azure, workspace, each["name"])) for each in runs.children(azure, found)]
    shown = _PAGE.render(run=found, facts=_facts(found), steps=steps, logs=_logs(azure, workspace["name"], run))
    return HTMLResponse(shown, headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"})


def _facts(run: Document) -> list[tuple[str, str]]:
    said = {
        "Name": run["name"],
        "Status": run["status"],
        "Error": (run["error"] or {}).get("message"),
        "Experiment": run["experiment"],
        "Compute": run["target"],
        "Created": run["created"],
        "Started": run["started"],
        "Ended": run["ended"],
        "Tags": ", ".join(f"{name}={value}" for name, value in run["tags"].items()),
        "Outputs": ", ".join(f"{name}: {each['uri']}" for name, each in run["outputs"].items()),
    }
    return [(name, str(value)) for name, value in said.items() if value]


def _logs(azure: Emulator, workspace: str, run: str) -> list[tuple[str, str]]:
    names = artifacts.log_names(azure, workspace=workspace, run=run)
    files = {name: artifacts.log_file(azure, workspace=workspace, run=run, name=name) for name in names}
    return [(name, artifacts.tail(file, lines=_LINES, size=200_000)) for name, file in files.items()]


def _signature(azure: Emulator, workspace: str, run: str) -> str:
    what = f"page of {workspace.lower()}/{run.lower()}"
    return hmac.new(identity.signing_key(azure).encode(), what.encode(), hashlib.sha256).hexdigest()
