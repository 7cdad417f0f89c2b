"""Unknown movements that are repeated evenly: counted where no exercise of the table is recognised."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from halfgig.motion.forms import HIGH, LOW, Exercise
from halfgig.motion.forms import mean as on_average
from halfgig.motion.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.motion.kept import Sight
    from halfgig.records import Rep, Seconds

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
    """Takes repetitions in order, keeps the run of them that is going on, and the longest one, by what `keep` makes."""

    def __init__(self, keep: Callable[[], Kept] = Kept) -> None:
        self._keep = keep
        self._run = self._longest = _Run(keep())
        self._end = -math.inf

    def add(self, rep: Rep, sight: Sight) -> None:
        """One more."""
        if rep.start - self._end > rep.end - rep.start:
            self._run = _Run(self._keep())
        self._run.add(rep, sight)
        self._end = rep.end
        if len(self._run.kept) > len(self._longest.kept):
            self._longest = self._run

    @property
    def seconds(self) -> Seconds:
        """How long the repetitions of the longest run take, if it is even; else 0."""
        return self._longest.times.total if self._longest.is_even else 0.0

    def even(self) -> Kept:
        """The longest run, if it has enough repetitions that are alike; else none."""
        return self._longest.kept if self._longest.is_even else self._keep()


class _Run:
    """Repetitions that follow one another: how long they take, and how far they go."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.times, self.ranges = Spread(), Spread()

    def add(self, rep: Rep, sight: Sight) -> None:
        self.kept.add(rep, sight)
        self.times.add(rep.end - rep.start)
        self.ranges.add(rep.range_of_motion)

    @property
    def is_even(self) -> bool:
        """Whether there are enough, that take about the same time and go about as far."""
        return len(self.kept) >= LEAST_REPS and all(one.share <= EVEN for one in (self.times, self.ranges))


class Spread:
    """How far values are from their mean, in three numbers, after Welford (1962)."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self._count += 1
        before = value - self._mean
        self._mean += before / self._count
        self._squares += before * (value - self._mean)

    @property
    def total(self) -> float:
        """Their sum."""
        return self._count * self._mean

    @property
    def share(self) -> float:
        """Their standard deviation by their mean."""
        return math.sqrt(self._squares / self._count) / max(self._mean, 1e-6)
