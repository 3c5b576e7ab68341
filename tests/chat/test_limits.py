"""The longest messages are within what Slack and Teams take."""

import json

import pytest

from app.chat.blocks import message_of
from app.chat.summary import RolloutSummary
from app.chat.teams import message_of as card_message
from tests.chat.slack import check_message

LINE = "deployment.environment_variables.PATH_OF_*[it]*: „ä&<‘ → " + "ö" * 2000
LONGEST = RolloutSummary(
    title="churn-1 for prod waits for approval" * 20,
    sentence="<&>ü" * 5000,
    release_id="m" * 255 + "-1000000",
    stage="s" * 64,
    plan_digest="sha256:" + "f" * 64,
    page="/releases/churn-1",
    facts=tuple((f"Fact {number}", "<_ä_>" * 500) for number in range(10)),
    waits=True,
    question=None,
    measured=(LINE,) * 60,
    difference=(LINE,) * 200,
    steps=(LINE,) * 60,
    votes=(LINE,) * 60,
)


def test_longest_message_is_within_slack_s_limits() -> None:
    check_message(message_of(LONGEST, portal="https://mlrelease.example"))


@pytest.mark.parametrize("letter", ["a", "ä", "*", "€", "\U0001f600"])
def test_longest_card_is_within_teams_limits(letter: str) -> None:
    summary = RolloutSummary(**{**vars(LONGEST), "sentence": letter * 100_000})
    links = dict.fromkeys(("Approve", "Reject"), "https://mlrelease.example/decide?token=" + "t" * 600)

    body = card_message(summary, links=links)

    assert len(body) <= 28 * 1024
    card = json.loads(body)["attachments"][0]["content"]
    assert len(card["actions"]) <= 5
    assert "and 195 more" in body.decode()
