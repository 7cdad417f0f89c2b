"""Reindexing: the passages and vectors of a source made anew from its transcript, after a person has changed that."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import NotFound
from halfgig.operations.embedders import open_embedder, reopen_embedder
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.edits import Edits, Overtaken
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    import apsw

    from halfgig.models.pull import Listener
    from halfgig.retrieval.embedding import Embedder
    from halfgig.settings import Settings


def reindex(source_id: str, settings: Settings, report: Listener) -> int:
    """Index a source again if its text has changed; returns how many passages it has.

    What is changed meanwhile is taken too. Cut off anywhere, it leaves the index as it was, to be called again. Errors:
    NotFound for a source that is gone, LibraryError, ModelError.
    """
    with open_library(settings.library_path, create=False) as connection:
        if Library(connection).source(source_id) is None:
            raise NotFound("The source is no longer in the library.", "There is nothing left to index.")
        edits = Edits(connection)
        if source_id in edits.stale():
            with closing(_embedder(connection, settings, report)) as embedder:
                while changes := edits.stale().get(source_id):
                    with suppress(Overtaken):
                        _replace(connection, source_id, changes, embedder, settings)
        return SqliteIndex(connection).count(source_id)


def _embedder(connection: apsw.Connection, settings: Settings, report: Listener) -> Embedder:
    """The embedder that the index was made with."""
    model = SqliteIndex(connection).model
    return open_embedder(settings, report) if model is None else reopen_embedder(model.name, settings)


def _replace(connection: apsw.Connection, source_id: str, changes: int, embedder: Embedder, settings: Settings) -> None:
    """Raises Overtaken where the text changes before the new passages are in place; then none is."""
    index = SqliteIndex(connection, EmbeddingModel(embedder.model, embedder.dim))
    segments = Library(connection).segments(source_id)
    embedded = pipelines.embed(segments, embedder, settings.embedding_batch_size)
    index.replace(source_id, embedded, partial(Edits(connection).settle, source_id, changes))
