"""``mlrelease workers``: the workers and their running steps."""

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, when


def workers(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """List the workers that hold a lease, and their running steps."""
    page = Client(server).get("/v1/workers")
    if as_json:
        print_json(page)
        return
    print_table(
        ("worker", "host", "version", "since", "lease until", "running steps"),
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
        empty="No worker is running. Start one with `mlrelease worker`.",
    )
