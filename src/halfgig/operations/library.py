"""The library as a whole: a source forgotten with all that belongs to it, a report of repetitions filed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.reps import rep_events
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import apsw

    from halfgig.records import StoredSource
    from halfgig.settings import Settings


def forget(connection: apsw.Connection, source_id: str) -> int | None:
    """Remove a source with all that belongs to it, in one transaction; how many passages it had, None if not known."""
    index, events, library = SqliteIndex(connection), EventIndex(connection), Library(connection)
    known = library.source(source_id) is not None
    with connection:
        passages = index.remove(source_id)
        events.remove(source_id)
        library.remove_source(source_id)
    return passages if known else None


def file_report(known: StoredSource, report: Mapping[str, Any], *, settings: Settings, tags: Iterable[str] = ()) -> int:
    """Put the repetitions of a report into the library, in the place of those the source had; returns how many events.

    `report` is as `as_json` of motion has it. A source without any is filed only if it is known. Errors: LibraryError.
    """
    events = list(rep_events(report))
    with open_library(settings.library_path) as connection:
        index, library = EventIndex(connection), Library(connection)
        if not events and library.source(known.id) is None:
            return 0
        with connection:
            library.note_source(known.id, known.address, known.title, known.duration)
            library.tag(known.id, tags)
            index.replace(known.id, events)
    return len(events)
