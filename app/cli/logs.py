"""The last log lines of failures, as the service keeps them: without secrets."""

from typing import Any

from app.cli.client import Client
from app.cli.output import print_json, say, when


def show_logs(service: Client, path: str, *, as_json: bool, **query: Any) -> None:
    """Print the logs at ``path``."""
    found = service.get(path, **query)
    if as_json:
        print_json(found)
        return
    if not found["items"]:
        say("There are no logs of failures.")
    for each in found["items"]:
        say(f"{each['subject']}  {each['kind']}  {when(each['created_at'])}  {each['digest']}")
        if each["text"] is None:
            say("  The text was deleted; only its digest is kept.")
        else:
            say("\n".join(f"  {line}" for line in each["text"].split("\n")))
