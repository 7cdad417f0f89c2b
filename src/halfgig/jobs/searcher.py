"""Search as the server offers it: by meaning while the query embedder can be had, else by keyword, and it says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from halfgig.jobs.embedder import embedder_command
from halfgig.jobs.library import LibraryThread
from halfgig.jobs.remote import Child, NoMeaning, RemoteEmbedder, lend_freely
from halfgig.operations.embedders import embedder_cost
from halfgig.operations.indexes import index_place
from halfgig.operations.library import forget
from halfgig.operations.searching import find_alike, find_hits
from halfgig.records import Answer
from halfgig.retrieval.index import OtherModel
from halfgig.retrieval.moments import MOTION
from halfgig.retrieval.reading import read_question
from halfgig.retrieval.words import parse_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.remote import Lend
    from halfgig.operations.indexes import Place
    from halfgig.records import Query, Seconds
    from halfgig.retrieval.index import EmbeddingModel, Index
    from halfgig.retrieval.query import Meaning
    from halfgig.settings import Settings
    from halfgig.store.database import Database

T = TypeVar("T")

NOTHING_INDEXED = "Nothing is indexed yet. Index a video with a job of kind index."


class Searcher:
    """Answers questions from the library. The supervisor calls `embedder.release()` where a job wants the memory.

    An index outside is asked on a thread of its own: what waits for a service keeps nobody from the library.
    """

    def __init__(self, library: LibraryThread, place: Place, asking: LibraryThread, embedder: RemoteEmbedder) -> None:
        self.library, self.embedder = library, embedder
        self._place, self._asking = place, asking

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
        read = await self._ask(lambda index, _: (index.model, read_question(asked.text, index).meant))
        model, meant = read or (None, "")
        meaning, why = await self._find_meaning(model, meant) if model and _wants_meaning(asked) else (None, "")
        answer = await self._asking.ask(lambda connection: find_hits(connection, self._place, asked, meaning))
        if answer is None or (model is None and not answer.hits):
            return Answer(asked.text.strip(), (), (NOTHING_INDEXED,))
        return replace(answer, notes=(*answer.notes, why)) if why else answer

    async def search_alike(self, source: str, at: Seconds, asked: Query) -> Answer:
        """The moments that mean most nearly what is said at a second of a source. NotFound where nothing is."""
        answer = await self._asking.ask(lambda connection: find_alike(connection, self._place, source, at, asked))
        return Answer("", (), (NOTHING_INDEXED,)) if answer is None else answer

    async def forget(self, source_id: str) -> int | None:
        """Forget a source; how many passages it had, None where it is not known."""
        return await self._ask(lambda index, connection: forget(connection, source_id, index))

    async def close(self) -> None:
        """Stop the embedder, and close the library and the line to its index."""
        await self.embedder.close()
        for thread in {self.library, self._asking}:
            await thread.close()
        self._place.close()

    async def _ask(self, question: Callable[[Index, Database], T]) -> T | None:
        """What the index answers; None where there is no library yet."""
        return await self._asking.ask(lambda connection: question(self._place.open(connection), connection))

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
    place, library = index_place(settings), LibraryThread(settings)
    asking = LibraryThread(settings) if place.outside else library
    return Searcher(library, place, asking, embedder)


def _wants_meaning(asked: Query) -> bool:
    return not asked.keyword_only and asked.scope.kind != MOTION
