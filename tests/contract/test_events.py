from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.retrieval.test_rep_events import report

from halfgig.operations.indexes import own_events, own_index
from halfgig.records import Query, Scope
from halfgig.retrieval.index import Bounds
from halfgig.retrieval.query import search
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.reps import rep_events
from halfgig.store.library import Library

if TYPE_CHECKING:
    from halfgig.store.database import Database

RANGES = [90, 95, 80, 91, 92, 93, 89, 88, 87, 86]


@pytest.fixture
def connection(store: Database) -> Database:
    events, library = own_events(store), Library(store)
    library.note_source("a", "/squats.mp4", "Squats", 60.0)
    events.replace("a", rep_events(report(RANGES, attempts=1)))
    library.note_source("b", "/push-ups.mp4", "Push-ups", 60.0)
    events.replace("b", rep_events(report([70, 60], exercise="push-up")))
    return store


def found(connection: Database, text: str, bounds: Bounds | None = None) -> list[tuple[str, int]]:
    question = read_question(text, own_index(connection))
    events = own_events(connection).matching(question, 50, bounds or Bounds())
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
def test_what_is_asked_for_comes_first(connection: Database, text: str, event: tuple[str, int]) -> None:
    assert found(connection, text)[0] == event


@pytest.mark.parametrize(
    "text", ["how deep should a squat be", "eleventh squat", "third lunge", "squat " + "and so on " * 9 + "forever"]
)
def test_an_event_holds_every_word_that_is_asked_for(connection: Database, text: str) -> None:
    assert found(connection, text) == []


def test_events_are_kept_to_sources_and_times(connection: Database) -> None:
    assert {source for source, _ in found(connection, "last rep", Bounds(("b",)))} == {"b"}
    assert found(connection, "squat", Bounds(("a",), 95.0, 101.0)) == [("a", 0), ("a", 9), ("a", 10)]


def test_replacing_and_removing_leave_nothing_behind(connection: Database) -> None:
    events = own_events(connection)
    assert events.replace("a", rep_events(report([90]))) == 2
    assert found(connection, "deepest squat") == []
    assert events.count("a") == 2
    assert events.remove("a") == 2
    assert events.count() == 3
    assert list(own_index(connection).find_faults()) == []


def test_one_search_finds_what_is_seen(connection: Database) -> None:
    index, library, events = own_index(connection), Library(connection), own_events(connection)
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


def test_a_set_is_one_moment(connection: Database) -> None:
    index, library = own_index(connection), Library(connection)
    hits = search(Query("squats"), index, None, library, own_events(connection)).hits
    assert [hit.text for hit in hits] == ["10 squats", "Partial squat 1 of 1, 1.0 s, 10 degrees"]
