"""The summarization model's score script, in the host that serves it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.served import Host

GOLDEN = json.loads((Path(__file__).parents[2] / "deploy/models/summarization-model/golden.json").read_text())


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["request"]["data"][0][:30])
def test_a_golden_request_is_answered_rightly(summarization_host: Host, golden: dict[str, Any]) -> None:
    answer = summarization_host.score(golden["request"])

    assert (answer.status_code, answer.json()) == (200, golden["expect"])


def test_a_short_text_is_its_own_summary(summarization_host: Host) -> None:
    answer = summarization_host.score({"data": ["One. Two.<br />Three.", ""]})

    assert answer.json() == {"predictions": ["One. Two. Three.", ""]}


@pytest.mark.parametrize("body", ["", {}, {"data": []}, {"data": [1]}, {"data": ["x" * 10_000_000]}])
def test_a_bad_request_is_told_what_is_wrong(summarization_host: Host, body: object) -> None:
    answer = summarization_host.score(body)

    assert answer.status_code == 400
    assert answer.json()["error"]
