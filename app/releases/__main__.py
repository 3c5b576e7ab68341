"""``mlrelease audit verify --offline``: the audit beside the database, without the API."""

import sys

from app.database.connection import Database
from app.errors import MlreleaseError
from app.releases.audit import Anchor, verify
from app.settings import read_settings


def run(anchor: str = "") -> int:
    """0: the chain is whole. 1: it is not."""
    seq, _, noted = anchor.partition(":")
    database = Database(read_settings().database)
    try:
        with database.read() as session:
            verdict = verify(session, anchor=Anchor(int(seq), noted) if anchor else None)
    finally:
        database.dispose()
    if verdict.intact:
        sys.stdout.write(
            f"The chain is whole: {verdict.seq} events. Note this elsewhere: {verdict.seq}:{verdict.hash}\n"
        )
        return 0
    sys.stdout.write(f"{verdict.why} Events 1 to {verdict.seq} hold.\n")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(run(*sys.argv[1:2]))
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
