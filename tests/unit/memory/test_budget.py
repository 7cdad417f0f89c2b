from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import MIB, DoesNotFit
from halfgig.memory.budget import TABLE, Cost, at_most, choose, cost, whisper_cost

LARGE = Cost("transcribe", "large", 300 * MIB, per_pixel=2.0)
SMALL = Cost("transcribe", "small", 100 * MIB, per_pixel=1.0)
ROWS = (LARGE, Cost("reps", "full", 50 * MIB), SMALL)


def test_what_is_wanted_where_it_fits() -> None:
    choice = choose([LARGE, SMALL], 300 * MIB)
    assert (choice.variant, choice.needs, choice.reason) == ("large", 300 * MIB, "")


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


def test_pixels_of_the_source_cost() -> None:
    assert choose([LARGE, SMALL], 320 * MIB, pixels=10 * MIB).variant == "large"
    assert choose([LARGE, SMALL], 320 * MIB, pixels=11 * MIB).variant == "small"
    with pytest.raises(DoesNotFit):
        choose([LARGE, SMALL], 320 * MIB, pixels=300 * MIB)


def test_candidates_are_the_wanted_one_and_those_below() -> None:
    assert at_most("transcribe", "large", ROWS) == [LARGE, SMALL]
    assert at_most("transcribe", "small", ROWS) == [SMALL]


@pytest.mark.parametrize(("kind", "variant"), [("transcribe", "full"), ("nothing", "large"), ("", "")])
def test_unknown_rows_are_told(kind: str, variant: str) -> None:
    with pytest.raises(KeyError, match="no cost is known"):
        cost(kind, variant, ROWS)


@given(room=st.integers(0, 600 * MIB), pixels=st.integers(0, 100 * MIB))
def test_a_choice_always_fits_and_nothing_better_would(room: int, pixels: int) -> None:
    if SMALL.at(pixels) > room:
        with pytest.raises(DoesNotFit):
            choose([LARGE, SMALL], room, pixels=pixels)
        return
    choice = choose([LARGE, SMALL], room, pixels=pixels)
    assert choice.needs <= room
    assert choice.variant == "large" or LARGE.at(pixels) > room


@pytest.mark.parametrize("kind", sorted({row.kind for row in TABLE}))
def test_table_goes_down_within_a_kind(kind: str) -> None:
    bases = [row.base for row in TABLE if row.kind == kind]
    assert bases == sorted(bases, reverse=True)


def test_rows_are_unique() -> None:
    assert len({(row.kind, row.variant) for row in TABLE}) == len(TABLE)


def test_every_kind_has_a_variant_for_half_a_gigabyte() -> None:
    for kind in {row.kind for row in TABLE}:
        assert choose([row for row in TABLE if row.kind == kind], 512 * MIB, pixels=1920 * 1080)


def test_larger_unknown_weights_cost_more() -> None:
    assert whisper_cost("transcribe", "a", 75 * MIB, 6).base < whisper_cost("transcribe", "b", 250 * MIB, 12).base
