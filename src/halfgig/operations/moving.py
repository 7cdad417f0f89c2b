"""The library moved from its file into the Postgres of DATABASE_URL: source by source, each in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest
from halfgig.operations.dump import source_lines
from halfgig.operations.indexes import as_file, own_events, own_index
from halfgig.retrieval.ledger import count_outside
from halfgig.store.edits import Edits
from halfgig.store.home import is_there, open_store
from halfgig.store.library import Library
from halfgig.store.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import StoredSource
    from halfgig.retrieval.index import Index
    from halfgig.settings import Settings
    from halfgig.store.database import Database

SETTLED = ("ready", "unheard")  # states of a source on which nobody works


@dataclass(slots=True)
class Moved:
    """How far a move is. `known` were there already; of these `other` are not as they are here, and were left alone.

    `waiting` are being worked on, and were not moved. `broken` were moved and are not the same there.
    """

    moved: int = 0
    known: int = 0
    passages: int = 0
    waiting: int = 0
    other: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def move_library(
    settings: Settings, *, unfinished: bool = True, watch: Callable[[Moved], object] = lambda _: None
) -> Moved:
    """Copy every source with all that belongs to it, and compare both sides by their digests. What is here stays.

    With `unfinished` those that are being worked on as well: for when nobody does. Cut off anywhere, it goes on when it
    is called again. Errors: BadRequest where the index is of another model than the one there, or has its vectors
    elsewhere; LibraryError.
    """
    far, files = Moved(), replace(settings, database_url="")
    if not is_there(files):
        return far
    with open_store(files) as here, open_store(settings) as there:
        _check_vectors(here)
        old = own_index(here)
        new = own_index(there, old.model)
        if learnt := old.learnt():
            new.learn(lambda: learnt)
        for source in Library(here).sources():
            if not unfinished and source.state not in SETTLED:
                far.waiting += 1
            else:
                _move(source.id, (here, old), (there, new), far)
            watch(far)
    return far


def _check_vectors(here: Database) -> None:
    """BadRequest where an index outside has what the library's own has not."""
    file, index = as_file(here), own_index(here)
    for source in Library(here).sources():
        if count_outside(file, source.id) and not any(True for _ in index.passages(source.id)):
            raise BadRequest(
                "The vectors of the library are in an index outside of it.",
                "Without DATABASE_URL, copy them first: halfgig index copy FROM sqlite:",
            )


def _move(source_id: str, here: tuple[Database, Index], there: tuple[Database, Index], far: Moved) -> None:
    mine, theirs = digest(*here, source_id), digest(*there, source_id)
    if mine is None:  # it was removed meanwhile
        return
    if theirs is not None:
        far.known += 1
        far.other += [source_id] if mine != theirs else []
        return
    _put(source_id, here, there)
    far.moved += 1
    far.passages += there[1].count(source_id)
    if digest(*there, source_id) not in (mine, digest(*here, source_id)):  # it may have changed here meanwhile
        far.broken.append(source_id)


def _put(source_id: str, here: tuple[Database, Index], there: tuple[Database, Index]) -> None:
    """Bring a source there as it is here at one moment."""
    (old, old_index), (new, new_index) = here, there
    with old.reading():
        source = Library(old).source(source_id)
        if source is None:
            return

        def restore() -> None:
            _restore(old, new, source)

        if any(True for _ in old_index.passages(source_id)):
            new_index.replace(source_id, old_index.embedded(source_id), restore)
        else:
            new_index.remove(source_id, restore)


def _restore(old: Database, new: Database, source: StoredSource) -> None:
    """All but the passages, within a transaction of the new one."""
    Library(new).restore(source, Library(old).segments(source.id))
    own_events(new).replace(source.id, own_events(old).events(source.id))
    Edits(new).restore(source.id, Edits(old).all(source.id))
    if (changes := Edits(old).stale().get(source.id)) is not None:
        Edits(new).age(source.id, changes)
    if (report := Reports(old).find(source.id)) is not None:
        Reports(new).put(source.id, report)


def digest(database: Database, index: Index, source_id: str) -> str | None:
    """The sha256 of all that is known of a source; None where it is not. NUL, which Postgres lacks, is U+FFFD."""
    with database.reading():
        source = Library(database).source(source_id)
        if source is None:
            return None
        told = sha256()
        for line in source_lines(database, index, source):
            told.update(line.replace("\\u0000", "\ufffd").encode())
        told.update(str(Edits(database).stale().get(source_id, 0)).encode())
        return told.hexdigest()
