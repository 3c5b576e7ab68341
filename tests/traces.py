"""What was put into the engine's queues, and in which trace: read by the engine's own client."""

from dbos import DBOSClient

from app.database.connection import Database
from app.releasing.names import ENGINE_NAME
from app.releasing.serialization import SERIALIZER

TRACE, OTHER_TRACE = (f"00-{letter * 32}-{letter * 16}-01" for letter in "ab")


def traces(database: Database) -> list[tuple[str, str | None]]:
    """What each workflow is about and its argument ``traceparent``, the oldest first."""
    client = DBOSClient(
        system_database_engine=database.engine, serializer=SERIALIZER, application_name=ENGINE_NAME, lazy=True
    )
    try:
        inputs = [each.input for each in client.list_workflows()]
    finally:
        client.destroy()
    return [(given["args"][0], given["args"][1]) for given in inputs if given is not None]
