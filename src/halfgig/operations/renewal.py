"""Renewal: the library's index made anew with another embedding model, in place."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.memory import budget
from halfgig.operations.admission import room
from halfgig.operations.embedders import embedder_cost, ensure_model, model_name, open_embedder
from halfgig.operations.fence import fence
from halfgig.operations.indexes import as_postgres, open_place, own_index
from halfgig.operations.library import entries
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.renewal import renew_index
from halfgig.settings import Settings
from halfgig.store.home import open_store
from halfgig.store.library import Library
from halfgig.store.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from halfgig.models.pull import Listener
    from halfgig.operations.indexes import Place
    from halfgig.retrieval.embedding import Embedder
    from halfgig.retrieval.renewal import Watch
    from halfgig.store.database import Database


@dataclass(frozen=True, slots=True)
class Renewed:
    """The model that the index has now, how many passages were embedded by this run, and how many there are."""

    model: str
    embedded: int
    passages: int


def ignore(*_: object) -> None:
    """Listen to nothing."""


def renew(
    model: str = "", *, settings: Settings | None = None, watch: Watch = ignore, report: Listener = ignore
) -> Renewed:
    """Embed every passage of the library with `model`, by default that of the settings, and search by it from then on.

    Killed at any moment, it goes on where it was when it is called again. `watch` hears how many passages are done and
    of how many. An index outside is not made anew in place: one that INDEX_URL names for it is filled with every source
    that it has not. Errors: BadRequest, DoesNotFit, LibraryError, Locked, ModelError, ServerTrouble; Conflict where a
    source changes while it is brought there.
    """
    settings = settings or Settings.from_environment()
    settings = replace(settings, embedding_model=model or settings.embedding_model)
    with open_store(settings, create=False) as connection:
        _admit(settings, report)
        with closing(open_embedder(settings, report)) as embedder, open_place(settings) as place:
            if place.outside:
                return _fill(connection, place, embedder, settings, watch)
            made = _renew_own(connection, embedder, settings.embedding_batch_size, watch)
            index = own_index(connection, EmbeddingModel(embedder.model, embedder.dim))
            index.learn(embedder.words)
            return Renewed(embedder.model, made, index.count())


def _renew_own(connection: Database, embedder: Embedder, batch_size: int, watch: Watch) -> int:
    if isinstance(connection, SqliteDatabase):
        return renew_index(connection, embedder, batch_size, watch)
    from halfgig.retrieval.postgres_renewal import renew_library

    return renew_library(as_postgres(connection), embedder, batch_size, watch)


def _fill(connection: Database, place: Place, embedder: Embedder, settings: Settings, watch: Watch) -> Renewed:
    """Embed into an index outside what it has not yet, source by source."""
    index = place.open(connection, EmbeddingModel(embedder.model, embedder.dim))
    index.learn(embedder.words)
    library = Library(connection)
    ready = [source for source in library.sources() if source.state == "ready"]
    lacking = [entry for entry in entries(connection, ready) if not index.count(entry.source.id)]
    total, made = sum(entry.passages for entry in lacking), 0
    for source_id in (entry.source.id for entry in lacking):
        if library.shown(source_id) is None or index.count(source_id):  # another process was first
            continue
        confirm = fence(connection, source_id)
        embedded = pipelines.embed(library.segments(source_id), embedder, settings.embedding_batch_size)
        made += index.replace(source_id, embedded, confirm)
        watch(made, max(made, total))
    return Renewed(embedder.model, made, index.count())


def _admit(settings: Settings, report: Listener) -> None:
    """Have the model on disk, and refuse it where it does not fit into memory."""
    name = model_name(settings)
    if not settings.embedding_url:
        name = ensure_model(settings.embedding_model, settings, report)
    budget.choose([embedder_cost(name, settings)], room(settings))
