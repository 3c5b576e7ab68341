"""A rollout's message in Slack's Block Kit: within Slack's limits, all text escaped."""

import json

from app.chat.summary import RolloutSummary
from app.documents.json_object import Json

APPROVE, REJECT = "mlrelease_approve", "mlrelease_reject"
ADVANCE, EXTEND, ABORT = "mlrelease_advance", "mlrelease_extend", "mlrelease_abort"
REASON_FORM, REASON = "mlrelease_reason", "reason"

# https://docs.slack.dev/reference/block-kit/blocks
_HEADER, _SECTION, _FIELD = 150, 3000, 2000
_FIELDS = 10


def message_of(summary: RolloutSummary, *, portal: str = "") -> Json:
    """``text`` is for notifications, ``blocks`` for the message."""
    blocks: list[Json] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(summary.title, _HEADER), "emoji": False}},
        _section(escape(summary.sentence)),
        {"type": "section", "fields": [_field(name, value) for name, value in summary.facts[:_FIELDS]]},
    ]
    for name, lines in summary.lists:
        blocks.append(_section(f"*{name}*\n" + "\n".join(f"• {escape(line)}" for line in lines)))
    buttons = _buttons(summary, portal=portal)
    if buttons:
        blocks.append({"type": "actions", "block_id": "decide", "elements": buttons})
    return {"text": escape(_cut(f"{summary.title}. {summary.sentence}", _SECTION)), "blocks": blocks}


def reason_form(meta: Json, *, title: str, answer: str, why: str = "") -> Json:
    """A modal that asks for a reason. ``meta`` comes back with it."""
    blocks: list[Json] = [
        {
            "type": "input",
            "block_id": REASON,
            "label": {"type": "plain_text", "text": "Reason"},
            "hint": {"type": "plain_text", "text": "The requester will read it."},
            "element": {"type": "plain_text_input", "action_id": REASON, "multiline": True, "max_length": 1000},
        }
    ]
    if why:
        blocks.insert(0, _section(escape(why)))
    return {
        "type": "modal",
        "callback_id": REASON_FORM,
        "title": {"type": "plain_text", "text": _cut(title, 24)},
        "submit": {"type": "plain_text", "text": answer},
        "close": {"type": "plain_text", "text": "Close"},
        "private_metadata": json.dumps(meta),
        "blocks": blocks,
    }


def escape(text: str) -> str:
    """Escape Slack's three control characters, so that text mentions nobody and links nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def value_of(summary: RolloutSummary) -> str:
    """The value of a button: the plan or the question that the message shows."""
    shown = {"plan": summary.plan_digest} if summary.waits else {"question": summary.question}
    return json.dumps({"release": summary.release_id, "stage": summary.stage, **shown})


def _buttons(summary: RolloutSummary, *, portal: str) -> list[Json]:
    value = value_of(summary)
    elements: list[Json] = []
    if summary.waits:
        elements += [
            _button("Approve", APPROVE, value, style="primary"),
            _button("Reject…", REJECT, value, style="danger"),
        ]
    elif summary.question is not None:
        elements += [
            _button("Go on", ADVANCE, value, style="primary"),
            _button("Wait longer", EXTEND, value),
            _button("Stop and go back…", ABORT, value, style="danger"),
        ]
    if portal:
        link = f"{portal.rstrip('/')}{summary.page}"
        elements.append({"type": "button", "text": {"type": "plain_text", "text": "Open in the portal"}, "url": link})
    return elements


def _button(text: str, action: str, value: str, *, style: str | None = None) -> Json:
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": text},
        "value": value,
        **({} if style is None else {"style": style}),
    }


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, _SECTION), "verbatim": True}}


def _field(name: str, value: str) -> Json:
    return {"type": "mrkdwn", "text": _cut(f"*{name}*\n{escape(value)}", _FIELD), "verbatim": True}


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text or "–"
    cut = text[: most - 1]
    # Not in the midst of what was escaped.
    begun = cut.rfind("&", max(0, len(cut) - 5))
    return (cut if begun < 0 or ";" in cut[begun:] else cut[:begun]) + "…"
