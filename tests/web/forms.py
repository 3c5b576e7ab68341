"""Pages as a browser reads them: their forms, with what is hidden in them."""

from html.parser import HTMLParser

import httpx


class _Fields(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self._action, self._inside = action, False
        self.is_there = False
        self.found: dict[str, str] = {}
        self.answers: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("action") == self._action
            self.is_there |= self._inside
        if self._inside and tag == "input" and given.get("type") == "hidden":
            self.found[given["name"]] = given["value"]
        if self._inside and tag == "button" and given.get("name") == "answer":
            self.answers.add(given["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def hidden(answer: httpx.Response, action: str) -> dict[str, str]:
    """What the form with this action sends along."""
    fields = _read(answer, action)
    assert fields.is_there, f"no form for {action}: {answer.text}"
    return fields.found


def answers(answer: httpx.Response, action: str) -> set[str]:
    """The buttons of the form with this action; none where there is no such form."""
    return _read(answer, action).answers


def _read(answer: httpx.Response, action: str) -> _Fields:
    fields = _Fields(action)
    fields.feed(answer.text)
    return fields
