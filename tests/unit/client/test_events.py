from __future__ import annotations

import pytest

from halfgig.client.events import JobEvent, parse_events


def parsed(text: str) -> list[JobEvent]:
    return list(parse_events(text.encode().splitlines(keepends=True)))


def test_an_event_has_its_type_its_id_and_its_data() -> None:
    assert parsed('id: 7\nevent: segment\ndata: {"text": "Tschüss"}\n\n') == [
        JobEvent("segment", {"text": "Tschüss"}, 7)
    ]


def test_progress_has_no_id() -> None:
    assert parsed('event: progress\ndata: {"fraction": 0.5}\n\n') == [JobEvent("progress", {"fraction": 0.5})]


def test_comments_and_unknown_fields_are_passed_over() -> None:
    assert parsed('retry: 2000\n\n: still here\n\nid: 1\ndata: {"a": 1}\ncolour: red\n\n') == [
        JobEvent("message", {"a": 1}, 1)
    ]


def test_data_may_have_several_lines_and_end_in_carriage_returns() -> None:
    assert parsed('data: {"a":\r\ndata: 1}\r\n\r\n') == [JobEvent("message", {"a": 1})]


def test_an_event_that_is_cut_off_is_dropped() -> None:
    assert parsed('id: 1\ndata: {"a": 1}\n\nid: 2\ndata: {"a": 2}\n') == [JobEvent("message", {"a": 1}, 1)]


@pytest.mark.parametrize("data", ["", "data: [1]", "data: {", "data: " + "[" * 5000, "id: 3"])
def test_what_is_no_json_object_is_dropped(data: str) -> None:
    assert parsed(f"{data}\n\n") == []


@pytest.mark.parametrize("number", ["-1", "one", "1.5", ""])
def test_an_id_that_the_server_never_gives_is_none(number: str) -> None:
    assert parsed(f"id: {number}\ndata: {{}}\n\n") == [JobEvent("message", {})]


def test_an_event_without_end_is_not_held() -> None:
    assert len(parsed("data: 1\n" * 10_000 + "\n")) == 0
