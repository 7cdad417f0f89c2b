"""Search by the server where the index is outside: on a thread of its own, and forgotten through it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.jobs.searcher import open_searcher
from halfgig.operations.indexes import index_place
from halfgig.records import Passage, Query
from halfgig.retrieval.index import EmbeddingModel
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.faulty import Answered, Asked
    from tests.fakes.outside import Outside

    from halfgig.settings import Settings

MODEL = EmbeddingModel("toy", 16)


def index_talks(settings: Settings) -> None:
    """Two talks; the same number of each says the same."""
    place = index_place(settings)
    with open_library(settings.library_path) as connection:
        library, index = Library(connection), place.open(connection, MODEL)
        for name in ("one", "two"):
            source = library.close_transcript(library.add_source(name, f"/{name}.mp4", name, "tiny.en"))
            vectors = np.random.default_rng(7).standard_normal((4, 16)).astype(np.float32)
            rows = [(Passage(n, n, n + 1.0, f"Rainbow {n}."), vector) for n, vector in enumerate(vectors)]
            index.replace(name, rows, lambda source=source: library.finish(source))  # type: ignore[misc]
    place.close()


@pytest.mark.parametrize("kind", ["postgres", "pinecone", "qdrant"])
def test_a_server_answers_from_the_index_outside_and_forgets_there(outside: Outside, kind: str, tmp_path: Path) -> None:
    async def ask(settings: Settings) -> None:
        searcher = open_searcher(settings)
        try:
            found = await searcher.search(Query("rainbow", keyword_only=True))
            assert {hit.source_id for hit in found.hits} == {"one", "two"}
            (alike, *_) = (await searcher.search_alike("one", 2.5, Query("", 3))).hits
            assert (alike.source_id, alike.start) == ("two", 2.0)
            assert await searcher.forget("two") == 4
            assert await searcher.forget("two") is None
            left = await searcher.search(Query("rainbow", keyword_only=True))
            assert {hit.source_id for hit in left.hits} == {"one"}
        finally:
            await searcher.close()

    with outside.settings(kind, data_dir=tmp_path) as settings:
        index_talks(settings)
        asyncio.run(ask(settings))
        with open_library(settings.library_path) as connection:
            place = index_place(settings)
            assert list(place.open(connection).find_faults()) == []
            place.close()


def test_a_service_that_takes_its_time_keeps_nobody_from_the_library(outside: Outside, tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()
    answer = outside.qdrant.answer

    def slowly(request: Asked) -> Answered:
        asked.set()
        assert go.wait(60)
        return answer(request)

    async def ask(settings: Settings) -> None:
        searcher = open_searcher(settings)
        try:
            alike = asyncio.create_task(searcher.search_alike("one", 2.5, Query("", 3)))
            await asyncio.to_thread(asked.wait, 60)
            sources = await searcher.library.ask(lambda connection: Library(connection).sources())
            assert not alike.done()
            assert sources is not None
            assert len(sources) == 2
            go.set()
            assert len((await alike).hits) == 3
        finally:
            go.set()
            await searcher.close()

    with outside.settings("qdrant", data_dir=tmp_path) as settings:
        index_talks(settings)
        outside.qdrant.answer = slowly  # type: ignore[method-assign, assignment]
        asyncio.run(ask(settings))
