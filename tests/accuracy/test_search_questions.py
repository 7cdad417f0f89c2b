"""Search over ten minutes of many readers: questions in other words than the answers, and what each way finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from benchmarks import questions
from tokenizers import Tokenizer

from halfgig.records import Passage, Query, Segment
from halfgig.retrieval.embedding import embed_passages, meaning_of
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.passages import make_passages
from halfgig.retrieval.query import search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import MINILM, SentenceEmbedder
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Answer
    from halfgig.retrieval.embedding import Embedder
    from halfgig.retrieval.index import Index

pytestmark = [pytest.mark.models, pytest.mark.shared, pytest.mark.slow]

MODEL = "all-MiniLM-L6-v2"

# What is asked, and words that only the answer holds.
QUESTIONS = {
    "how do physicists explain the colours in the sky after a storm": "refraction by the raindrops",
    "Viking mythology about a path to heaven": "norsemen considered the rainbow",
    "which famous eating place invented a shellfish dish": "reached its highest perfection",
    "is seafood from the west coast as tasty as that of the east": "patriotism of the californian",
    "someone hungry hoping for a meaty supper with vegetables": "turnips and carrots and bruised potatoes",
    "what should a doctor look at when examining a corpse": "rigor mortis",
    "removing an organ during an autopsy": "stomach may be removed",
    "shopping list with groceries for a sibling": "snack for her brother bob",
    "toys to buy for children": "big toy frog",
    "which trains can be boarded at the railway stop": "platforms one and three",
    "history of the first book made on a press": "gutenberg bible",
    "monks who set up a press close to the Italian capital": "monastery of subiaco",
    "a vigilante mob killing a suspect at night": "masked cowards",
    "how much medicine may a grown-up take": "dose for an adult",
    "scripture differs on how long they lived by the Nile": "duration of the sojourn",
    "an embarrassed former retail clerk": "having been a shop boy",
    "cleaning plates rarely and cooking odd meals": "washed their dishes once a day",
    "a woman so charming that she would seem pretty even if ugly": "make a deformed person appear lovely",
}


@pytest.fixture(scope="module")
def embedder(model_store: Path) -> SentenceEmbedder:
    return SentenceEmbedder(model_store / MODEL, MODEL)


def read_srt(path: Path) -> Iterator[Segment]:
    for block in path.read_text().strip().split("\n\n"):
        _, times, *lines = block.splitlines()
        start, end = (seconds(time) for time in times.split(" --> "))
        yield Segment(start, end, " ".join(lines))


def seconds(time: str) -> float:
    hours, minutes, rest = time.replace(",", ".").split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


@pytest.fixture(scope="module")
def indexed(
    shared_data: Path, embedder: SentenceEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Index, Library]]:
    with open_library(tmp_path_factory.mktemp("library") / "library.db") as connection:
        library = Library(connection)
        index = SqliteIndex(connection, EmbeddingModel(embedder.model, embedder.dim))
        index.learn(embedder.words)
        source = library.add_source("a" * 64, "/long10.flac", "Many readers", "reference")
        for _ in library.append_segments(source, read_srt(shared_data / "speech" / "long10_multispk.srt")):
            pass
        source = library.close_transcript(source)
        index.replace(source.id, embed_passages(make_passages(library.segments(source.id)), embedder, 5))
        library.finish(source)
        yield index, library


def recall(indexed: tuple[Index, Library], embedder: Embedder | None, k: int) -> float:
    index, library = indexed

    def ask(question: str) -> Answer:
        return search(Query(question, k), index, meaning_of(question, embedder) if embedder else None, library)

    answers = {question: ask(question) for question in QUESTIONS}
    right = [
        any(QUESTIONS[question] in hit.text.lower() for hit in answer.hits) for question, answer in answers.items()
    ]
    return float(np.mean(right))


def test_the_answer_is_among_the_first_hits(indexed: tuple[Index, Library], embedder: SentenceEmbedder) -> None:
    """Measured: 0.44 to 0.56, 0.83 and 0.89 for the first one, three and five.

    Two of the 18 answers are nearly as near as another passage, and change places with the processor's rounding.
    """
    assert recall(indexed, embedder, 1) >= 0.4
    assert recall(indexed, embedder, 3) >= 0.8
    assert recall(indexed, embedder, 5) >= 0.85


def test_meaning_adds_to_keywords(indexed: tuple[Index, Library], embedder: SentenceEmbedder) -> None:
    """Measured: 0.39 by keyword only."""
    assert recall(indexed, embedder, 3) >= recall(indexed, None, 3) + 0.3


def test_vectors_do_not_depend_on_what_is_embedded_beside(embedder: SentenceEmbedder) -> None:
    texts = [*QUESTIONS, "long " * 300, "x", ""]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together.shape == (len(texts), 384)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(together - alone).max() == 0


def test_what_lies_past_the_window_is_not_seen(embedder: SentenceEmbedder) -> None:
    """A passage of 120 words fits; what is far longer is cut, and the cut makes no error."""
    beginning = "the cat sat on the mat and slept " * 40
    long, longer = embedder.embed([beginning, beginning + "a rocket flew to the moon " * 40])
    assert float(long @ longer) == pytest.approx(1.0, abs=1e-3)


def test_close_meanings_have_close_vectors(embedder: SentenceEmbedder) -> None:
    eating, bread, baby = embedder.embed(
        ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
    )
    assert float(eating @ bread) == pytest.approx(0.755, abs=0.03)  # the float model's own figure
    assert float(eating @ baby) < 0.1


def test_the_longest_passage_fits_the_window(model_store: Path, shared_data: Path) -> None:
    """Measured: 131 wordpieces."""
    tokenizer = Tokenizer.from_file(str(model_store / MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    passages = make_passages(read_srt(shared_data / "speech" / "long10_multispk.srt"))
    assert max(len(tokenizer.encode(passage.text).ids) for passage in passages) <= MINILM.longest


def test_passages_are_embedded_as_they_come(embedder: SentenceEmbedder) -> None:
    passages = [Passage(n, n, n + 1, f"passage number {n}") for n in range(7)]
    assert [passage.number for passage, _ in embed_passages(iter(passages), embedder, 5)] == list(range(7))


def test_both_rankings_together_find_more_than_either(embedder: SentenceEmbedder, shared_data: Path) -> None:
    """Measured: fused 0.96 among five and MRR 0.86; by meaning 0.85, by keyword 0.58; with slips 0.86 among five."""
    figures = questions.measure(embedder)
    assert figures["both_recall_5"] >= 0.95
    for part in ("keyword", "meaning"):
        assert figures["both_with_terms_mrr"] > figures[f"{part}_with_terms_mrr"]
    assert figures["slips_recall_5"] >= 0.85
    assert figures["share_no_word"] >= 0.5
