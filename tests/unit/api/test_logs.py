from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.logs import REQUEST_ID, JsonLines, TextLines, configure
from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


def record(event: str, facts: dict[str, Any], **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("halfgig", logging.INFO, "a.py", 1, event, (), None)
    made.__dict__.update(extra, facts=facts, created=0.5)
    return made


def test_an_event_is_one_json_object() -> None:
    line = JsonLines().format(record("request", {"path": "/a\nb", "status": 200}, job="j1"))
    assert "\n" not in line
    assert json.loads(line) == {
        **{"time": "1970-01-01T00:00:00.500Z", "level": "info", "event": "request"},
        **{"job": "j1", "path": "/a\nb", "status": 200},
    }


def test_an_event_is_a_line_for_a_person() -> None:
    line = TextLines().format(record("request", {"path": "/a\x1b[2J", "status": 200}))
    assert line == "1970-01-01T00:00:00.500Z info    request path=/a [2J status=200"


def test_events_of_a_request_tell_its_id() -> None:
    token = REQUEST_ID.set("r1")
    try:
        assert json.loads(JsonLines().format(record("accepted", {})))["request_id"] == "r1"
    finally:
        REQUEST_ID.reset(token)
    assert "request_id" not in json.loads(JsonLines().format(record("accepted", {})))


@pytest.mark.parametrize("form", [JsonLines(), TextLines()])
def test_a_traceback_is_told(form: logging.Formatter) -> None:
    try:
        raise ValueError("inside")
    except ValueError as error:
        made = record("crash", {})
        made.exc_info = (ValueError, error, error.__traceback__)
    assert "ValueError: inside" in form.format(made)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = ("uvicorn", "uvicorn.error", "asyncio")
    levels = {name: logging.getLogger(name).level for name in names}
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in names:
        logging.getLogger(name).setLevel(levels[name])


@pytest.mark.parametrize(("form", "expected"), [("json", JsonLines), ("text", TextLines), ("auto", JsonLines)])
def test_a_format_is_taken_by_its_name(root: logging.Logger, form: str, expected: type) -> None:
    configure(form)
    assert isinstance(root.handlers[0].formatter, expected)
    assert root.level == logging.INFO
    configure(form, verbose=True)
    assert (len(root.handlers), root.level) == (1, logging.DEBUG)


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadRequest, match="LOG_FORMAT=xml"):
        configure("xml")
