"""Every index against the exact one, over 1,000 passages that people wrote or said, by the real model's vectors."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks.questions import SPEECH, read_corpus
from benchmarks.recall import real_passages
from tests.fakes.exact import ExactIndex

from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.passages import make_passages
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.outside import Outside

    from halfgig.records import Vector
    from halfgig.retrieval.index import Index

pytestmark = pytest.mark.models

NAME = "all-MiniLM-L6-v2"
COUNT, SOURCES, QUESTIONS = 1_000, 8, 25
# Postgres compares with all of so few unless it is kept from it: it is the graph that is held to the exact ten.
BY_GRAPH = "&options=-c%20enable_seqscan%3Doff"


def spoken() -> Iterator[Passage]:
    """What readers said, where the transcripts of ../shared are."""
    if SPEECH.is_dir():
        for segments in read_corpus().segments.values():
            yield from make_passages(segments)


@pytest.fixture(scope="module")
def corpus(model_store: Path) -> tuple[dict[str, list[tuple[Passage, Vector]]], list[Vector]]:
    """The passages with their vectors, in several sources, and what is asked: the first sentence of some."""
    embedder = SentenceEmbedder(model_store / NAME, NAME)
    passages = list(chain(spoken(), real_passages()))[:COUNT]
    assert len(passages) == COUNT
    vectors = embedder.embed([passage.text for passage in passages])
    sources: dict[str, list[tuple[Passage, Vector]]] = {}
    for n, (passage, vector) in enumerate(zip(passages, vectors, strict=True)):
        rows = sources.setdefault(f"source-{n % SOURCES}", [])
        rows.append((Passage(len(rows), passage.start, passage.end, passage.text), vector))
    asked = [passage.text.split(". ")[0] for passage in passages[:: COUNT // QUESTIONS]]
    return sources, list(embedder.embed(asked))


@pytest.fixture(params=["sqlite", "sqlite by signs", "postgres", "pinecone", "qdrant"])
def index(request: pytest.FixtureRequest, tmp_path: Path, outside: Outside) -> Iterator[Index]:
    kind: str = request.param
    model = EmbeddingModel(NAME, 384)
    with open_library(tmp_path / "library.db") as connection:
        if kind.startswith("sqlite"):
            yield SqliteIndex(connection, model, exact=0 if kind == "sqlite by signs" else 20_000)
            return
        outside.pinecone.dim = 384
        with outside.open(kind, more=BY_GRAPH) as place:
            yield place.open(connection, model)


def test_it_agrees_with_the_exact_ten(
    index: Index, corpus: tuple[dict[str, list[tuple[Passage, Vector]]], list[Vector]]
) -> None:
    sources, asked = corpus
    exact = ExactIndex(EmbeddingModel(NAME, 384))
    for source_id, rows in sources.items():
        assert index.replace(source_id, rows) == exact.replace(source_id, rows)
    recalls = []
    for vector in asked:
        wanted, got = ({(one.source_id, one.passage) for one in each.nearest(vector, 10)} for each in (exact, index))
        assert len(got) == 10
        recalls.append(len(wanted & got) / 10)
    assert np.mean(recalls) >= 0.95
