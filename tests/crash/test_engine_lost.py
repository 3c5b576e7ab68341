"""The engine's own tables emptied while a release is under way: our rows are the truth, and bring it home."""

import pytest
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

import app.main  # noqa: F401 - it knows every table of ours
from tests.topology import Topology


def empty_engine(topology: Topology) -> list[str]:
    """As somebody does who takes the engine's tables for rubbish; what was emptied."""
    schema = None if topology.is_sqlite else "dbos"
    engine = topology.database.engine
    inspector = inspect(engine)
    ours = set(inspector.get_table_names(schema="public")) if schema else {*SQLModel.metadata.tables, "alembic_version"}
    tables = [name for name in inspector.get_table_names(schema=schema) if name not in ours and "migration" not in name]
    with topology.database.write() as session:
        for _ in range(len(tables)):  # some refer to others
            for table in tables:
                name = f"{schema}.{table}" if schema else table
                with session.begin_nested():
                    session.connection().execute(text(f"DELETE FROM {name}"))  # noqa: S608 - the engine's own names
    return tables


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["sqlite"], indirect=True)  # over both: tests/execution/test_nothing_gets_stuck.py
@pytest.mark.parametrize("kill", [False, True], ids=["worker-lives", "worker-killed"])
def test_release_comes_home_when_the_engines_tables_were_emptied(topology: Topology, kill: bool) -> None:
    team = topology.new_team(f"lost-{'killed' if kill else 'alive'}", stages=("dev",))
    topology.delay(endpoint=2.0)
    release = topology.ask(team)
    topology.wait_for_event(release, "step.running", subject="create_endpoint")

    assert "workflow_status" in empty_engine(topology)
    if kill:
        topology.kill(topology.driver_of(release))
        topology.start_worker()

    topology.wait_for(release, "succeeded")
    topology.delay(endpoint=0.0)
    topology.wait_for(topology.ask(team), "succeeded")  # and work is taken as before
