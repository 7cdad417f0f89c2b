"""A library that several machines share: whoever writes a source waits for whoever does, and nothing is seen half."""

from __future__ import annotations

import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.fakes.databases import library_at

from halfgig.errors import BadRequest, LibraryError, Locked
from halfgig.operations.indexes import as_file, own_events, own_index
from halfgig.operations.library import forget
from halfgig.operations.upkeep import check
from halfgig.records import Passage, Segment
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.reps import Event
from halfgig.retrieval.words import parse_question
from halfgig.store.edits import Edits, Overtaken
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from halfgig.records import Floats
    from halfgig.store.database import Database

ID = "a" * 64
MODEL = EmbeddingModel("toy", 4)
PATIENCE = 60.0  # seconds for what has to come, on a busy machine


@pytest.fixture
def here(postgres_url: str) -> Iterator[Database]:
    with library_at(postgres_url) as database:
        yield database


@pytest.fixture
def there(here: Database, postgres_url: str) -> Iterator[Database]:
    """Another machine's connection to the same."""
    with library_at(postgres_url) as database:
        yield database


def spoken(text: str, count: int = 2) -> Iterator[tuple[Passage, Floats]]:
    return ((Passage(n, 10.0 * n, 10.0 * n + 9, text), array("f", [1, 0, 0, n])) for n in range(count))


def ready(database: Database, source_id: str = ID, text: str = "a rainbow") -> None:
    library = Library(database)
    source = library.add_source(source_id, "/talk.mp4", "Talk", "tiny.en")
    library.take_segments(source, [Segment(0.0, 9.0, text)])
    source = library.close_transcript(source)
    own_index(database, MODEL).replace(source_id, spoken(text), lambda: library.finish(source))


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def waiting(work: Callable[[], object], thread: ThreadPoolExecutor, holder: Database) -> Future[object]:
    """`work` under way on the thread, which waits for what the holder's transaction holds."""
    doing = thread.submit(work)
    deadline = time.monotonic() + PATIENCE
    while not holder.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").get:
        assert not doing.done(), doing.result()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return doing


def test_a_newer_attempt_waits_for_what_is_written_and_fences_what_comes(
    here: Database, there: Database, thread: ThreadPoolExecutor
) -> None:
    library = Library(here)
    old = library.add_source(ID, "/talk.mp4", "Talk", "tiny.en")
    with here.transaction():
        library.take_segments(old, [Segment(0, 1, "one")])
        newer = waiting(lambda: Library(there).add_source(ID, "/talk.mp4", "Talk", "base"), thread, here)
        library.take_segments(old, [Segment(1, 2, "two")])
    assert newer.result(PATIENCE) == library.source(ID)
    assert list(library.segments(ID)) == []  # they were of another model
    with pytest.raises(LibraryError, match="taken over"):
        library.take_segments(old, [Segment(2, 3, "three")])


def test_what_is_removed_while_it_is_indexed_is_not_brought_back(
    here: Database, there: Database, thread: ThreadPoolExecutor
) -> None:
    library = Library(here)
    source = library.close_transcript(library.add_source(ID, "/talk.mp4", "Talk", "tiny.en"))
    with there.transaction():
        forget(there, ID)
        indexing = waiting(
            lambda: own_index(here, MODEL).replace(ID, spoken("a rainbow"), lambda: library.finish(source)),
            thread,
            there,
        )
    with pytest.raises(LibraryError, match="removed"):
        indexing.result(PATIENCE)
    assert own_index(there).count() == 0
    assert there.execute("SELECT count(*) FROM halfgig_arrivals").get == 0
    assert list(check(there)) == []


def test_two_machines_that_index_a_source_at_once_leave_one_whole(
    here: Database, there: Database, thread: ThreadPoolExecutor
) -> None:
    ready(here)
    first, second = own_index(here, MODEL), own_index(there, MODEL)
    with here.transaction():
        first.replace(ID, spoken("a bridge", count=5))
        slower = waiting(lambda: second.replace(ID, spoken("an apple", count=3)), thread, here)
    assert slower.result(PATIENCE) == 3
    assert [passage.text for passage in first.passages(ID)] == ["an apple"] * 3
    assert (first.knows("apple"), first.knows("bridge")) == (True, False)


def test_repetitions_are_filed_while_the_source_is_indexed(
    here: Database, there: Database, thread: ThreadPoolExecutor
) -> None:
    ready(here)
    library, events = Library(here), own_events(here)
    with here.transaction():
        library.note_source(ID, "/talk.mp4", "Talk", None)  # holds the source
        indexing = waiting(
            lambda: own_index(there, MODEL).replace(
                ID, spoken("a bridge"), lambda: Library(there).note_source(ID, "/talk.mp4", "Talk", None)
            ),
            thread,
            here,
        )
        assert events.replace(ID, [Event(0, 0.0, 9.0, "10 squats", "10 squats")]) == 1
    assert indexing.result(PATIENCE) == 2
    assert [event.text for event in events.events(ID)] == ["10 squats"]
    assert [passage.text for passage in own_index(here).passages(ID)] == ["a bridge"] * 2


def test_a_text_that_changes_while_it_is_indexed_stays_to_be_indexed(
    here: Database, there: Database, thread: ThreadPoolExecutor
) -> None:
    ready(here)
    Edits(here).change(ID, 0, "a bow of rain")
    (changes,) = Edits(here).stale().values()
    with there.transaction():
        Edits(there).change(ID, 0, "a bow of light")
        index = own_index(here, MODEL)
        indexing = waiting(
            lambda: index.replace(ID, spoken("a bow of rain"), lambda: Edits(here).settle(ID, changes)), thread, there
        )
    with pytest.raises(Overtaken):
        indexing.result(PATIENCE)
    assert [passage.text for passage in own_index(there).passages(ID)] == ["a rainbow"] * 2
    assert Edits(there).stale() == {ID: 2}


def test_what_was_swept_while_it_came_is_refused(here: Database, there: Database) -> None:
    ready(here)

    def swept() -> Iterator[tuple[Passage, Floats]]:
        yield from spoken("a bridge", count=250)  # more than a page: the first has come
        there.execute("UPDATE halfgig_arrivals SET at = at - interval '2 days'")
        own_index(there).tidy()

    index = own_index(here, MODEL)
    with pytest.raises(Locked):
        index.replace(ID, swept())
    assert [passage.text for passage in index.passages(ID)] == ["a rainbow"] * 2


def test_an_index_that_another_machine_made_for_another_model_takes_nothing(here: Database, there: Database) -> None:
    index = own_index(here, MODEL)
    own_index(there, EmbeddingModel("other", 4))
    with pytest.raises(Locked):
        index.replace(ID, spoken("a rainbow"))
    own_index(there, EmbeddingModel("other", 4)).replace("b" * 64, spoken("a rainbow"))
    with pytest.raises(BadRequest, match="other"):
        own_index(here, MODEL)


def test_what_belongs_to_no_source_is_a_fault(here: Database) -> None:
    ready(here)
    own_events(here).replace(ID, [Event(0, 0.0, 9.0, "10 squats", "10 squats set of squats")])
    assert list(check(here)) == []
    here.execute("DELETE FROM sources")
    assert list(check(here)) == [f"passages or events belong to no source: {ID}"] * 2
    here.execute("DELETE FROM halfgig_passages WHERE number = 0")
    assert f"passages of {ID} are missing" in list(check(here))


def test_words_of_events_are_known_before_there_is_a_model(here: Database) -> None:
    own_events(here).replace(ID, [Event(0, 0.0, 9.0, "10 squats", "10 squats deepest")])
    index = own_index(here)
    assert index.model is None
    assert (index.knows("squats"), index.knows("lunge"), index.knows("eleventh")) == (True, False, True)
    assert index.beginning("squ", 5) == ["squats"]
    assert index.resembling("deepset", 5) == ["deepest"]
    assert index.matching(parse_question("squats"), 5) == []


def test_it_is_no_file(here: Database) -> None:
    with pytest.raises(BadRequest, match="in a Postgres"):
        as_file(here)
