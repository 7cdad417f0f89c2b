from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import MIB, DoesNotFit
from halfgig.memory.budget import (
    BASE_WEIGHTS,
    CODE,
    LATE,
    SETTLED,
    TABLE,
    TINY_WEIGHTS,
    WINDOW,
    Cost,
    at_most,
    choose,
    cost,
    frames_memory,
    whisper_cost,
)

LARGE = Cost("transcribe", "large", 300 * MIB - CODE, window=60 * MIB)
SMALL = Cost("transcribe", "small", 100 * MIB - CODE)
ROWS = (LARGE, Cost("reps", "full", 50 * MIB), SMALL)


def test_what_is_wanted_where_it_fits() -> None:
    choice = choose([LARGE, SMALL], 300 * MIB)
    assert (choice.variant, choice.needs, choice.reason) == ("large", 300 * MIB, "")
    assert choice.peak == LARGE.peak


def test_the_next_smaller_where_it_does_not_and_why() -> None:
    choice = choose([LARGE, SMALL], 300 * MIB - 1)
    assert choice.variant == "small"
    assert choice.reason == "small instead of large, which needs 300 MB where 299 MB are left"


def test_the_small_one_on_its_own_is_no_degradation() -> None:
    assert choose([SMALL], 100 * MIB).reason == ""


def test_refusal_tells_the_least_that_would_do() -> None:
    with pytest.raises(DoesNotFit) as refused:
        choose([LARGE, SMALL], 99 * MIB)
    assert (refused.value.kind, refused.value.needs, refused.value.limit) == ("transcribe", 100 * MIB, 99 * MIB)


def test_candidates_are_the_wanted_one_and_those_below() -> None:
    assert at_most("transcribe", "large", ROWS) == [LARGE, SMALL]
    assert at_most("transcribe", "small", ROWS) == [SMALL]


@pytest.mark.parametrize(("kind", "variant"), [("transcribe", "full"), ("nothing", "large"), ("", "")])
def test_unknown_rows_are_told(kind: str, variant: str) -> None:
    with pytest.raises(KeyError, match="no cost is known"):
        cost(kind, variant, ROWS)


@given(room=st.integers(0, 600 * MIB))
def test_a_choice_always_fits_and_nothing_better_would(room: int) -> None:
    if SMALL.needs > room:
        with pytest.raises(DoesNotFit):
            choose([LARGE, SMALL], room)
        return
    choice = choose([LARGE, SMALL], room)
    assert choice.needs <= room
    assert choice.variant == "large" or LARGE.needs > room


@pytest.mark.parametrize(
    ("seconds", "spared"),
    [(None, 0), (SETTLED, 0), (36_000.0, 0), (SETTLED / 2, LATE / 2), (0.0, 60 * MIB + LATE)],
)
def test_a_source_shorter_than_a_window_holds_less(seconds: float | None, spared: int) -> None:
    assert LARGE.likely(seconds) == LARGE.peak - spared


def test_a_longer_source_never_holds_less() -> None:
    likely = [LARGE.likely(seconds) for seconds in (0.0, 1.0, 10.0, WINDOW, 60.0, SETTLED, 3600.0)]
    assert likely == sorted(likely)


def test_reps_hold_as_much_of_a_short_source() -> None:
    assert SMALL.likely(0.0) == SMALL.peak


def test_what_is_needed_does_not_trust_the_length() -> None:
    assert LARGE.needs > LARGE.likely(None) >= LARGE.likely(1.0)


@pytest.mark.parametrize("kind", sorted({row.kind for row in TABLE}))
def test_table_goes_down_within_a_kind(kind: str) -> None:
    peaks = [row.peak for row in TABLE if row.kind == kind]
    assert peaks == sorted(peaks, reverse=True)


def test_rows_are_unique() -> None:
    assert len({(row.kind, row.variant) for row in TABLE}) == len(TABLE)


def test_telling_the_language_costs_no_more_than_a_transcript() -> None:
    for row in TABLE:
        if row.kind == "language":
            assert row.peak <= cost("transcribe", row.variant).peak


def test_every_kind_has_a_variant_for_half_a_gigabyte() -> None:
    for kind in {row.kind for row in TABLE}:
        assert choose([row for row in TABLE if row.kind == kind], 512 * MIB)


def test_the_line_goes_through_the_weights_that_are_known() -> None:
    for weights, variant in ((TINY_WEIGHTS, "tiny.en"), (BASE_WEIGHTS, "base")):
        assert whisper_cost("/own", weights).peak == pytest.approx(cost("transcribe", variant).peak, abs=1)


def test_larger_unknown_weights_cost_more_and_smaller_ones_no_less_than_tiny() -> None:
    assert whisper_cost("/a", 75 * MIB).peak < whisper_cost("/b", 250 * MIB).peak
    assert whisper_cost("/c", 1).peak == cost("transcribe", "tiny.en").peak


def test_without_mkl_speech_costs_less_and_nothing_else_does() -> None:
    for row in TABLE:
        without = row.without_mkl()
        assert (without.peak < row.peak) == (row.kind in {"transcribe", "language"})
        assert without.without_mkl() == without
        assert row.needs - without.needs == row.mkl


def test_frames_cost_by_their_pixels() -> None:
    assert frames_memory(640, 360) == 4 * frames_memory(320, 180) > 0
