"""An index copied to another place: passages and vectors as they are, nothing embedded again."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest
from halfgig.operations.fence import fence
from halfgig.operations.indexes import place_at
from halfgig.retrieval.address import SQLITE, read_index_address
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.records import Floats, Passage
    from halfgig.retrieval.address import IndexAddress
    from halfgig.retrieval.index import Confirm, EmbeddingModel, Index
    from halfgig.settings import Settings
    from halfgig.store.database import Database


@dataclass(frozen=True, slots=True)
class Copied:
    """How far a copy is: sources of `total` that are done, of which `known` were there already, and passages copied."""

    done: int
    total: int
    known: int
    passages: int


def copy_index(
    given: str, wanted: str, settings: Settings, watch: Callable[[Copied], object] = lambda _: None
) -> Copied:
    """Copy every source's passages and vectors from one index to another, each in one step; others there stay.

    `given` and `wanted` are addresses as of INDEX_URL; `sqlite:` is the library's own file. Cut off anywhere, it goes
    on when it is called again: a source whose passages are there is left as it is. Errors: BadRequest where nothing is
    to copy, or the other index is of another model; Conflict where a source is removed or changed meanwhile;
    LibraryError, ServerTrouble.
    """
    if settings.database_url:
        raise BadRequest(
            "The index is in the library's own Postgres.", "Leave out DATABASE_URL to copy between others."
        )
    with ExitStack() as opened:
        from_library, old = _open(opened, read_index_address(given), settings)
        if old.model is None:
            raise BadRequest("Nothing is indexed there.", "Name the index that holds the vectors first.")
        to_library, new = _open(opened, _other(given, wanted, settings), settings, old.model)
        learnt = old.learnt()
        if learnt:
            new.learn(lambda: learnt)
        return _copy(old, new, _fences(from_library, to_library), watch)


def _fences(*connections: Database) -> Callable[[str], Confirm]:
    """What makes the confirm for a source: those that a library has now are to be there still, as they are then."""
    known = [(connection, {source.id for source in Library(connection).sources()}) for connection in connections]

    def confirm_of(source_id: str) -> Confirm:
        fences = [fence(connection, source_id) for connection, there in known if source_id in there]
        return lambda: [confirm() for confirm in fences]

    return confirm_of


def _copy(old: Index, new: Index, fences: Callable[[str], Confirm], watch: Callable[[Copied], object]) -> Copied:
    sources = old.sources()
    copied = Copied(0, len(sources), 0, 0)
    for source_id in sources:
        known = _is_there(old, new, source_id)
        if not known:
            confirm = fences(source_id)
            new.replace(source_id, _counted(old.embedded(source_id), copied, watch), confirm)
        passages = copied.passages + (0 if known else new.count(source_id))
        copied = Copied(copied.done + 1, len(sources), copied.known + known, passages)
        watch(copied)
    return copied


def _is_there(old: Index, new: Index, source_id: str) -> bool:
    """Whether the other index has the same passages of a source. They are compared as they come."""
    pairs = zip_longest(old.passages(source_id), new.passages(source_id))
    return all(here == there for here, there in pairs)


def _counted(
    embedded: Iterator[tuple[Passage, Floats]], copied: Copied, watch: Callable[[Copied], object]
) -> Iterator[tuple[Passage, Floats]]:
    for passages, pair in enumerate(embedded, start=copied.passages + 1):
        yield pair
        watch(Copied(copied.done, copied.total, copied.known, passages))


def _open(
    opened: ExitStack, address: IndexAddress, settings: Settings, model: EmbeddingModel | None = None
) -> tuple[Database, Index]:
    """The index at an address and its library, until all is closed; without a model only where there is a library."""
    home = replace(settings, library=_file(address, settings))
    connection = opened.enter_context(open_store(home, create=model is not None))
    return connection, opened.enter_context(closing(place_at(address, settings))).open(connection, model)


def _file(address: IndexAddress, settings: Settings) -> Path:
    """The library's file that an index is in, or that its texts and its ledger are in."""
    own = address.kind == SQLITE and address.name
    return Path(address.name).expanduser() if own else settings.library_path


def _other(given: str, wanted: str, settings: Settings) -> IndexAddress:
    old, new = read_index_address(given), read_index_address(wanted)
    if (old.kind, old.shown) == (new.kind, new.shown) or (
        old.kind == new.kind == SQLITE and _file(old, settings) == _file(new, settings)
    ):
        raise BadRequest("Both addresses are the same index.", "Name another to copy to.")
    return new
