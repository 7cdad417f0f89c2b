from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from halfgig.motion.report import as_json
from halfgig.records import Rep, Report
from halfgig.retrieval.reps import rep_events

if TYPE_CHECKING:
    from collections.abc import Sequence


def report(ranges: Sequence[float], attempts: int = 0, exercise: str = "squat", side: str = "both") -> dict[str, Any]:
    """Repetitions that go through these degrees, the n-th of them lasting n seconds."""
    reps = [Rep(n, 10.0 * n, 10.0 * n + 1, 11.0 * n, 80.0, 80.0 + held, side) for n, held in enumerate(ranges, 1)]
    partial = [Rep(n, 500.0 + n, 500.5 + n, 501.0 + n, 80.0, 90.0, partial=True) for n in range(1, attempts + 1)]
    return as_json(Report(exercise, tuple(reps), tuple(partial), 100, 100, 60.0))


def test_the_set_comes_first_and_spans_all_repetitions() -> None:
    first, *rest = rep_events(report([90, 95, 80]))
    assert (first.number, first.start, first.end, first.text) == (0, 10.0, 33.0, "3 squats")
    assert {"set", "squats", "3"} <= set(first.words.split())
    assert [event.number for event in rest] == [1, 2, 3]
    assert (rest[1].start, rest[1].end) == (20.0, 22.0)


def test_a_repetition_is_known_by_its_number_and_what_it_stands_out_by() -> None:
    _, one, two, three = rep_events(report([90, 95, 80]))
    assert {"first", "1st", "1", "one", "fastest"} <= set(one.words.split())
    assert {"second", "2nd", "deepest"} <= set(two.words.split())
    assert {"third", "3rd", "last", "final", "shallowest", "slowest"} <= set(three.words.split())
    assert two.text == "Squat 2 of 3, 2.0 s, 95 degrees (deepest)"


def test_a_single_repetition_stands_out_by_nothing() -> None:
    first, only = rep_events(report([90]))
    assert first.text == "1 squat"
    assert "deepest" not in only.words
    assert "last" in only.words


def test_sides_and_spellings_are_words() -> None:
    _, one = rep_events(report([90], exercise="push-up", side="left"))
    assert {"push-up", "pushup", "left"} <= set(one.words.split())
    assert one.text.startswith("Push-up 1 of 1, left side")


def test_attempts_are_partial_and_follow() -> None:
    *_, attempt, last = rep_events(report([90, 91], attempts=2))
    assert (attempt.number, last.number) == (3, 4)
    assert attempt.text.startswith("Partial squat 1 of 2")
    assert "incomplete" in attempt.words


def test_a_report_of_nothing_has_no_events() -> None:
    assert list(rep_events(report([]))) == []


@given(st.lists(st.floats(1, 170), max_size=130))
def test_each_repetition_has_its_own_ordinal(ranges: list[float]) -> None:
    events = list(rep_events(report(ranges)))
    assert len(events) == len(ranges) + bool(ranges)
    assert [event.number for event in events] == list(range(len(events)))
    endings = [word for event in events[1:] for word in event.words.split() if word[0].isdigit() and word[-1].isalpha()]
    assert len(set(endings)) == len(ranges)
    if len(ranges) > 112:
        assert {"21st", "22nd", "23rd", "11th", "112th", "101st"} <= set(endings)
