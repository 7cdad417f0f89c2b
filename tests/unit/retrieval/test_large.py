"""What a large index does otherwise: common words are left out, and signs pick what is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import halfgig.retrieval.sqlite as embedded
import halfgig.retrieval.texts as texts
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel, rarity, share_of
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.texts import without_common
from halfgig.retrieval.words import parse_question
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIM, COUNT = 64, 600


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteIndex]:
    """Passages around 60 centres; each says common, every tenth says rare."""
    monkeypatch.setattr(texts, "SAMPLE", 300)
    monkeypatch.setattr(embedded, "LEAST_PICKED", 60)
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((60, DIM))
    vectors = (centres[np.arange(COUNT) % 60] + 0.5 * rng.standard_normal((COUNT, DIM))).astype(np.float32)
    rows = [
        (Passage(n, n, n + 1, f"common talk {n}" + " rare" * (n % 10 == 0)), vector) for n, vector in enumerate(vectors)
    ]
    with open_library(tmp_path / "library.db") as connection:
        index = SqliteIndex(connection, EmbeddingModel("toy", DIM), exact=100)
        index.replace("talk", rows)
        yield index


def test_signs_pick_nearly_all_that_is_nearest(index: SqliteIndex) -> None:
    exact = SqliteIndex(index._connection)
    rng = np.random.default_rng(2)
    kept = []
    for _, said in list(index.embedded("talk"))[::30]:
        vector = (np.asarray(said) + 0.5 * rng.standard_normal(DIM)).astype(np.float32)
        wanted, got = ({one.passage.number for one in each.nearest(vector, 10)} for each in (exact, index))
        kept.append(len(wanted & got) / 10)
    assert np.mean(kept) >= 0.9


def test_picked_scores_are_cosines(index: SqliteIndex) -> None:
    exact = SqliteIndex(index._connection)
    vector = np.random.default_rng(3).standard_normal(DIM).astype(np.float32)
    cosines = {one.passage.number: one.score for one in exact.nearest(vector, COUNT)}
    found = index.nearest(vector, 10)
    assert [one.score for one in found] == pytest.approx([cosines[one.passage.number] for one in found], abs=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_common_words_are_left_out_beside_rarer_ones(index: SqliteIndex) -> None:
    found = index.matching(parse_question("common rare"), COUNT)
    assert {one.passage.number % 10 for one in found} == {0}
    assert len(found) == 60
    assert len(index.matching(parse_question("common talk"), COUNT)) == COUNT


def test_a_rare_word_weighs_more_and_none_weighs_nothing() -> None:
    assert rarity(1, 100) > rarity(10, 100) > rarity(49, 100) > rarity(50, 100) == rarity(100, 100) > 0


def test_a_weight_tells_the_share_that_holds_the_word() -> None:
    for holding in (1, 10, 300, 480):
        assert share_of(rarity(holding, 1000)) == pytest.approx(holding / 1000, abs=0.001)


@pytest.mark.parametrize(
    ("passages", "kept"),
    [(10_000, "rare odd usual"), (100_000, "rare odd"), (1_000_000, "rare"), (100_000_000, "rare")],
)
def test_the_more_passages_the_fewer_words_are_ranked_by(passages: int, kept: str) -> None:
    """The rarest first, up to 30,000 passages: 2 % of all hold rare, 10 % odd, 25 % usual, 50 % common."""
    held = {"rare": 20, "odd": 100, "usual": 250, "common": 500}
    question = parse_question("usual rare common odd")
    told = without_common(question, lambda run: rarity(held[run.text], 1000), passages)
    assert sorted(word.text for word in told.words) == sorted(kept.split())
    assert [word.text for word in told.words] == [word.text for word in question.words if word.text in kept.split()]
