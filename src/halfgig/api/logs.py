"""Logs: an event is one line, a JSON object or text for a terminal. No query string, header or key is ever in one."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from halfgig.errors import BadRequest

FORMATS = ("auto", "json", "text")
MOST_TEXT = 10_000  # characters of an event; libraries put whole tracebacks there
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "facts", "color_message"}


def configure(form: str, *, verbose: bool = False) -> None:
    """Have the whole process log in `form`, one of FORMATS, to standard error; BadRequest where there is no such."""
    if form not in FORMATS:
        raise BadRequest(f"LOG_FORMAT={form} is no format.", f"Set one of: {', '.join(FORMATS)}.")
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines() if text else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "asyncio"):  # what they say below a warning, we say ourselves
        logging.getLogger(name).setLevel(logging.WARNING)


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """What a record tells beside its event: `facts`, and whatever else `extra` gave it."""
    further = {name: value for name, value in vars(record).items() if name not in STANDARD}
    request = {"request_id": REQUEST_ID.get()} if REQUEST_ID.get() else {}
    return request | further | dict(getattr(record, "facts", {}))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()[:MOST_TEXT]}
        told |= facts_of(record)
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str, ensure_ascii=False)


class TextLines(logging.Formatter):
    """A line for a person: time, level, event, facts as name=value; a traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts = " ".join(f"{name}={value}" for name, value in facts_of(record).items())
        event = record.getMessage()[:MOST_TEXT]
        line = f"{_time(record)} {record.levelname.lower():7} {event} {facts}".rstrip()
        line = "".join(character if character.isprintable() else " " for character in line)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
