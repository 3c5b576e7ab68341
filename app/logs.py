"""Logging: structlog over the standard library, for people on a console or as JSON lines for machines.

For machines every line is JSON, whoever wrote it: what libraries print, warnings, and exceptions that nobody caught, too.
"""

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal

import structlog


def set_up_logs(log_format: Literal["console", "json"]) -> None:
    """Send every logger of this process, ours and the libraries', to standard error in one form."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # Each request to Azure at INFO, headers included, would drown everything else.
    for chatty in ("azure", "httpx", "dbos", "msal", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_all_output(log_format: Literal["console", "json"]) -> None:
    """Of a whole process, once its logs are set up: warnings and exceptions that nobody caught, and for machines what is printed."""
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda ended: _log_uncaught(ended.exc_type, ended.exc_value, ended.exc_traceback)
    if log_format == "json":
        before = (sys.stdout, sys.stderr)
        sys.stdout = sys.stderr = Printed(logging.getLogger("printed"))
        for handler in _handlers_of_libraries():
            if handler.stream in before:
                handler.setStream(sys.stderr)


def _handlers_of_libraries() -> Iterator["logging.StreamHandler[Any]"]:
    """Made by some at their import, to print whatever the rest of the process does."""
    for logger in logging.Logger.manager.loggerDict.values():
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler):
                yield handler


class Printed(io.TextIOBase):
    """A stream whose lines go to the log. Not closed, and shared by all threads: a line may hold what several of them print."""

    def __init__(self, log: logging.Logger, *, longest: int = 8_192) -> None:
        self._log = log
        self._longest = longest  # characters: whoever prints without an end gets lines of this length
        self._line = ""
        self._writing = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._writing:
            *lines, self._line = _END_OF_LINE.split(self._line + text)
            if len(self._line) > self._longest:
                lines, self._line = [*lines, self._line], ""
        for line in filter(str.strip, lines):
            self._log.info("%s", line[: self._longest])
        return len(text)


_END_OF_LINE = re.compile(r"[\r\n]")


def _log_uncaught(kind: type[BaseException], raised: BaseException | None, where: TracebackType | None) -> None:
    """A program that is told to end says so itself; everything else is an error of ours."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        logging.getLogger("app").critical("uncaught", exc_info=(kind, raised or kind(), where))
