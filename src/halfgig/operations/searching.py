"""Search: the moments in the library that answer a question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.errors import ModelError
from halfgig.memory import budget
from halfgig.models.store import ModelStore
from halfgig.operations.admission import room, threads
from halfgig.retrieval import query
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from halfgig.records import Answer
    from halfgig.retrieval.index import Index
    from halfgig.retrieval.query import Meaning


def search(question: str, *, k: int = 5, keyword_only: bool = False, settings: Settings | None = None) -> Answer:
    """The k best moments for a question in words; "quoted phrases" must occur. By meaning and by keyword, fused.

    Where the embedding model does not fit or is not there, the answer is by keyword, and its notes say so.
    Errors: BadRequest for a question without words, LibraryError where nothing has been indexed.
    """
    settings = settings or Settings.from_environment()
    with open_library(settings.library_path, create=False) as connection:
        index = SqliteIndex(connection)
        meaning, why = (None, "") if keyword_only else _find_meaning(question, index, settings)
        answer = query.search(question, index, meaning, Library(connection).shown, k)
    return replace(answer, notes=(*answer.notes, why)) if why else answer


def _find_meaning(question: str, index: Index, settings: Settings) -> tuple[Meaning | None, str]:
    """The question's vector by the model that the index was made with; None and the reason where it cannot be had."""
    from halfgig.retrieval.vectors import SentenceEmbedder, meaning_of

    if index.model is None:
        return None, ""
    if budget.cost("search", "minilm").needs > room(settings):
        return None, "The embedding model does not fit into the memory that is left."
    try:
        folder = ModelStore(settings.models_dir, offline=settings.offline).locate(index.model.name)
    except ModelError as error:
        return None, str(error)
    return meaning_of(question, SentenceEmbedder(folder, index.model.name, threads(settings))), ""
