"""``mlrelease tokens first NAME``: a token that may do everything, for an installation that has none.

It needs the database, not the API: whoever can write that can do everything already. There is no default secret to be forgotten.
"""

import sys
from datetime import datetime, timedelta

from app.database.connection import Database
from app.database.migrate import check_schema
from app.errors import Conflict, Invalid, MlreleaseError
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.identity.names import is_name
from app.identity.roles import Grant, Role
from app.identity.tokens import create_token, is_there_an_admin
from app.releases.attested import ROW, row_digest, token_counts
from app.settings import read_settings

LIFETIME = timedelta(days=7)  # time enough to write access.yml, or to create others


def first_token(database: Database, name: str, *, now: datetime) -> str:
    """Its secret. Raises Conflict when somebody can already do everything."""
    if not is_name(name):
        raise Invalid(f"{name!r} is no name.", code="name_invalid", hint="Lower case, digits and ._@:/+=~- are.")
    with UnitOfWork(database, SERVICE, now=now).transaction() as work:
        work.lock_chain_head()  # of two at once the second sees the first's
        if is_there_an_admin(work, now=now, counts=token_counts):
            raise Conflict(
                "There is a valid token already that may do everything.",
                code="admin_there",
                hint="Use that one: `mlrelease tokens create`. If it is lost, have its holder revoke it, or wait until it expires.",
            )
        admin = (Grant(Role.ADMIN),)
        token, secret = create_token(
            work, name=name, grants=admin, expires_at=now + LIFETIME, created_by=SERVICE.name, now=now
        )
        told = {
            "name": name,
            "grants": token.grants,
            "expires_at": token.expires_at.isoformat(),
            ROW: row_digest(token),
        }
        work.append_event("token.created", subject=token.id, data=told)
    return secret


def run(name: str) -> None:
    database = Database(read_settings().database)
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
