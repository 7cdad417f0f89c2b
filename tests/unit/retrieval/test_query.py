from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import BadRequest
from halfgig.records import Passage, StoredSource
from halfgig.retrieval.exact import ExactIndex
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import KEYWORD_ONLY, MAX_HITS, Meaning
from halfgig.retrieval.query import search as search_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from halfgig.records import Answer, Vector

TALK = StoredSource("talk", "/talks/rain.mp4", "Rain", 90.0, "en", "tiny.en", "2026-01-01", "ready", 1)
TEXTS = ("a rainbow is a bridge", "the lobster was boiled", "printing makes books", "a dog barked", "night fell softly")


class ToyEmbedder:
    """Knows five subjects, and a synonym for each."""

    model, dim = "toy", 5
    subjects = (
        ("rainbow", "arc"),
        ("lobster", "crustacean"),
        ("printing", "press"),
        ("dog", "hound"),
        ("night", "dark"),
    )

    def embed(self, texts: Sequence[str]) -> Vector:
        rows = [[1.0 + 9 * any(word in text for word in words) for words in self.subjects] for text in texts]
        vectors = np.array(rows, np.float32)
        normalized: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
        return normalized


@pytest.fixture
def index() -> ExactIndex:
    index, embedder = ExactIndex(EmbeddingModel("toy", 5)), ToyEmbedder()
    passages = [Passage(n, 20.0 * n, 20.0 * n + 10, text) for n, text in enumerate(TEXTS)]
    index.replace("talk", zip(passages, embedder.embed(TEXTS), strict=True))
    return index


def search(
    text: str,
    index: ExactIndex,
    embedder: ToyEmbedder | None,
    describe: Callable[[str], StoredSource | None],
    k: int = 5,
) -> Answer:
    model = EmbeddingModel(embedder.model, embedder.dim) if embedder else None
    meaning = Meaning(model, embedder.embed([text])[0]) if embedder and model else None
    return search_for(text, index, meaning, describe, k)


def describe(source_id: str) -> StoredSource | None:
    return TALK if source_id == "talk" else None


def test_a_hit_carries_all_a_person_needs(index: ExactIndex) -> None:
    answer = search("Where is the lobster?", index, ToyEmbedder(), describe, k=1)
    (hit,) = answer.hits
    assert (hit.source_id, hit.title, hit.start, hit.end) == ("talk", "Rain", 20.0, 30.0)
    assert hit.text == TEXTS[1]
    assert hit.marked == "the [[lobster]] was boiled"
    assert hit.link == "file:///talks/rain.mp4#t=20"
    assert hit.score == pytest.approx(2 / 61)
    assert answer.notes == ()
    assert answer.question == "Where is the lobster?"


def test_meaning_finds_what_no_keyword_does(index: ExactIndex) -> None:
    assert search("crustacean", index, ToyEmbedder(), describe, k=1).hits[0].text == TEXTS[1]
    assert search("crustacean", index, None, describe).hits == ()


def test_without_an_embedder_it_searches_by_keyword_and_says_so(index: ExactIndex) -> None:
    answer = search("lobster", index, None, describe)
    assert [hit.text for hit in answer.hits] == [TEXTS[1]]
    assert answer.notes == (KEYWORD_ONLY,)


def test_a_phrase_must_occur(index: ExactIndex) -> None:
    answer = search('"dog barked" lobster', index, ToyEmbedder(), describe)
    assert [hit.text for hit in answer.hits] == [TEXTS[3]]
    assert search('"barked dog"', index, ToyEmbedder(), describe).hits == ()


def test_a_source_that_is_not_to_be_shown_is_not(index: ExactIndex) -> None:
    index.replace("half", [(Passage(0, 0, 1, "lobster lobster"), ToyEmbedder().embed(["lobster"])[0])])
    assert {hit.source_id for hit in search("lobster", index, ToyEmbedder(), describe).hits} == {"talk"}


def test_overlapping_passages_are_one_moment() -> None:
    index, embedder = ExactIndex(EmbeddingModel("toy", 5)), ToyEmbedder()
    texts = ["The dog ran. The dog barked.", "The dog barked. Night fell."]
    passages = [Passage(n, 8.0 * n, 8.0 * n + 10, text) for n, text in enumerate(texts)]
    index.replace("talk", zip(passages, embedder.embed(texts), strict=True))
    (hit,) = search("dog", index, embedder, describe).hits
    assert hit.text == "The dog ran. The dog barked. Night fell."
    assert hit.marked.count("[[dog]]") == 2


@pytest.mark.parametrize("k", [0, -1, MAX_HITS + 1])
def test_k_has_limits(index: ExactIndex, k: int) -> None:
    with pytest.raises(BadRequest, match="hits were asked for"):
        search("dog", index, None, describe, k=k)


def test_another_embedder_than_the_indexs_is_refused(index: ExactIndex) -> None:
    other = ToyEmbedder()
    other.model = "other"
    with pytest.raises(BadRequest, match="made with toy"):
        search("dog", index, other, describe)


def test_no_word_is_refused(index: ExactIndex) -> None:
    with pytest.raises(BadRequest, match="no word"):
        search(" ?! ", index, ToyEmbedder(), describe)


def test_a_source_without_an_address_has_no_link(index: ExactIndex) -> None:
    hits = search("dog", index, None, lambda _: replace(TALK, address="")).hits
    assert hits[0].link == ""
