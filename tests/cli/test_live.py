"""The live view of a release on a terminal."""

from datetime import UTC, datetime

from rich.console import Console

from app.cli.live import render_release
from app.documents.json_object import Json

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_long_sentence_is_cut_off_and_leaves_name_and_time_of_its_step() -> None:
    step: Json = {
        "key": "verify_deployment",
        "status": "succeeded",
        "seconds": 1.5,
        "started_at": None,
        "finished_at": None,
        "sentence": "It gave the expected answer to all golden requests that have one [all of them]. " * 5,
    }
    stage: Json = {"stage": "dev", "workspace": "ws", "endpoint": "churn", "status": "in_progress", "steps": [step]}
    release: Json = {"id": "churn-1", "status": "in_progress", "sentence": "Under way.", "rollouts": [stage]}
    console = Console(width=100)

    with console.capture() as shown:
        console.print(render_release(release, NOW))

    (line,) = (line for line in shown.get().splitlines() if "verify_deployment" in line)
    assert line.split()[:4] == ["✓", "verify_deployment", "1.5", "s"]
    assert line.rstrip().endswith("…")
    assert len(shown.get().splitlines()) == 4
