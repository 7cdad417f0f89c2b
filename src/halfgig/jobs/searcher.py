"""Search as the server offers it: by meaning while the query embedder can be had, else by keyword, and it says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.jobs.embedder import embedder_command
from halfgig.jobs.library import LibraryThread
from halfgig.jobs.remote import Child, NoMeaning, RemoteEmbedder, lend_freely
from halfgig.operations.embedders import embedder_cost
from halfgig.operations.searching import find_alike, find_hits
from halfgig.records import Answer
from halfgig.retrieval.index import OtherModel
from halfgig.retrieval.moments import MOTION
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question

if TYPE_CHECKING:
    import apsw

    from halfgig.jobs.remote import Lend
    from halfgig.records import Query, Seconds
    from halfgig.retrieval.index import EmbeddingModel
    from halfgig.retrieval.query import Meaning
    from halfgig.settings import Settings

NOTHING_INDEXED = "Nothing is indexed yet. Index a video with a job of kind index."


class Searcher:
    """Answers questions from the library. The supervisor calls `embedder.release()` where a job wants the memory."""

    def __init__(self, library: LibraryThread, embedder: RemoteEmbedder) -> None:
        self.library, self.embedder = library, embedder

    async def search(self, asked: Query) -> Answer:
        """The best moments. BadRequest where the question holds no word or k is out of range, LibraryError where
        the library cannot be read.
        """
        parse_question(asked.text)  # what makes no sense is refused, whether there is a library or not
        try:
            return await self._search(asked)
        except OtherModel:  # the index was made anew while the question was embedded
            return await self._search(asked)

    async def _search(self, asked: Query) -> Answer:
        read = await self.library.ask(lambda connection: read_by_index(connection, asked.text))
        meaning, why = await self._find_meaning(*read) if read and _wants_meaning(asked) else (None, "")
        answer = await self.library.ask(lambda connection: find_hits(connection, asked, meaning))
        if answer is None or (read is None and not answer.hits):
            return Answer(asked.text.strip(), (), (NOTHING_INDEXED,))
        return replace(answer, notes=(*answer.notes, why)) if why else answer

    async def search_alike(self, source: str, at: Seconds, asked: Query) -> Answer:
        """The moments that mean most nearly what is said at a second of a source. NotFound where nothing is."""
        answer = await self.library.ask(lambda connection: find_alike(connection, source, at, asked))
        return Answer("", (), (NOTHING_INDEXED,)) if answer is None else answer

    async def close(self) -> None:
        """Stop the embedder and close the library."""
        await self.embedder.close()
        await self.library.close()

    async def _find_meaning(self, model: EmbeddingModel, question: str) -> tuple[Meaning | None, str]:
        try:
            return await self.embedder.meaning(model, question), ""
        except NoMeaning as why:
            return None, str(why)


def open_searcher(settings: Settings, lend: Lend = lend_freely) -> Searcher:
    """A searcher by the settings; nothing is opened or started before the first question."""
    child = Child(
        embedder_command(settings.embedder_idle_seconds),
        settings.as_environment(),
        lambda model: embedder_cost(model, settings).needs,
    )
    embedder = RemoteEmbedder(child, lend, patience=settings.search_patience_seconds)
    return Searcher(LibraryThread(settings.library_path), embedder)


def _wants_meaning(asked: Query) -> bool:
    return not asked.keyword_only and asked.scope.kind != MOTION


def read_by_index(connection: apsw.Connection, text: str) -> tuple[EmbeddingModel, str] | None:
    """The model of the index and the question without its slips; None where nothing is indexed."""
    index = SqliteIndex(connection)
    return (index.model, read_question(text, index).meant) if index.model else None
