"""The server's search with the real embedding model in its child: what it answers, holds, and survives."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.jobs.child import line_of
from halfgig.jobs.remote import NEEDS, NO_ROOM
from halfgig.jobs.searcher import open_searcher
from halfgig.memory import budget
from halfgig.memory.governor import Governor, Standing
from halfgig.records import Passage, Query
from halfgig.retrieval.embedding import embed_passages
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import KEYWORD_ONLY
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from halfgig.jobs.remote import Lend
    from halfgig.jobs.searcher import Searcher
    from halfgig.memory.jail import Run

pytestmark = [pytest.mark.models]

NAME = "all-MiniLM-L6-v2"
TEXTS = (
    "The Norsemen considered the rainbow as a bridge over which the gods passed.",
    "Whisk the eggs with sugar until the mixture is pale, then fold in the flour.",
    "The patient was given antibiotics and the fever went down within two days.",
)
OTHER_WORDS = "which medicine did the doctors use"  # no word of it is in the third text
PATIENCE = 120  # seconds that anything may take on a busy machine
SLACK = 3 * 1024 * 1024  # bytes by which a peak varies from run to run
ASKED = ("how is a cake made", "why " * 300, "")


@pytest.fixture
def settings(tmp_path: Path, model_store: Path) -> Settings:
    """A library of three passages, beside the models."""
    (tmp_path / "models").symlink_to(model_store)
    settings = Settings(data_dir=tmp_path, threads=1, search_patience_seconds=PATIENCE)
    embedder = SentenceEmbedder(model_store / NAME, NAME)
    with open_library(settings.library_path) as connection:
        library, index = Library(connection), SqliteIndex(connection, EmbeddingModel(NAME, embedder.dim))
        source = library.add_source("talk", "/talk.mp4", "Talk", "tiny.en")
        library.close_transcript(source)
        passages = (Passage(n, 30.0 * n, 30.0 * n + 20, text) for n, text in enumerate(TEXTS))
        index.replace("talk", embed_passages(passages, embedder, 5), lambda: library.finish(source))
    return settings


@asynccontextmanager
async def searching(settings: Settings, *lend: Lend) -> AsyncIterator[Searcher]:
    searcher = open_searcher(settings, *lend)
    try:
        yield searcher
    finally:
        await searcher.close()


async def until(searcher: Searcher, *, runs: bool) -> None:
    async with asyncio.timeout(PATIENCE):
        while (searcher.embedder.pid is not None) != runs:
            await asyncio.sleep(0.01)


def waits(searcher: Searcher) -> bool:
    """Whether a question is with the child."""
    conversation = searcher.embedder._talk
    return conversation is not None and bool(conversation._waiting)


def test_it_answers_by_meaning_and_ends_when_nobody_asks(settings: Settings) -> None:
    async def run() -> None:
        async with searching(replace(settings, embedder_idle_seconds=1)) as searcher:
            answer = await searcher.search(Query(OTHER_WORDS, 1))
            assert [hit.text for hit in answer.hits] == [TEXTS[2]]
            assert answer.notes == ()
            by_words = await searcher.search(Query(OTHER_WORDS, 1, keyword_only=True))
            assert (by_words.hits, by_words.notes) == ((), (KEYWORD_ONLY,))
            await until(searcher, runs=False)
            assert [hit.text for hit in (await searcher.search(Query("baking", 1))).hits] == [TEXTS[1]]

    asyncio.run(run())


def test_its_vectors_are_those_of_the_model(settings: Settings, model_store: Path) -> None:
    own = SentenceEmbedder(model_store / NAME, NAME).embed([OTHER_WORDS])[0]

    async def run() -> Any:
        async with searching(settings) as searcher:
            return (await searcher.embedder.meaning(EmbeddingModel(NAME, 384), OTHER_WORDS)).vector

    assert np.array_equal(np.asarray(asyncio.run(run())), own)


def test_killed_over_a_question_it_answers_by_keyword_and_by_meaning_again(settings: Settings) -> None:
    async def run() -> None:
        async with searching(settings) as searcher:
            await searcher.search(Query("warm up"))
            assert searcher.embedder.pid is not None
            os.kill(searcher.embedder.pid, signal.SIGSTOP)
            asked = asyncio.create_task(searcher.search(Query("rainbow")))
            async with asyncio.timeout(PATIENCE):
                while not waits(searcher):
                    await asyncio.sleep(0.01)
            os.kill(searcher.embedder.pid, signal.SIGKILL)
            answer = await asked
            assert [hit.text for hit in answer.hits] == [TEXTS[0]]
            assert answer.notes[0] == KEYWORD_ONLY
            assert "signal 9" in answer.notes[1]
            answer = await searcher.search(Query(OTHER_WORDS, 1))
            assert ([hit.text for hit in answer.hits], answer.notes) == ([TEXTS[2]], ())

    asyncio.run(run())


def test_beside_a_job_it_answers_by_keyword_and_afterwards_by_meaning(settings: Settings) -> None:
    """The governor has room for one of the two."""

    async def run() -> None:
        governor = Governor(lambda: [Standing(NEEDS + 50_000_000, 0)], lambda _: 0, reserve=0)
        async with searching(settings, lambda kind, needs: governor.lend(kind, needs, 0.0)) as searcher:
            await searcher.search(Query("warm up"))
            assert governor.grant("transcribe", NEEDS, NEEDS, 0.0) is None
            await searcher.embedder.release()
            job = governor.grant("transcribe", NEEDS, NEEDS, 0.0)
            assert job is not None
            answer = await searcher.search(Query("rainbow"))
            assert ([hit.text for hit in answer.hits], answer.notes) == ([TEXTS[0]], (KEYWORD_ONLY, NO_ROOM))
            governor.release(job)
            assert (await searcher.search(Query(OTHER_WORDS, 1))).notes == ()

    asyncio.run(run())


@pytest.mark.cgroup
@pytest.mark.parametrize("limit", [None, NEEDS])
def test_it_holds_what_the_budget_says(run_in_cgroup: Callable[..., Run], model_store: Path, limit: int | None) -> None:
    """In a group of its own, with the shell that is its parent: 69 MB, also under the limit that it is granted."""
    asked = b"".join(line_of({"id": n, "model": NAME, "text": text}) for n, text in enumerate(ASKED)).decode()
    child = f"MODELS_PATH={model_store} THREADS=1 {sys.executable} -m halfgig.jobs.embedder $$ 60"
    run = run_in_cgroup(["/bin/sh", "-c", f"printf '%s' '{asked}' | {child}"], limit)
    assert run.ok, run.stderr
    assert run.stdout.count('"vector"') == len(ASKED)
    assert run.peak <= budget.cost("search", "minilm").peak + SLACK
