"""A worker of another version than the one that is installed: ``python -m tests.other_version SOFTWARE ENGINE``."""

import sys

import app.execution.engine
import app.releasing.queue
import app.worker
from app.errors import MlreleaseError


def be_of(software: str, engine: str) -> None:
    """Make this process a worker of these versions: of the software, and of the engine's workflows."""
    vars(app.worker)["version"] = lambda _distribution: software
    for module in (app.execution.engine, app.releasing.queue):
        vars(module)["ENGINE_VERSION"] = engine


if __name__ == "__main__":
    be_of(*sys.argv[1:])
    try:
        app.worker.work()
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
