"""Presses of Slack's buttons: which plan or question each is about, and what it does.

A message may be older than what is so now: a press carries what its message showed, and nothing else is decided by it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from app.chat.blocks import ABORT, ADVANCE, APPROVE, EXTEND, REJECT
from app.documents.json_object import Json
from app.errors import Invalid
from app.identity.roles import Permission
from app.releases.tables import Rollout
from app.releasing.answering import ANSWERS, answer_question
from app.releasing.decisions import approve, reject
from app.releasing.permissions import UseCase
from app.releasing.work import Work

_ACTS = {APPROVE: "approve", REJECT: "reject", ADVANCE: "advance", EXTEND: "extend", ABORT: "abort"}  # by button
_WORDS = {"approve": "Approve", "reject": "Reject", "advance": "Go on", "extend": "Wait longer", "abort": "Go back"}
_DECISIONS: Mapping[str, UseCase[..., Rollout]] = {"approve": approve, "reject": reject}


@dataclass(frozen=True)
class ButtonPress:
    """``act``: a decision on the plan, or an answer to the question, that the message showed."""

    user: str
    channel: str
    act: str
    release_id: str
    stage: str
    plan_digest: str
    question: int

    @property
    def words(self) -> str:
        return _WORDS[self.act]

    @property
    def needs_reason(self) -> bool:
        """Whoever reads of it later is to know why."""
        return self.act in {"reject", "abort"}

    @property
    def permission(self) -> Permission:
        return (_DECISIONS[self.act] if self.act in _DECISIONS else ANSWERS[self.act]).permission

    @property
    def meta(self) -> Json:
        """What the form for a reason brings back."""
        return {
            "act": self.act,
            "channel": self.channel,
            "release": self.release_id,
            "stage": self.stage,
            "plan": self.plan_digest,
            "question": self.question,
        }

    def carry_out(self, work: Work, *, reason: str) -> None:
        """Raises as ``releasing.decisions`` and ``releasing.answering`` do."""
        if self.act in _DECISIONS:
            decide = _DECISIONS[self.act]
            decide(work, self.release_id, self.stage, reason=reason, plan_digest=self.plan_digest)
        else:
            answer_question(work, self.release_id, self.act, question=self.question, reason=reason)


def read_payload(body: bytes) -> Json:
    """The JSON that Slack sends in one form field. Raises Invalid."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except ValueError as broken:
        raise Invalid("The request is not a request of Slack.", code="malformed") from broken
    payload = _read(fields.get("payload", [""])[0])
    if not payload:
        raise Invalid("The request is not a request of Slack.", code="malformed")
    return payload


def read_press(payload: Json) -> ButtonPress | None:
    """The press, if it is of a button that decides."""
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    channel = text_at(payload, "container", "channel_id") or text_at(payload, "channel", "id")
    act = _ACTS.get(text_at(action, "action_id"), "")
    return _press(_read(text_at(action, "value")), act=act, user=text_at(payload, "user", "id"), channel=channel)


def read_form(payload: Json) -> ButtonPress | None:
    """The press for which a reason was asked."""
    meta = _read(text_at(payload, "view", "private_metadata"))
    act, user, channel = text_at(meta, "act"), text_at(payload, "user", "id"), text_at(meta, "channel")
    return _press(meta, act=act, user=user, channel=channel)


def text_at(document: Any, *path: str) -> str:
    """The text at a path of a document, or "" if there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) and "\0" not in document else ""


def _press(meta: Mapping[str, Any], *, act: str, user: str, channel: str) -> ButtonPress | None:
    release, stage, plan = (text_at(meta, name) for name in ("release", "stage", "plan"))
    number = meta.get("question")
    question = number if isinstance(number, int) else 0
    is_about = plan if act in _DECISIONS else question
    if act not in _WORDS or not (release and stage and user and is_about):
        return None
    return ButtonPress(user, channel, act, release_id=release, stage=stage, plan_digest=plan, question=question)


def _read(text: str) -> Json:
    """The JSON object, or an empty one for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
