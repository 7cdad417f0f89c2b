"""Reindexing: the passages and vectors of a source made anew from its transcript, after a person has changed that."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import NotFound
from halfgig.operations.embedders import open_embedder, reopen_embedder
from halfgig.operations.indexes import open_place
from halfgig.retrieval.index import EmbeddingModel
from halfgig.store.edits import Edits, Overtaken
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from halfgig.models.pull import Listener
    from halfgig.records import Segment
    from halfgig.retrieval.embedding import Embedder
    from halfgig.retrieval.index import Embedded, Index
    from halfgig.settings import Settings
    from halfgig.store.database import Database


def reindex(source_id: str, settings: Settings, report: Listener) -> int:
    """Index a source again if its text has changed; returns how many passages it has.

    What is changed meanwhile is taken too. Cut off anywhere, it leaves the index as it was, to be called again. Errors:
    NotFound for a source that is gone, LibraryError, ModelError.
    """
    with open_store(settings, create=False) as connection, open_place(settings) as place:
        if Library(connection).source(source_id) is None:
            raise NotFound("The source is no longer in the library.", "There is nothing left to index.")
        edits = Edits(connection)
        if source_id in edits.stale():
            with closing(_embedder(place.open(connection).model, settings, report)) as embedder:
                index = place.open(connection, EmbeddingModel(embedder.model, embedder.dim))
                embed = partial(pipelines.embed, embedder=embedder, batch_size=settings.embedding_batch_size)
                while changes := edits.stale().get(source_id):
                    with suppress(Overtaken):
                        _replace(connection, index, source_id, changes, embed)
        return place.open(connection).count(source_id)


def _embedder(model: EmbeddingModel | None, settings: Settings, report: Listener) -> Embedder:
    """The embedder that the index was made with."""
    return open_embedder(settings, report) if model is None else reopen_embedder(model.name, settings)


def _replace(
    connection: Database,
    index: Index,
    source_id: str,
    changes: int,
    embed: Callable[[Iterable[Segment]], Embedded],
) -> None:
    """Raises Overtaken where the text changes before the new passages are in place; then none is."""
    embedded = embed(Library(connection).segments(source_id))
    index.replace(source_id, embedded, partial(Edits(connection).settle, source_id, changes))
