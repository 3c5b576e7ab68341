"""``mlrelease workers``: who is at work, and on what."""

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, when


def workers(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """The workers that hold a lease, and the steps that they carry out."""
    page = Client(server).get("/v1/workers")
    if as_json:
        print_json(page)
        return
    print_table(
        ("worker", "host", "version", "since", "lease until", "carries out"),
        (
            (
                each["id"],
                each["host"],
                each["version"],
                when(each["started_at"]),
                when(each["expires_at"]),
                each["steps"],
            )
            for each in page["items"]
        ),
        empty="No worker is at work. Start one with `mlrelease worker`.",
    )
