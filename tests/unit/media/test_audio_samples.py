from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from halfgig.media.audio import BLOCK, align, reblock, silence, skip
from halfgig.records import SAMPLE_RATE, DecodeLog

if TYPE_CHECKING:
    from halfgig.records import Samples

Lengths = st.lists(st.integers(0, 50), max_size=40)


def runs(lengths: list[int]) -> list[Samples]:
    """Runs of the given lengths that count up from 0."""
    ends = np.cumsum([0, *lengths])
    return [np.arange(start, end, dtype=np.float32) for start, end in pairwise(ends)]


@given(Lengths, st.integers(1, 64))
def test_blocks_hold_every_sample_in_order(lengths: list[int], size: int) -> None:
    blocks = list(reblock(runs(lengths), size))
    assert np.array_equal(np.concatenate([[], *blocks]), np.arange(sum(lengths)))
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks[-1:])


def test_blocks_are_not_overwritten_later() -> None:
    first, second = reblock(runs([4, 4]), 4)
    assert not np.shares_memory(first, second)


@given(Lengths, st.integers(0, 300))
def test_skipping_drops_the_beginning_only(lengths: list[int], count: int) -> None:
    left = np.concatenate([[], *skip(runs(lengths), count)])
    assert np.array_equal(left, np.arange(sum(lengths))[count:])


@given(st.integers(0, 5 * BLOCK))
def test_silence_comes_in_bounded_pieces(count: int) -> None:
    pieces = list(silence(count))
    assert sum(map(len, pieces)) == count
    assert all(0 < len(piece) <= BLOCK for piece in pieces)


def aligned(*parts: tuple[int | None, int]) -> tuple[int, DecodeLog]:
    log = DecodeLog()
    told = align([(number, np.ones(length, np.float32)) for number, length in parts], log)
    return sum(map(len, told)), log


def test_a_gap_is_filled_and_told() -> None:
    length, log = aligned((0, 100), (100 + SAMPLE_RATE, 50))
    assert length == 150 + SAMPLE_RATE
    assert log.filled_seconds == 1.0


def test_a_late_start_is_silence_but_no_damage() -> None:
    length, log = aligned((SAMPLE_RATE, 10))
    assert length == SAMPLE_RATE + 10
    assert log.filled_seconds == 0


def test_an_overlap_is_dropped_even_over_several_runs() -> None:
    length, _ = aligned((0, 100), (40, 30), (None, 50))
    assert length == 120


def test_samples_before_time_zero_are_dropped() -> None:
    length, _ = aligned((-30, 100))
    assert length == 70


@given(st.lists(st.tuples(st.none() | st.integers(-100, 2000), st.integers(0, 100)), max_size=30))
def test_a_run_never_starts_before_its_number(parts: list[tuple[int | None, int]]) -> None:
    told, position = 0, 0
    for number, length in parts:
        position = (position if number is None else number) + length
        told = max(told, position, position - length if number is not None else 0)
    assert aligned(*parts)[0] == max(0, told)
