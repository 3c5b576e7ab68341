"""The last lines of logs of what failed, as the service keeps them: without what looks like a secret."""

from typing import Any

from app.cli.client import Client
from app.cli.output import print_json, say, when


def show_logs(service: Client, path: str, *, as_json: bool, **query: Any) -> None:
    """Print what is kept at ``path``."""
    found = service.get(path, **query)
    if as_json:
        print_json(found)
        return
    if not found["items"]:
        say("No log is kept: nothing failed whose log can be read.")
    for each in found["items"]:
        say(f"{each['subject']}  {each['kind']}  {when(each['created_at'])}  {each['digest']}")
        if each["text"] is None:
            say("  Deleted; only its digest is left.")
        else:
            say("\n".join(f"  {line}" for line in each["text"].split("\n")))
