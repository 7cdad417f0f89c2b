from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.records import Passage, Rank
from halfgig.retrieval.index import Found
from halfgig.retrieval.moments import MAX_PASSAGES, fuse, group_moments, join_moments, join_texts


def found(number: int, score: float = 1.0, source_id: str = "talk") -> Found:
    """Passage `number` of a talk: 10 s each, sharing 2 s and a word with the next."""
    return Found(source_id, Passage(number, 8.0 * number, 8.0 * number + 10, f"w{number} and w{number + 1}"), score)


def numbers(ranked: list[Found]) -> list[int]:
    return [one.passage.number for one in ranked]


def test_reciprocal_rank_fusion_adds_over_rankings() -> None:
    fused = fuse({"meaning": [found(1), found(2), found(3)], "keyword": [found(3, 0.5), found(4)]})
    assert numbers(fused) == [3, 1, 2, 4]
    assert fused[0].score == pytest.approx(1 / 23 + 0.5 / 21)
    assert fused[1].score == pytest.approx(1 / 21)
    assert fused[0].ranks == (Rank("meaning", 3, 1.0, 1 / 23), Rank("keyword", 1, 0.5, 0.5 / 21))


def test_what_holds_little_of_the_question_adds_little() -> None:
    fused = fuse({"meaning": [found(1), found(2)], "keyword": [replace(found(2), share=0.01), found(3)]})
    assert numbers(fused) == [1, 2, 3]
    assert fused[1].score == pytest.approx(1 / 22 + 0.005 / 21)


def test_what_is_seen_counts_as_much_as_what_is_found_in_both_ways_and_comes_first() -> None:
    seen = replace(found(1), kind="motion")
    fused = fuse({"meaning": [found(1)], "keyword": [found(1)], "motion": [seen]})
    assert [one.kind for one in fused] == ["motion", "speech"]
    assert fused[0].score == pytest.approx(fused[1].score)


def test_fusion_of_nothing_is_nothing() -> None:
    assert fuse({}) == []
    assert fuse({"meaning": [], "keyword": []}) == []
    assert numbers(fuse({"meaning": [found(2), found(1)], "keyword": []})) == [2, 1]


def test_the_same_number_in_two_sources_is_two_passages() -> None:
    assert len(fuse({"keyword": [found(1), found(1, source_id="other")]})) == 2


def test_neighbours_among_the_best_become_one_moment() -> None:
    (moment, other) = join_moments([found(4), found(5), found(9)], k=3)
    assert (moment.first, moment.last, moment.best.passage.start) == (4, 5, 32.0)
    assert (moment.passage.start, moment.passage.end) == (32.0, 50.0)
    assert moment.passage.text == "w4 and w5 and w6"
    assert other.first == 9


def test_an_earlier_neighbour_moves_the_start_but_not_where_the_best_begins() -> None:
    (moment,) = join_moments([found(4), found(3)], k=2)
    assert (moment.passage.start, moment.best.passage.start) == (24.0, 32.0)
    assert moment.passage.text == "w3 and w4 and w5"


def test_a_moment_grows_to_three_passages_and_no_further() -> None:
    moments = join_moments([found(n) for n in (5, 6, 7, 8, 9)], k=5)
    assert (moments[0].first, moments[0].last) == (5, 5 + MAX_PASSAGES - 1)
    assert (moments[1].first, moments[1].last) == (9, 9)


def test_passages_below_the_best_k_fill_freed_places_and_join_nothing() -> None:
    moments = join_moments([found(1), found(2), found(3), found(20)], k=2)
    assert [(moment.first, moment.last) for moment in moments] == [(1, 2), (20, 20)]


def test_what_is_said_and_what_is_seen_do_not_join() -> None:
    seen = [replace(found(n), kind="motion") for n in (1, 2)]
    moments = join_moments([seen[0], found(1), seen[1]], k=5)
    assert [(moment.best.kind, moment.first, moment.last) for moment in moments] == [("motion", 1, 1), ("speech", 1, 1)]


def test_groups_are_of_the_best_sources_three_moments_each() -> None:
    ranked = [*(found(n, source_id="a") for n in (1, 9, 17, 25)), found(1, source_id="b"), found(1, source_id="c")]
    ranked = [ranked[4], *ranked[:4], ranked[5]]
    grouped = group_moments(join_moments(ranked, k=6), k=2)
    assert [(moment.source_id, moment.first) for moment in grouped] == [("b", 1), ("a", 1), ("a", 9), ("a", 17)]


def test_two_sources_do_not_join() -> None:
    assert len(join_moments([found(1), found(2, source_id="other")], k=5)) == 2


@given(ranked=st.permutations(range(12)), k=st.integers(1, 12))
def test_moments_never_overlap_and_are_no_more_than_k(ranked: list[int], k: int) -> None:
    moments = join_moments([found(number) for number in ranked], k)
    assert 1 <= len(moments) <= k
    spans = sorted((moment.passage.start, moment.passage.end) for moment in moments)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert moments[0].first <= ranked[0] <= moments[0].last


@pytest.mark.parametrize(
    ("earlier", "later", "joined"),
    [
        ("One. Two.", "Two. Three.", "One. Two. Three."),
        ("cats", "so", "cats so"),
        ("a b", "b c", "a b c"),
        ("ends", "begins", "ends begins"),
        ("今日は良い天気です散歩に", "良い天気です散歩に行く", "今日は良い天気です散歩に行く"),
        ("same", "same", "same"),
        ("", "x", " x"),
    ],
)
def test_shared_text_is_said_once(earlier: str, later: str, joined: str) -> None:
    assert join_texts(earlier, later) == joined
