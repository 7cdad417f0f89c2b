from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.fakes.exact import ExactIndex

from halfgig.errors import BadRequest, NotFound
from halfgig.records import Passage, Query, Scope, Segment, StoredSource, Word
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import KEYWORD_ONLY, MAX_HITS, Meaning, search_alike
from halfgig.retrieval.query import search as search_for

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass
class ToyShelf:
    """One source, whose segments are given."""

    source: StoredSource = TALK
    segments: tuple[Segment, ...] = ()
    meant: tuple[str, ...] | None = None

    def within(self, scope: Scope) -> tuple[str, ...] | None:
        return self.meant

    def shown(self, source_id: str, kind: str = "speech") -> StoredSource | None:
        return self.source if source_id == "talk" else None

    def segments_between(self, source_id: str, start: float, end: float) -> list[Segment]:
        return [one for one in self.segments if one.end > start and one.start < end]


SHELF = ToyShelf()


def search(
    text: str,
    index: ExactIndex,
    embedder: ToyEmbedder | None,
    shelf: ToyShelf = SHELF,
    k: int = 5,
    **asked: Any,
) -> Answer:
    model = EmbeddingModel(embedder.model, embedder.dim) if embedder else None
    meaning = Meaning(model, embedder.embed([text])[0]) if embedder and model else None
    return search_for(Query(text, k, **asked), index, meaning, shelf)


def test_a_hit_carries_all_a_person_needs(index: ExactIndex) -> None:
    answer = search("Where is the lobster?", index, ToyEmbedder(), k=1)
    (hit,) = answer.hits
    assert (hit.source_id, hit.title, hit.start, hit.end) == ("talk", "Rain", 20.0, 30.0)
    assert hit.text == TEXTS[1]
    assert hit.marked == "the [[lobster]] was boiled"
    assert hit.link == "file:///talks/rain.mp4#t=20"
    assert hit.score == pytest.approx(1.5 / 21, rel=0.1)
    assert answer.notes == ()
    assert answer.question == "Where is the lobster?"


def test_meaning_finds_what_no_keyword_does(index: ExactIndex) -> None:
    assert search("crustacean", index, ToyEmbedder(), k=1).hits[0].text == TEXTS[1]
    assert search("crustacean", index, None).hits == ()


def test_without_an_embedder_it_searches_by_keyword_and_says_so(index: ExactIndex) -> None:
    answer = search("lobster", index, None)
    assert [hit.text for hit in answer.hits] == [TEXTS[1]]
    assert answer.notes == (KEYWORD_ONLY,)


def test_a_phrase_must_occur(index: ExactIndex) -> None:
    answer = search('"dog barked" lobster', index, ToyEmbedder())
    assert [hit.text for hit in answer.hits] == [TEXTS[3]]
    assert search('"barked dog"', index, ToyEmbedder()).hits == ()


def test_a_source_that_is_not_to_be_shown_is_not(index: ExactIndex) -> None:
    index.replace("half", [(Passage(0, 0, 1, "lobster lobster"), ToyEmbedder().embed(["lobster"])[0])])
    assert {hit.source_id for hit in search("lobster", index, ToyEmbedder()).hits} == {"talk"}


def test_overlapping_passages_are_one_moment() -> None:
    index, embedder = ExactIndex(EmbeddingModel("toy", 5)), ToyEmbedder()
    texts = ["The dog ran. The dog barked.", "The dog barked. Night fell."]
    passages = [Passage(n, 8.0 * n, 8.0 * n + 10, text) for n, text in enumerate(texts)]
    index.replace("talk", zip(passages, embedder.embed(texts), strict=True))
    (hit,) = search("dog", index, embedder).hits
    assert hit.text == "The dog ran. The dog barked. Night fell."
    assert hit.marked.count("[[dog]]") == 2


@pytest.mark.parametrize("k", [0, -1, MAX_HITS + 1])
def test_k_has_limits(index: ExactIndex, k: int) -> None:
    with pytest.raises(BadRequest, match="hits were asked for"):
        search("dog", index, None, k=k)


def test_another_embedder_than_the_indexs_is_refused(index: ExactIndex) -> None:
    other = ToyEmbedder()
    other.model = "other"
    with pytest.raises(BadRequest, match="made with toy"):
        search("dog", index, other)


def test_no_word_is_refused(index: ExactIndex) -> None:
    with pytest.raises(BadRequest, match="no word"):
        search(" ?! ", index, ToyEmbedder())


def test_a_source_without_an_address_has_no_link(index: ExactIndex) -> None:
    hits = search("dog", index, None, ToyShelf(replace(TALK, address=""))).hits
    assert hits[0].link == ""


def test_the_score_is_explained(index: ExactIndex) -> None:
    (hit,) = search("lobster", index, ToyEmbedder(), k=1).hits
    assert [(rank.ranking, rank.rank) for rank in hit.ranks] == [("meaning", 1), ("keyword", 1)]
    assert hit.score == pytest.approx(sum(rank.adds for rank in hit.ranks))
    assert hit.ranks[0].value == pytest.approx(1.0)


def test_the_link_opens_the_sentence_that_answers(index: ExactIndex) -> None:
    words = tuple(
        Word(20.0 + n, 21.0 + n, text, 1.0) for n, text in enumerate((" Well.", " The", " lobster", " cooked."))
    )
    shelf = ToyShelf(segments=(Segment(20.0, 24.0, " Well. The lobster cooked.", words),))
    (hit,) = search("lobster", index, None, shelf, k=1).hits
    assert (hit.start, hit.at, hit.link) == (20.0, 21.0, "file:///talks/rain.mp4#t=21")


def test_the_segment_serves_where_words_have_no_times(index: ExactIndex) -> None:
    shelf = ToyShelf(segments=(Segment(18.0, 22.0, " well"), Segment(23.0, 29.0, " the lobster")))
    assert search("lobster", index, None, shelf, k=1).hits[0].at == 23.0
    assert search("crustacean", index, ToyEmbedder(), shelf, k=1).hits[0].at == 20.0


def test_a_slip_is_mended_and_told(index: ExactIndex) -> None:
    answer = search("lobtser", index, None)
    assert [hit.text for hit in answer.hits] == [TEXTS[1]]
    assert answer.hits[0].marked == "the [[lobster]] was boiled"
    assert answer.question == "lobtser"
    assert "lobtser; lobster" in answer.notes[0]


def test_the_beginning_of_a_word_is_enough(index: ExactIndex) -> None:
    assert {hit.text for hit in search("rain* boi*", index, None).hits} == {TEXTS[0], TEXTS[1]}


def test_a_search_can_be_kept_to_a_stretch_of_time(index: ExactIndex) -> None:
    hits = search("dog", index, ToyEmbedder(), scope=Scope(after=25.0, before=61.0)).hits
    assert {hit.text for hit in hits} == {TEXTS[1], TEXTS[2], TEXTS[3]}


def test_where_a_scope_means_no_source_nothing_is_found(index: ExactIndex) -> None:
    assert search("dog", index, ToyEmbedder(), ToyShelf(meant=()), scope=Scope(tags=("none",))).hits == ()


def test_a_kind_that_there_is_not_is_refused(index: ExactIndex) -> None:
    with pytest.raises(BadRequest, match="speech and motion"):
        search("dog", index, None, scope=Scope(kind="smell"))


def test_motion_alone_asks_neither_words_nor_vectors(index: ExactIndex) -> None:
    answer = search("dog", index, None, scope=Scope(kind="motion"))
    assert (answer.hits, answer.notes) == ((), ())


def test_more_like_a_moment_is_what_means_the_same_elsewhere(index: ExactIndex) -> None:
    texts = ["the crustacean again", "a hound"]
    passages = [Passage(n, 10.0 * n, 10.0 * n + 9, text) for n, text in enumerate(texts)]
    index.replace("talk2", zip(passages, ToyEmbedder().embed(texts), strict=True))

    class Both(ToyShelf):
        def shown(self, source_id: str, kind: str = "speech") -> StoredSource | None:
            return replace(TALK, id=source_id)

    answer = search_alike("talk", 25.0, Query("", 1), index, Both())
    assert [hit.text for hit in answer.hits] == ["the crustacean again"]
    assert [rank.ranking for rank in answer.hits[0].ranks] == ["meaning"]
    assert TEXTS[1] not in {hit.text for hit in search_alike("talk", 25.0, Query("", 9), index, Both()).hits}


@pytest.mark.parametrize(("source_id", "at"), [("talk", 1000.0), ("unknown", 0.0)])
def test_nothing_is_like_a_moment_that_there_is_not(index: ExactIndex, source_id: str, at: float) -> None:
    with pytest.raises(NotFound, match="Nothing is said"):
        search_alike(source_id, at, Query(""), index, SHELF)
