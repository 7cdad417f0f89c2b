from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import MIB
from halfgig.memory.budget import Cost
from halfgig.memory.learned import HALF_LIFE, LEAST, MOST, Learned, Lesson, from_json

NOW = 1_800_000_000.0
COST = Cost("transcribe", "base", 200 * MIB, window=50 * MIB)
SHARES = st.floats(0.01, 10)


def taught(*shares: float, expected: int = 200 * MIB) -> Learned:
    learned = Learned()
    for share in shares:
        learned = learned.with_peak("transcribe", "base", round(share * expected), expected, NOW)
    return learned


def test_nothing_learned_changes_nothing() -> None:
    assert Learned().adjusted(COST, NOW) == COST
    assert taught(1.2).adjusted(Cost("reps", "full", MIB), NOW) == Cost("reps", "full", MIB)


def test_a_higher_peak_is_believed_at_once() -> None:
    adjusted = taught(1.0, 1.2).adjusted(COST, NOW)
    assert (adjusted.peak, adjusted.window) == (240 * MIB, 60 * MIB)


def test_a_lower_peak_is_believed_slowly() -> None:
    assert taught(1.2, 1.0).adjusted(COST, NOW).peak == pytest.approx(236 * MIB, abs=1)
    assert taught(1.2, *[0.9] * 50).adjusted(COST, NOW).peak == pytest.approx(180 * MIB, rel=0.01)


def test_a_short_source_teaches_nothing_wrong() -> None:
    """It holds less, and was expected to."""
    assert taught(1.0, expected=115 * MIB).adjusted(COST, NOW).peak == COST.peak


def test_a_lesson_fades() -> None:
    learned = taught(1.4)
    assert learned.adjusted(COST, NOW + HALF_LIFE).peak == pytest.approx(240 * MIB, abs=1)
    assert learned.adjusted(COST, NOW + 100 * HALF_LIFE).peak == COST.peak
    assert learned.adjusted(COST, NOW - 1).peak == 280 * MIB  # a clock that was set back


def test_a_measurement_that_failed_teaches_nothing() -> None:
    assert taught(0.0) == Learned()
    assert Learned().with_peak("reps", "full", MIB, 0, NOW) == Learned()


@given(shares=st.lists(SHARES, max_size=30), later=st.floats(-1e9, 1e9))
def test_the_figure_stays_within_its_bounds(shares: list[float], later: float) -> None:
    peak = taught(*shares).adjusted(COST, NOW + later).peak
    assert LEAST * COST.peak - 1 <= peak <= MOST * COST.peak + 1


@given(shares=st.lists(SHARES, min_size=1, max_size=10))
def test_it_is_never_below_the_last_peak_within_the_bounds(shares: list[float]) -> None:
    assert taught(*shares).adjusted(COST, NOW).peak >= min(shares[-1], MOST) * COST.peak - 1


@given(
    st.dictionaries(
        st.tuples(st.just("reps"), st.text(max_size=9)), st.builds(Lesson, st.floats(LEAST, MOST), st.floats(0, 9e9))
    )
)
def test_json_keeps_it(lessons: dict[tuple[str, str], Lesson]) -> None:
    learned = Learned(lessons)
    assert from_json(learned.as_json()) == learned


@pytest.mark.parametrize(
    "text",
    [
        *("", "nonsense", "[]", "3", '{"reps": 3}', '{"reps/full": 3}', '{"reps/full": {"share": 1}}', "\x00"),
        '{"reps/full": {"share": "much", "at": 1}}',
        '{"reps/full": {"share": NaN, "at": 1}}',
        '{"reps/full": {"share": 1, "at": Infinity}}',
        '{"reps/full": {"share": 99, "at": 1}}',
    ],
)
def test_a_damaged_note_teaches_nothing(text: str) -> None:
    assert from_json(text) == Learned()


def test_sound_lessons_survive_beside_damaged_ones() -> None:
    text = '{"reps/full": {"share": 1.25, "at": 5}, "reps/lite": {"share": null, "at": 5}}'
    assert from_json(text) == Learned({("reps", "full"): Lesson(1.25, 5.0)})
    assert math.isclose(from_json(text).lessons["reps", "full"].now(5.0), 1.25)
