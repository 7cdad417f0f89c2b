"""Search: the moments in the library that answer a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.errors import ModelError
from halfgig.memory import budget
from halfgig.models.store import ModelStore
from halfgig.operations.admission import room, threads
from halfgig.search import query
from halfgig.search.sqlite import SqliteIndex
from halfgig.search.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from halfgig.records import Answer
    from halfgig.search.index import Index


def search(question: str, *, k: int = 5, keyword_only: bool = False, settings: Settings | None = None) -> Answer:
    """The k best moments for a question in words; "quoted phrases" must occur. By meaning and by keyword, fused.

    Where the embedding model does not fit or is not there, the answer is by keyword, and its notes say so.
    Errors: BadRequest for a question without words, LibraryError where nothing has been indexed.
    """
    settings = settings or Settings.from_environment()
    with open_library(settings.library_path, create=False) as connection:
        index = SqliteIndex(connection)
        embedder = None if keyword_only else _open_embedder(index, settings)
        return query.search(question, index, embedder, Library(connection).shown, k)


def _open_embedder(index: Index, settings: Settings) -> SentenceEmbedder | None:
    """The embedder that the index was made with; None where it cannot be had."""
    if index.model is None or budget.cost("search", "minilm").needs > room(settings):
        return None
    try:
        folder = ModelStore(settings.models_dir, offline=settings.offline).locate(index.model.name)
    except ModelError:
        return None
    return SentenceEmbedder(folder, index.model.name, threads(settings))
