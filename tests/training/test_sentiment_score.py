"""The sentiment model's score script, in the host that serves it."""

import csv
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.served import Host
from tests.training.steps import Trained

CODE = Path(__file__).parents[2] / "deploy/models/sentiment-model/src"
GOLDEN = json.loads((CODE.parent / "golden.json").read_text())


@pytest.mark.parametrize(
    "golden", [each for each in GOLDEN if "expect" in each], ids=lambda golden: golden["request"]["data"][0][:30]
)
def test_a_golden_request_is_answered_rightly(sentiment_host: Host, golden: dict[str, Any]) -> None:
    answer = sentiment_host.score(golden["request"])

    assert (answer.status_code, answer.json()) == (200, golden["expect"])


def test_nearly_all_labelled_golden_requests_are_answered_rightly(sentiment_host: Host) -> None:
    labelled = [each for each in GOLDEN if "label" in each]

    right = [sentiment_host.score(each["request"]).json() == {"predictions": [each["label"]]} for each in labelled]

    assert (len(labelled), sum(right)) == (40, 38)


def test_labels_are_those_of_the_scikit_learn_pipeline_on_every_held_out_review(
    sentiment_host: Host, trained: Trained
) -> None:
    with (trained.test / "reviews.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    pipeline = pickle.loads((trained.model / "model_pipeline.pkl").read_bytes())  # noqa: S301 - trained here

    answered = []
    for start in range(0, len(texts), 1000):
        answered += sentiment_host.score({"data": texts[start : start + 1000]}).json()["predictions"]

    assert len(answered) > 6000
    assert answered == pipeline.predict(texts).tolist()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({}, 'no "data"'),
        (["good"], 'no "data"'),
        ({"data": "good"}, "must be a list"),
        ({"data": []}, "must be a list of at least one text"),
        ({"data": ["good", 1]}, "item 1 is of type int"),
        ({"data": [None]}, "item 0 is of type NoneType"),
        ({"data": ["x" * 10_000_000]}, "at most 5,000,000"),
    ],
    ids=["empty", "broken", "nested", "no data", "a list", "a text", "no texts", "a number", "null", "10 MB"],
)
def test_a_bad_request_is_told_what_is_wrong(sentiment_host: Host, body: object, reason: str) -> None:
    answer = sentiment_host.score(body)

    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_line_breaks_as_markup_do_not_change_the_answer(sentiment_host: Host) -> None:
    plain, marked = "not a good film", "not a<br />good film"

    answer = sentiment_host.score({"data": [plain, marked]}).json()["predictions"]

    assert answer[0] == answer[1]


def test_the_model_may_lie_in_a_folder_below(
    start_host: Callable[[Path, Path], Host], trained: Trained, tmp_path: Path
) -> None:
    shutil.copytree(trained.model, tmp_path / "sentiment-model" / "model")

    host = start_host(CODE, tmp_path)

    assert host.ready, host.log
    assert host.score({"data": ["a wonderful film"]}).json() == {"predictions": [1]}


def test_a_tampered_artefact_is_not_served(
    start_host: Callable[[Path, Path], Host], trained: Trained, tmp_path: Path
) -> None:
    model = shutil.copytree(trained.model, tmp_path / "model")
    with (model / "model_pipeline.pkl").open("r+b") as file:
        file.seek(1000)
        file.write(b"tampered")

    host = start_host(CODE, model)

    assert not host.ready
    assert "training recorded" in host.log


def test_an_artefact_without_its_record_is_not_served(
    start_host: Callable[[Path, Path], Host], trained: Trained, tmp_path: Path
) -> None:
    shutil.copy(trained.model / "model_pipeline.pkl", tmp_path)

    host = start_host(CODE, tmp_path)

    assert not host.ready
    assert "register the whole output folder" in host.log


def test_a_folder_without_a_model_is_not_served(start_host: Callable[[Path, Path], Host], tmp_path: Path) -> None:
    host = start_host(CODE, tmp_path)

    assert not host.ready
    assert "must hold one model_pipeline.pkl, it holds 0" in host.log
