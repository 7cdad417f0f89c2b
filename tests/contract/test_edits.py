"""Changes of transcripts: kept by segment, found again when the same is recognised again, and never lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.errors import Conflict
from halfgig.records import Segment, Word
from halfgig.store.edits import Edit, Edits, Overtaken
from halfgig.store.library import Library

if TYPE_CHECKING:
    from halfgig.store.database import Database

ID = "a" * 64
SPOKEN = (
    Segment(0.0, 1.0, "Hello word.", words=(Word(0.0, 0.5, " Hello", 0.9), Word(0.5, 1.0, " word.", 0.4)), tokens=(1,)),
    Segment(1.0, 2.0, "Fine."),
)


@pytest.fixture
def connection(store: Database) -> Database:
    fill(Library(store))
    return store


def fill(library: Library, *, ready: bool = True) -> None:
    source = library.add_source(ID, "", "Talk", "tiny.en")
    for _ in library.append_segments(source, SPOKEN):
        pass
    if ready:
        library.finish(library.close_transcript(source))


def texts(connection: Database) -> list[str]:
    return [segment.text for segment in Library(connection).segments(ID)]


def test_a_segment_says_what_it_was_changed_to(connection: Database) -> None:
    edits = Edits(connection)
    assert edits.change(ID, 0, "Hello world.") is True
    assert texts(connection) == ["Hello world.", "Fine."]
    (first, _) = Library(connection).segments(ID)
    assert (first.words, first.tokens, first.start, first.end) == ((), (), 0.0, 1.0)
    assert edits.originals(ID, 0, 10) == {0: "Hello word."}
    assert edits.stale() == {ID: 1}


def test_the_original_stays_through_further_changes_and_can_come_back(connection: Database) -> None:
    edits = Edits(connection)
    edits.change(ID, 0, "Hello world.")
    edits.change(ID, 0, "Hello, world!")
    assert edits.originals(ID, 0, 0) == {0: "Hello word."}
    assert edits.change(ID, 0, "Hello, world!") is False
    edits.change(ID, 0, "Hello word.")
    assert edits.originals(ID, 0, 0) == {}
    assert edits.all(ID) == []
    assert edits.stale() == {ID: 3}


def test_there_is_no_such_segment(connection: Database) -> None:
    assert Edits(connection).change(ID, 2, "x") is None
    assert Edits(connection).change("b" * 64, 0, "x") is None
    assert Edits(connection).stale() == {}


def test_what_is_being_worked_on_cannot_be_changed(connection: Database) -> None:
    library = Library(connection)
    library.remove_source(ID)
    fill(library, ready=False)
    with pytest.raises(Conflict):
        Edits(connection).change(ID, 0, "Hello world.")
    assert texts(connection)[0] == "Hello word."


def test_an_edit_outlives_that_the_same_is_recognised_again(connection: Database) -> None:
    Edits(connection).change(ID, 0, "Hello world.")
    library = Library(connection)
    source = library.restart(ID, "base")
    for _ in library.append_segments(source, SPOKEN):
        pass
    assert texts(connection) == ["Hello world.", "Fine."]
    assert Edits(connection).originals(ID, 0, 1) == {0: "Hello word."}
    assert next(iter(library.segments(ID))).words == ()


def test_an_edit_that_no_segment_takes_is_told(connection: Database) -> None:
    Edits(connection).change(ID, 0, "Hello world.")
    library = Library(connection)
    source = library.restart(ID, "base")
    for _ in library.append_segments(source, [Segment(0.0, 2.0, "Hello, world, fine.")]):
        pass
    assert texts(connection) == ["Hello, world, fine."]
    assert Edits(connection).unused(ID) == [Edit(0.0, "Hello word.", "Hello world.")]


def test_an_index_of_an_older_text_is_refused(connection: Database) -> None:
    edits = Edits(connection)
    edits.change(ID, 0, "Hello world.")
    edits.change(ID, 1, "Very fine.")
    with pytest.raises(Overtaken):
        edits.settle(ID, 1)
    edits.settle(ID, 2)
    assert edits.stale() == {}
    with pytest.raises(Overtaken):  # it was settled by another
        edits.settle(ID, 2)


def test_edits_go_with_their_source(connection: Database) -> None:
    Edits(connection).change(ID, 0, "Hello world.")
    Library(connection).remove_source(ID)
    assert (Edits(connection).all(ID), Edits(connection).stale()) == ([], {})
