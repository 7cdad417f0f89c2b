"""The library as a whole: a source forgotten with all that belongs to it, a report of repetitions filed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.operations.indexes import own_events, own_index
from halfgig.retrieval.ledger import count_outside
from halfgig.retrieval.reps import rep_events
from halfgig.store.home import open_store
from halfgig.store.library import Library
from halfgig.store.reports import Reports
from halfgig.store.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from halfgig.records import StoredSource
    from halfgig.retrieval.index import Index
    from halfgig.settings import Settings
    from halfgig.store.database import Database


def forget(connection: Database, source_id: str, index: Index | None = None) -> int | None:
    """Remove a source with all that belongs to it, in one transaction; how many passages it had, None if not known.

    `index` is the library's own unless it is told. What one outside holds is removed after the transaction.
    """
    events, library = own_events(connection), Library(connection)
    known = library.source(source_id) is not None

    def forget_the_rest() -> None:
        events.remove(source_id)
        library.remove_source(source_id)

    passages = (index or own_index(connection)).remove(source_id, forget_the_rest)
    return passages if known else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A source with what a list tells of it: how many passages search finds, and repetitions of which exercise."""

    source: StoredSource
    passages: int
    reps: dict[str, int]


def entries(connection: Database, sources: Sequence[StoredSource]) -> list[Entry]:
    """The sources, each with its figures."""
    index = own_index(connection)
    with connection.reading():
        reps = Reports(connection).counts(source.id for source in sources)
        passages = {one.id: index.count(one.id) or _count_outside(connection, one.id) for one in sources}
    return [Entry(source, passages[source.id], reps.get(source.id, {})) for source in sources]


def _count_outside(connection: Database, source_id: str) -> int:
    return count_outside(connection, source_id) if isinstance(connection, SqliteDatabase) else 0


def file_report(
    known: StoredSource,
    report: Mapping[str, Any],
    *,
    settings: Settings,
    tags: Iterable[str] = (),
    always: bool = False,
) -> int:
    """Put the repetitions of a report into the library, in the place of those the source had; returns how many events.

    `report` is as `as_json` of motion has it. A source without any is filed only if it is known, or with
    `always`. Errors: LibraryError.
    """
    events = list(rep_events(report))
    with open_store(settings) as connection:
        index, library = own_events(connection), Library(connection)
        if not events and not always and library.source(known.id) is None:
            return 0
        with connection.transaction():
            library.note_source(known.id, known.address, known.title, known.duration)
            Reports(connection).put(known.id, report)
            library.tag(known.id, tags)
            index.replace(known.id, events)
    return len(events)
