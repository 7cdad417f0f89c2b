from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import COLUMN, SIGNALS, AnglesAt
from halfgig.motion.exercises import exercise_named
from halfgig.motion.holds import HoldFinder, watch_holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLANK = {"trunk": 85, "left_hip": 172, "left_knee": 172, "left_wrist_height": -0.6, "shoulder_place": 1.0}
STANDING = {**PLANK, "trunk": 5, "shoulder_place": 2.5}
RATE = 10


def stream(*parts: tuple[float, dict[str, float]]) -> Iterator[AnglesAt]:
    """So many seconds of each posture."""
    number = 0
    for seconds, posture in parts:
        row = np.full(len(SIGNALS), np.nan, np.float32)
        row[[COLUMN[name] for name in posture]] = list(posture.values())
        for _ in range(round(seconds * RATE)):
            yield AnglesAt(number / RATE, row)
            number += 1


def held(moments: Iterable[AnglesAt], name: str = "plank") -> list[tuple[float, float]]:
    finder = HoldFinder(exercise_named(name))
    assert sum(1 for _ in watch_holds(moments, [finder])) > 0
    assert [hold.number for hold in finder.found] == list(range(1, len(finder.found) + 1))
    return [(hold.start, hold.end) for hold in finder.found]


def test_a_plank_is_held_for_its_time() -> None:
    assert held(stream((2, STANDING), (20, PLANK), (2, STANDING), (5, PLANK))) == [(2.0, 21.9), (24.0, 28.9)]


def test_a_short_slip_does_not_end_it_and_a_short_stay_is_none() -> None:
    assert held(stream((5, PLANK), (0.5, STANDING), (5, PLANK))) == [(0.0, 10.4)]
    assert held(stream((2, PLANK), (5, STANDING))) == []


def test_what_comes_after_a_hold_does_not_shorten_it() -> None:
    assert held(stream((3.1, PLANK), (3, STANDING))) == [(0.0, 3.0)]


def test_push_ups_are_no_plank() -> None:
    low = {**PLANK, "shoulder_place": 0.4, "left_wrist_height": -0.15}
    assert held(stream(*[(0.7, PLANK), (0.7, low)] * 8)) == []


def test_what_is_not_seen_is_not_held() -> None:
    assert held(stream((5, {"trunk": 85}))) == []
    assert held(stream((5, STANDING)), "wall sit") == []


def test_a_wall_sit() -> None:
    sitting = {"trunk": 5, "left_knee": 92, "left_hip": 95, "shoulder_place": 1.2}
    assert held(stream((4, sitting)), "wall sit") == [(0.0, 3.9)]
