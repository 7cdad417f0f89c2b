"""Search as the server offers it: by meaning while the query embedder can be had, else by keyword, and it says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.jobs.embedder import embedder_command
from halfgig.jobs.library import LibraryThread
from halfgig.jobs.remote import NoMeaning, RemoteEmbedder, lend_freely
from halfgig.operations.admission import threads
from halfgig.records import Answer
from halfgig.retrieval import query
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question
from halfgig.store.sqlite import Library

if TYPE_CHECKING:
    import apsw

    from halfgig.jobs.remote import Lend
    from halfgig.retrieval.index import EmbeddingModel
    from halfgig.retrieval.query import Meaning
    from halfgig.settings import Settings

NOTHING_INDEXED = "Nothing is indexed yet. Index a video with a job of kind index."


class Searcher:
    """Answers questions from the library. The supervisor calls `embedder.release()` where a job wants the memory."""

    def __init__(self, library: LibraryThread, embedder: RemoteEmbedder) -> None:
        self.library, self.embedder = library, embedder

    async def search(self, question: str, k: int = 5, *, keyword_only: bool = False) -> Answer:
        """The k best moments. BadRequest where the question holds no word or k is out of range, LibraryError where
        the library cannot be read.
        """
        model = await self.library.ask(lambda connection: find_model(connection, question))
        meaning, why = (None, "") if model is None or keyword_only else await self._find_meaning(model, question)
        answer = await self.library.ask(lambda connection: find_hits(connection, question, meaning, k))
        if answer is None or (model is None and not answer.hits):
            return Answer(question.strip(), (), (NOTHING_INDEXED,))
        return replace(answer, notes=(*answer.notes, why)) if why else answer

    async def close(self) -> None:
        """Stop the embedder and close the library."""
        await self.embedder.close()
        await self.library.close()

    async def _find_meaning(self, model: EmbeddingModel, question: str) -> tuple[Meaning | None, str]:
        try:
            return await self.embedder.meaning(model, question.strip()), ""
        except NoMeaning as why:
            return None, str(why)


def open_searcher(settings: Settings, lend: Lend = lend_freely) -> Searcher:
    """A searcher by the settings; nothing is opened or started before the first question."""
    command = embedder_command(settings.models_dir, threads(settings), settings.embedder_idle_seconds)
    embedder = RemoteEmbedder(command, lend, patience=settings.search_patience_seconds)
    return Searcher(LibraryThread(settings.library_path), embedder)


def find_model(connection: apsw.Connection, question: str) -> EmbeddingModel | None:
    """The model of the index, None where nothing is indexed. BadRequest where the question holds no word."""
    parse_question(question)
    return SqliteIndex(connection).model


def find_hits(connection: apsw.Connection, question: str, meaning: Meaning | None, k: int) -> Answer:
    """The answer, by keyword where there is no meaning."""
    return query.search(question, SqliteIndex(connection), meaning, Library(connection).shown, k)
