"""Unknown movements that are repeated evenly: counted where no exercise of the table is recognised."""

from __future__ import annotations

import math
from statistics import mean, pstdev
from typing import TYPE_CHECKING

from halfgig.motion.forms import HIGH, LOW, Exercise
from halfgig.motion.forms import mean as on_average
from halfgig.motion.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.motion.kept import Sight
    from halfgig.records import Rep

NAME = "unknown periodic"
LEAST_REPS = 5  # in a row
EVEN = 0.25  # deviation by mean, of how long and how far repetitions are
LEAST_FIT = 0.6
# Both sides together: who walks or runs moves them by turns, and is not exercising for that.
TOGETHER = (on_average("hip_gap", most=22, soft=6), on_average("knee_gap", most=22, soft=6))
CANDIDATES = tuple(
    Exercise(NAME, joint, work, 35, form=TOGETHER)
    for joint in ("elbow", "shoulder", "hip", "knee")
    for work in (LOW, HIGH)
)


class Runs:
    """Takes repetitions in order, keeps the run of them that is going on, and the longest one."""

    def __init__(self) -> None:
        self._run = self._longest = Kept()
        self._end = -math.inf

    def add(self, rep: Rep, sight: Sight) -> None:
        """One more."""
        if rep.start - self._end > rep.end - rep.start:
            self._run = Kept()
        self._run.add(rep, sight)
        self._end = rep.end
        if len(self._run) > len(self._longest):
            self._longest = self._run

    def even(self) -> Kept:
        """The longest run, if it has enough repetitions that are alike; else none."""
        reps = [rep for rep, _ in self._longest]
        return self._longest if len(reps) >= LEAST_REPS and is_even(reps) else Kept()


def is_even(reps: Sequence[Rep]) -> bool:
    """Whether repetitions take about the same time and go about as far."""
    return all(_spread(values) <= EVEN for values in ([rep.end - rep.start for rep in reps], [_far(r) for r in reps]))


def _far(rep: Rep) -> float:
    return rep.range_of_motion


def _spread(values: Sequence[float]) -> float:
    return pstdev(values) / max(mean(values), 1e-6)
