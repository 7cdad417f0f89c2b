from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.retrieval.test_rep_events import report

from halfgig.records import Query, Scope
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.index import Bounds
from halfgig.retrieval.query import search
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.reps import rep_events
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

RANGES = [90, 95, 80, 91, 92, 93, 89, 88, 87, 86]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with open_library(tmp_path / "library.db") as connection:
        events, library = EventIndex(connection), Library(connection)
        library.note_source("a", "/squats.mp4", "Squats", 60.0)
        events.replace("a", rep_events(report(RANGES, attempts=1)))
        library.note_source("b", "/push-ups.mp4", "Push-ups", 60.0)
        events.replace("b", rep_events(report([70, 60], exercise="push-up")))
        yield connection


def found(connection: apsw.Connection, text: str, bounds: Bounds | None = None) -> list[tuple[str, int]]:
    question = read_question(text, SqliteIndex(connection))
    events = EventIndex(connection).matching(question, 50, bounds or Bounds())
    return [(one.source_id, one.passage.number) for one in events]


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("third squat", ("a", 3)),
        ("the 3rd squat", ("a", 3)),
        ("squat number 3", ("a", 3)),
        ("Where is the tenth squat?", ("a", 10)),
        ("deepest squat", ("a", 2)),
        ("the shallowest squats", ("a", 3)),
        ("last push-up", ("b", 2)),
        ("slowest pushup", ("b", 2)),
        ("deepset sqaut", ("a", 2)),
        ("partial squat", ("a", 11)),
        ("squats", ("a", 0)),
        ("set of push-ups", ("b", 0)),
    ],
)
def test_what_is_asked_for_comes_first(connection: apsw.Connection, text: str, event: tuple[str, int]) -> None:
    assert found(connection, text)[0] == event


@pytest.mark.parametrize(
    "text", ["how deep should a squat be", "eleventh squat", "third lunge", "squat " + "and so on " * 9 + "forever"]
)
def test_an_event_holds_every_word_that_is_asked_for(connection: apsw.Connection, text: str) -> None:
    assert found(connection, text) == []


def test_events_are_kept_to_sources_and_times(connection: apsw.Connection) -> None:
    assert {source for source, _ in found(connection, "last rep", Bounds(("b",)))} == {"b"}
    assert found(connection, "squat", Bounds(("a",), 95.0, 101.0)) == [("a", 0), ("a", 9), ("a", 10)]


def test_replacing_and_removing_leave_nothing_behind(connection: apsw.Connection) -> None:
    events = EventIndex(connection)
    assert events.replace("a", rep_events(report([90]))) == 2
    assert found(connection, "deepest squat") == []
    assert events.count("a") == 2
    assert events.remove("a") == 2
    assert events.count() == 3
    connection.execute("INSERT INTO event_words (event_words) VALUES ('integrity-check')")


def test_one_search_finds_what_is_seen(connection: apsw.Connection) -> None:
    index, library, events = SqliteIndex(connection), Library(connection), EventIndex(connection)
    (hit,) = search(Query("deepest squat"), index, None, library, events).hits
    assert (hit.kind, hit.title, hit.start, hit.at, hit.link) == (
        "motion",
        "Squats",
        20.0,
        20.0,
        "file:///squats.mp4#t=20",
    )
    assert hit.marked == "[[Squat]] 2 of 10, 2.0 s, 95 degrees ([[deepest]])"
    assert [rank.ranking for rank in hit.ranks] == ["motion"]
    assert search(Query("deepest squat", scope=Scope(kind="speech")), index, None, library, events).hits == ()


def test_a_set_is_one_moment(connection: apsw.Connection) -> None:
    index, library = SqliteIndex(connection), Library(connection)
    hits = search(Query("squats"), index, None, library, EventIndex(connection)).hits
    assert [hit.text for hit in hits] == ["10 squats", "Partial squat 1 of 1, 1.0 s, 10 degrees"]
