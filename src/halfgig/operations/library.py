"""The library as a whole: a source forgotten with all that belongs to it, a report of repetitions filed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.ledger import count_outside
from halfgig.retrieval.reps import rep_events
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.drawings import Drawings
from halfgig.store.home import open_store
from halfgig.store.reports import Reports
from halfgig.store.sqlite import Library
from halfgig.store.stills import Stills, is_content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import apsw

    from halfgig.records import StoredSource
    from halfgig.retrieval.index import Index
    from halfgig.settings import Settings


def forget(connection: apsw.Connection, source_id: str, index: Index | None = None) -> int | None:
    """Remove a source with all that belongs to it, in one transaction; how many passages it had, None if not known.

    `index` is the library's own unless it is told. What one outside holds is removed after the transaction.
    """
    events, library = EventIndex(connection), Library(connection)
    known = library.source(source_id) is not None

    def forget_the_rest() -> None:
        events.remove(source_id)
        library.remove_source(source_id)

    passages = (index or SqliteIndex(connection)).remove(source_id, forget_the_rest)
    return passages if known else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A source with what a list tells of it: how many passages search finds, and repetitions of which exercise."""

    source: StoredSource
    passages: int
    reps: dict[str, int]


def entries(connection: apsw.Connection, sources: Sequence[StoredSource]) -> list[Entry]:
    """The sources, each with its figures."""
    index, reps = SqliteIndex(connection), Reports(connection).counts(source.id for source in sources)
    passages = {one.id: index.count(one.id) or count_outside(connection, one.id) for one in sources}
    return [Entry(source, passages[source.id], reps.get(source.id, {})) for source in sources]


def forget_files(settings: Settings, source_id: str) -> None:
    """Delete what is kept of a source beside the library: its stills, its poses, and what was drawn."""
    if is_content(source_id):
        Stills(settings.stills_dir).remove(source_id)
        Drawings(settings.drawings_dir).remove(source_id)
        (settings.poses_dir / source_id).unlink(missing_ok=True)


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
        index, library = EventIndex(connection), Library(connection)
        if not events and not always and library.source(known.id) is None:
            return 0
        with connection:
            library.note_source(known.id, known.address, known.title, known.duration)
            Reports(connection).put(known.id, report)
            library.tag(known.id, tags)
            index.replace(known.id, events)
    return len(events)
