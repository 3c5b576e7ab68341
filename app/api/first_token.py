"""``mlrelease tokens first NAME``: an admin token for an installation that has none.

It needs the database, not the API: whoever can write the database can do everything already. So there is no default secret.
"""

import sys
from datetime import datetime, timedelta

from app.database.connection import Database
from app.database.opening import open_database
from app.database.revision import check_schema
from app.errors import Conflict, Invalid, MlreleaseError
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.identity.names import is_name
from app.identity.roles import Grant, Role
from app.identity.tokens import is_there_an_admin
from app.releases.attested import token_counts
from app.releasing.tokens import create_token
from app.settings import read_settings

LIFETIME = timedelta(days=7)  # time enough to write access.yml, or to create others


def first_token(database: Database, name: str, *, now: datetime) -> str:
    """The token's secret. Raises Conflict when there is a valid admin token already."""
    if not is_name(name):
        raise Invalid(
            f"{name!r} is not a valid name.", code="name_invalid", hint="Use lower-case letters, digits and ._@:/+=~-"
        )
    with UnitOfWork(database, SERVICE, now=now).transaction() as work:
        work.lock_chain_head()  # of two at once the second sees the first's
        if is_there_an_admin(work, now=now, counts=token_counts):
            raise Conflict(
                "There is already a valid admin token.",
                code="admin_there",
                hint="Create more with it: `mlrelease tokens create`. If it is lost, wait until it expires.",
            )
        _, secret = create_token(work, name=name, grants=(Grant(Role.ADMIN),), expires_at=now + LIFETIME)
    return secret


def run(name: str) -> None:
    database = open_database(read_settings())
    try:
        check_schema(database)
        sys.stdout.write(first_token(database, name, now=database.now()) + "\n")
    finally:
        database.dispose()


if __name__ == "__main__":
    try:
        run(sys.argv[1])
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
