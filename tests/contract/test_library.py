"""What the library does with sources and their segments, in a file and in a Postgres."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.fakes.sources import ID, add, fill

from halfgig.errors import BadRequest, LibraryError, NotFound
from halfgig.records import Scope, Segment, Word
from halfgig.store.library import Library

if TYPE_CHECKING:
    from halfgig.store.database import Database


@pytest.fixture
def library(store: Database) -> Library:
    return Library(store, clock=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_a_sources_life(library: Library) -> None:
    source = add(library)
    assert (source.state, source.attempt, source.added_at) == ("recognizing", 1, "2026-01-02T03:04:05+00:00")
    assert library.shown(ID) is None
    fill(library, source)
    source = library.close_transcript(source, language="en")
    assert (source.state, source.language) == ("indexing", "en")
    assert library.shown(ID) is None
    source = library.finish(source)
    assert source.state == "ready"
    assert library.shown(ID) == library.source(ID) == source
    assert library.sources() == [source]


def test_unknown_sources(library: Library) -> None:
    assert library.source("b") is None
    assert library.shown("b") is None
    assert library.sources() == []
    assert library.remove_source("b") is False
    assert list(library.segments("b")) == []
    assert library.heard("b") == 0.0
    with pytest.raises(LibraryError, match="no source b"):
        library.restart("b", "tiny.en")


def test_segments_come_back_as_they_went_in(library: Library) -> None:
    segments = [
        Segment(0.1, 2.25, " Hello.", (Word(0.1, 0.5, " Hello.", 0.75),), (1, 50257), 0.2, -0.5, 1.3, 0.01),
        Segment(3.0, 4.0, ' "quoted" \n 虹 🎉', (), (), 0.0, -math.inf, 0.0, 1.0),
        Segment(4.0, 4.0, ""),
    ]
    source = add(library)
    assert list(library.append_segments(source, segments)) == segments
    assert list(library.segments(ID)) == segments
    assert library.heard(ID) == 4.0


def test_a_figure_that_is_no_number_stays_none(library: Library) -> None:
    source = add(library)
    list(library.append_segments(source, [Segment(0, 1, "x", avg_logprob=math.nan)]))
    assert math.isnan(next(library.segments(ID)).avg_logprob)


def test_a_name_that_is_no_unicode_can_be_stored(library: Library) -> None:
    source = library.add_source(ID, "/caf\udce9.mp4", "caf\udce9", "tiny.en")
    assert (source.address, source.title) == ("/caf?.mp4", "caf?")


def test_many_segments_stream_in_order(library: Library) -> None:
    source = add(library)
    library.take_segments(source, (Segment(n, n + 1, f" segment {n}") for n in range(1050)))
    assert [segment.start for segment in library.segments(ID)] == list(range(1050))


def test_known_content_is_recognised_and_takes_its_new_address(library: Library) -> None:
    source = add(library)
    fill(library, source)
    library.finish(source)
    again = library.add_source(ID, "/moved/talk.mp4", "Moved", "tiny.en")
    assert (again.state, again.attempt, again.address, again.title) == ("ready", 1, "/moved/talk.mp4", "Moved")
    assert again.duration == 60.0
    assert len(list(library.segments(ID))) == 3
    assert library.add_source(ID, "/x", "x", "base").model == "tiny.en"


def test_work_that_was_cut_off_goes_on(library: Library) -> None:
    fill(library, add(library))
    source = add(library)
    assert (source.state, source.attempt, library.heard(ID)) == ("recognizing", 2, 3.0)
    list(library.append_segments(source, [Segment(3, 4, "d")]))
    assert [segment.start for segment in library.segments(ID)] == [0, 1, 2, 3]


def test_another_model_begins_again(library: Library) -> None:
    fill(library, add(library))
    source = add(library, model="base")
    assert (source.state, source.model, library.heard(ID)) == ("recognizing", "base", 0.0)


def test_an_earlier_attempt_may_write_no_more(library: Library) -> None:
    first = add(library)
    second = add(library)
    with pytest.raises(LibraryError, match="taken over"):
        fill(library, first)
    with pytest.raises(LibraryError, match="taken over"):
        library.close_transcript(first)
    fill(library, second)
    library.finish(library.close_transcript(second))
    with pytest.raises(LibraryError, match="taken over"):
        library.finish(first)
    with pytest.raises(LibraryError):
        fill(library, second)  # what is ready does not change


def test_a_removed_source_cannot_be_written(library: Library) -> None:
    source = add(library)
    fill(library, source)
    assert library.remove_source(ID)
    assert list(library.segments(ID)) == []
    with pytest.raises(LibraryError, match="removed"):
        fill(library, source)


def test_restart_forgets_the_transcript(library: Library) -> None:
    source = add(library)
    fill(library, source)
    library.finish(source)
    again = library.restart(ID, "base", "de")
    assert (again.state, again.attempt, again.model, again.language) == ("recognizing", 2, "base", "de")
    assert library.heard(ID) == 0.0


def test_a_source_of_which_only_the_motion_is_known_can_be_heard_later(library: Library) -> None:
    noted = library.note_source(ID, "/a.mp4", "A", 60.0)
    assert (noted.state, noted.model) == ("unheard", "")
    assert library.shown(ID) is None
    assert library.shown(ID, "motion") == noted
    source = add(library)
    assert (source.state, source.model) == ("recognizing", "tiny.en")
    fill(library, source)
    library.finish(library.close_transcript(source, "en"))
    again = library.note_source(ID, "/b.mp4", "B", None)
    assert (again.state, again.address, again.duration, again.language) == ("ready", "/b.mp4", 60.0, "en")


def test_tags_are_added_and_leave_with_their_source(library: Library) -> None:
    add(library)
    library.tag(ID, ["Yoga ", "yoga", "morning"])
    library.tag(ID, ["evening"])
    source = library.source(ID)
    assert source is not None
    assert source.tags == ("evening", "morning", "yoga")
    library.remove_source(ID)
    add(library)
    assert library.sources()[0].tags == ()
    for wrong in (" ", "x" * 65):
        with pytest.raises(BadRequest, match="no tag"):
            library.tag(ID, [wrong])


def test_a_scope_means_the_sources_that_fit_all_its_fields(library: Library) -> None:
    for letter, language in (("a", "en"), ("b", "de"), ("c", None)):
        library.close_transcript(add(library, letter * 64), language)
    library.tag("a" * 64, ["yoga"])
    library.tag("b" * 64, ["yoga", "run"])
    ids = {letter: letter * 64 for letter in "abc"}
    for scope, meant in (
        (Scope(), None),
        (Scope(after=3.0, kind="speech"), None),
        (Scope(languages=("en",)), "a"),
        (Scope(languages=("en", "de")), "ab"),
        (Scope(tags=("YOGA",)), "ab"),
        (Scope(tags=("yoga",), languages=("de",)), "b"),
        (Scope(sources=("aaaa", "/talks/cc.mp4")), "ac"),
        (Scope(sources=("A talk",)), "abc"),
        (Scope(since="2026-01-02", until="2026-01-02"), "abc"),
        (Scope(since="2026-01-03"), ""),
        (Scope(until="2026-01-01"), ""),
    ):
        assert library.within(scope) == (None if meant is None else tuple(ids[letter] for letter in meant)), scope


@pytest.mark.parametrize("name", ["aaa", "%%%%", "____", "A Talk", ""])
def test_a_source_that_is_not_known_is_no_scope(library: Library, name: str) -> None:
    add(library)
    with pytest.raises(NotFound, match="no source named"):
        library.within(Scope(sources=(name,)))


@pytest.mark.parametrize("day", ["2026-13-01", "soon", "2026-1-1"])
def test_a_day_that_is_none_is_refused(library: Library, day: str) -> None:
    with pytest.raises(BadRequest, match="no day"):
        library.within(Scope(since=day))


def test_segments_that_touch_a_stretch(library: Library) -> None:
    fill(library, add(library), 5)
    assert [segment.start for segment in library.segments_between(ID, 1.0, 2.5)] == [1.0, 2.0]
    assert library.segments_between(ID, 9.0, 10.0) == []
