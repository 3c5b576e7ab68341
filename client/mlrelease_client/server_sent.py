"""Server-sent events, line by line (WHATWG HTML, 9.2.6). Pure."""

from dataclasses import dataclass, field


@dataclass
class Reader:
    """Takes lines, and gives the data of an event at its end. ``last_id``: of the last event that was whole."""

    last_id: str = ""
    _id: str | None = None
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> str | None:
        """The data of the event that ends with this line; None: none does."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name == "id" and "\0" not in value:
                self._id = value
            return None
        data, self._data = self._data, []
        if self._id is not None:
            self.last_id, self._id = self._id, None
        return "\n".join(data) if data else None
