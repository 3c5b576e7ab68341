"""A stand-in of Slack on loopback: its Web API as documented, and the buttons that people press in it.

https://docs.slack.dev/reference/methods/chat.postMessage, chat.update, chat.postEphemeral, views.open
https://docs.slack.dev/authentication/verifying-requests-from-slack
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload, view-interactions-payload
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx

from tests.waiting import wait_until

Json = dict[str, Any]

TOKEN = "xoxb-0000-test"  # noqa: S105 - of this stand-in only
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 - as in Slack's documentation


class Wrong(Exception):
    """What Slack answers with ``ok: false``."""


@dataclass
class Slack:
    """One workspace with the channels ``C…`` that were named."""

    channels: set[str] = field(default_factory=lambda: {"C0PROD", "C0CHURN"})
    messages: dict[tuple[str, str], Json] = field(default_factory=dict)  # by channel and ts
    ephemeral: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fail_next: list[tuple[int, dict[str, str], Json]] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=threading.Event)  # while cleared it takes requests only
    url: str = ""
    _triggers: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def the_message(self, channel: str = "C0PROD") -> Json:
        (message,) = (message for (place, _), message in self.messages.items() if place == channel)
        return message

    def text_of(self, channel: str = "C0PROD") -> str:
        """Everything that is to be read in the one message of a channel."""
        return json.dumps(self.the_message(channel), ensure_ascii=False)

    def press(
        self,
        action_id: str,
        *,
        user: str = "U0ANNA",
        channel: str = "C0PROD",
        value: str | None = None,
        message: Json | None = None,
    ) -> Json:
        """What Slack sends when this button of the channel's message is pressed. ``message``: where there are several."""
        message = message or self.the_message(channel)
        button = next(
            element
            for block in message["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
            if element.get("action_id") == action_id
        )
        trigger = f"13345224609.738474920.{next(self._numbers)}"
        self._triggers.add(trigger)
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T0TEAM"},
            "api_app_id": "A0APP",
            "token": "Shh_its_a_seekrit",
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": channel,
                "is_ephemeral": False,
            },
            "trigger_id": trigger,
            "team": {"id": "T0TEAM", "domain": "team"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": channel, "name": "releases"},
            "message": message,
            "state": {"values": {}},
            "response_url": "https://hooks.slack.com/actions/T0TEAM/0/secret",
            "actions": [
                {
                    "action_id": action_id,
                    "block_id": "decide",
                    "text": button["text"],
                    "value": button["value"] if value is None else value,
                    **({"style": button["style"]} if "style" in button else {}),
                    "type": "button",
                    "action_ts": f"{time.time():.6f}",
                }
            ],
        }

    def submit(self, reason: str, *, user: str = "U0ANNA") -> Json:
        """What Slack sends when the form that was opened last is sent off."""
        wait_until(lambda: self.views, what="a form is open")
        view = self.views[-1]
        values = {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}
        return {
            "type": "view_submission",
            "team": {"id": "T0TEAM", "domain": "team"},
            "user": {"id": user, "username": "somebody", "name": "somebody", "team_id": "T0TEAM"},
            "api_app_id": "A0APP",
            "token": "Shh_its_a_seekrit",
            "trigger_id": "13345224609.738474920.x",
            "view": {
                "id": "V0FORM",
                "type": "modal",
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": values},
                "hash": "1",
            },
            "response_urls": [],
            "is_enterprise_install": False,
            "enterprise": None,
        }

    def answer(self, method: str, token: str, body: Json) -> Json:
        """One call of the Web API."""
        if token != f"Bearer {TOKEN}":
            raise Wrong("not_authed" if not token else "invalid_auth")
        match method:
            case "chat.postMessage":
                return self._post(body)
            case "chat.update":
                key = (body["channel"], body["ts"])
                if key not in self.messages:
                    raise Wrong("message_not_found")
                check_message(body)
                self.messages[key] |= {"text": body["text"], "blocks": body["blocks"]}
                return {"channel": body["channel"], "ts": body["ts"], "text": body["text"]}
            case "chat.postEphemeral":
                self._require_channel(body)
                if not body.get("text"):
                    raise Wrong("no_text")
                self.ephemeral.append(body)
                return {"message_ts": f"{time.time():.6f}"}
            case "views.open":
                return self._open(body)
        raise Wrong("unknown_method")

    def _post(self, body: Json) -> Json:
        self._require_channel(body)
        check_message(body)
        ts = f"{int(time.time())}.{next(self._numbers):06d}"
        message = {"type": "message", "ts": ts, "text": body["text"], "blocks": body["blocks"], "bot_id": "B0BOT"}
        self.messages[body["channel"], ts] = message
        return {"channel": body["channel"], "ts": ts, "message": message}

    def _open(self, body: Json) -> Json:
        if body.get("trigger_id") not in self._triggers:
            raise Wrong("expired_trigger_id")
        self._triggers.discard(body["trigger_id"])
        view = body["view"] if isinstance(body["view"], dict) else json.loads(body["view"])
        _check_view(view)
        self.views.append(view)
        return {"view": {"id": "V0FORM"}}

    def _require_channel(self, body: Json) -> None:
        if body.get("channel") not in self.channels:
            raise Wrong("channel_not_found")


def check_message(body: Json) -> None:
    blocks = body["blocks"] if isinstance(body["blocks"], list) else json.loads(body["blocks"])
    body["blocks"] = blocks
    if not body.get("text") or len(body["text"]) > 40000:
        raise Wrong("msg_too_long")
    if not 1 <= len(blocks) <= 50:
        raise Wrong("invalid_blocks")
    for block in blocks:
        _check_block(block)


def _check_block(block: Json) -> None:
    """The limits of the kinds that we use."""
    match block["type"]:
        case "header":
            _require(block["text"]["type"] == "plain_text" and 1 <= len(block["text"]["text"]) <= 150)
        case "section":
            fields = block.get("fields", [])
            _require("text" in block or fields)
            _require(len(fields) <= 10 and all(1 <= len(each["text"]) <= 2000 for each in fields))
            _require("text" not in block or 1 <= len(block["text"]["text"]) <= 3000)
        case "actions":
            _require(1 <= len(block["elements"]) <= 25)
            for element in block["elements"]:
                _require(element["type"] == "button" and len(element["text"]["text"]) <= 75)
                _require(element["text"]["type"] == "plain_text")
                _require(len(element.get("value", "")) <= 2000 and len(element.get("action_id", "")) <= 255)
                _require(element.get("style") in {None, "primary", "danger"} and len(element.get("url", "")) <= 3000)
        case "input":
            _require(len(block["label"]["text"]) <= 2000 and len(block["hint"]["text"]) <= 2000)
            _require(block["element"]["max_length"] <= 3000)
        case _:
            raise Wrong("invalid_blocks")


def _check_view(view: Json) -> None:
    _require(view["type"] == "modal" and len(view["title"]["text"]) <= 24)
    _require(len(view["submit"]["text"]) <= 24 and len(view["close"]["text"]) <= 24)
    _require(len(view["private_metadata"]) <= 3000 and len(view["callback_id"]) <= 255)
    for block in view["blocks"]:
        _check_block(block)


def _require(holds: object) -> None:
    if not holds:
        raise Wrong("invalid_blocks")


@contextmanager
def slack_workspace() -> Iterator[Slack]:
    """Slack until the end of the ``with``."""
    slack = Slack()
    slack.goes_on.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            method = self.path.rpartition("/")[2]
            raw = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            if "json" in self.headers.get("Content-Type", ""):
                body = json.loads(raw)
            else:
                body = {name: values[0] for name, values in parse_qs(raw).items()}
            slack.calls.append(method)
            slack.goes_on.wait(60)
            status, headers, answer = 200, dict[str, str](), dict[str, Any]()
            if slack.fail_next:
                status, headers, answer = slack.fail_next.pop(0)
            else:
                try:
                    answer = {"ok": True, **slack.answer(method, self.headers.get("Authorization", ""), body)}
                except Wrong as error:
                    answer = {"ok": False, "error": str(error)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json; charset=utf-8"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    slack.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield slack
    finally:
        slack.goes_on.set()
        server.shutdown()
        server.server_close()


def signed(payload: Json, *, secret: str = SECRET, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """The body and headers of Slack's request."""
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b":".join((b"v0", timestamp.encode(), body)), hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }


def send(client: httpx.Client, payload: Json, **how: Any) -> httpx.Response:
    """Slack's request to the service."""
    body, headers = signed(payload, **how)
    return client.post("/chat/slack/interactions", content=body, headers=headers)
