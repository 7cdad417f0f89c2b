from __future__ import annotations

import numpy as np
import pytest

from halfgig.motion.traces import MOST_A_SECOND, REMEMBERED, Trace, middle

RATE = 10


def swing(there: float, back: float, hold: float = 0.0, lead: float = 0.5) -> tuple[np.ndarray, np.ndarray, float]:
    """Times and values of one swing of 90 as half cosines, after and before a rest, and when it turns."""
    times = np.arange(0, 2 * lead + there + hold + back, 1 / RATE)
    arcs = np.interp(times - lead, [0, there, there + hold, there + hold + back], [0, np.pi, np.pi, 2 * np.pi])
    return times, 45 - 45 * np.cos(arcs), lead + there + hold / 2


@pytest.mark.parametrize(("there", "back", "hold"), [(1, 1, 0), (2, 0.8, 0.2), (0.7, 1.8, 0), (1, 1, 1), (3, 1, 0.1)])
def test_a_turn_is_found_whatever_the_pace_of_each_way(there: float, back: float, hold: float) -> None:
    times, values, turned = swing(there, back, hold)
    assert middle(times, values) == pytest.approx(turned, abs=0.06)


def test_a_wobble_at_the_turn_does_not_move_it_to_its_furthest_sample() -> None:
    times, values, turned = swing(1.5, 1.5, 0.4)
    values[np.abs(times - turned - 0.3).argmin()] += 6
    found = middle(times, values)
    assert found is not None
    assert abs(found - turned) < 0.1 < times[values.argmax()] - turned


def test_what_only_rises_or_comes_back_by_less_than_half_has_no_turn() -> None:
    times, values, _ = swing(1, 1)
    half = slice(len(values) // 2)
    assert middle(times[half], values[half]) is None
    assert middle(times, np.maximum.accumulate(values)) is None
    assert middle(times, np.where(times > 1.6, np.maximum(values, 60), values)) is None
    assert middle(times[:2], values[:2]) is None
    assert middle(times, np.zeros(len(times))) is None


def test_a_trace_looks_at_the_wanted_stretch_only() -> None:
    trace = Trace()
    times, values, turned = swing(2, 1)
    for number in range(4):
        for time, value in zip(times, values, strict=True):
            trace.add(number * 5 + float(time), float(value) * (number + 1))
    assert trace.turn(5.2, 9.0) == pytest.approx(5 + turned, abs=0.06)


def test_a_trace_holds_a_bounded_number_of_samples_and_the_last_of_them() -> None:
    trace, rate = Trace(), 60
    for number in range(15 * 60 * rate):
        trace.add(number / rate, float(np.sin(number / rate)))
    assert len(trace._times) == len(trace._values) <= 2 * REMEMBERED * MOST_A_SECOND + 1
    assert trace._times[0] <= 15 * 60 - REMEMBERED
    peak = np.pi / 2 + 2 * np.pi * 130
    assert trace.turn(peak - 3, peak + 3) == pytest.approx(peak, abs=0.03)
