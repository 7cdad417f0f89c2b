"""Turns: a noisy signal becomes the extremes between which it swings, in constant memory.

A turn is known once the signal has come back from it by `least`; a smaller wiggle never becomes one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.records import Seconds

REACH = 0.15  # seconds to each side that smoothing may look at
MAX_GAP = 1.0  # seconds without a value that end whatever was going on
MAX_REST = 60.0  # seconds at a low that end it, too: what comes next belongs to something else
EDGE = 0.3  # seconds at rest that a run begins with, from which its first turn is a true one
SLACK = 0.4  # share of `least` within which the signal counts as still being at its extreme
STEPS = 16  # into which the way through it is divided


@dataclass(frozen=True, slots=True)
class Turn:
    """An extreme of a signal: its time and value; `arrive` and `leave` bound the rest around it, in seconds.

    `edge`: the run begins with it, in the middle of a movement, so that its true extreme was not seen.
    """

    time: Seconds
    value: float
    arrive: Seconds
    leave: Seconds
    high: bool
    edge: bool = False

    def __deepcopy__(self, _: object) -> Turn:
        return self  # it never changes

    @property
    def middle(self) -> Seconds:
        """The middle of the rest: nearer the true turn than the sample that happens to be furthest."""
        return (self.arrive + self.leave) / 2


class Smoother:
    """Takes samples, gives each back as the mean of the middle half of its neighbours: no lag, no spikes.

    Values that are NaN are left out, and so is a moment whose own value is NaN.
    """

    def __init__(self, reach: Seconds = REACH) -> None:
        self._reach = reach
        self._near: deque[tuple[Seconds, float]] = deque()
        self._next = 0  # of the samples held, the one to give back next

    def add(self, time: Seconds, value: float) -> list[tuple[Seconds, float]]:
        """Samples that this one completes, in order of time."""
        if math.isnan(value):
            return []
        self._near.append((time, value))
        return self._give(time - self._reach)

    def finish(self) -> list[tuple[Seconds, float]]:
        """The samples still held."""
        return self._give(math.inf)

    def _give(self, until: Seconds) -> list[tuple[Seconds, float]]:
        given = []
        while self._next < len(self._near) and self._near[self._next][0] <= until:
            middle = self._near[self._next][0]
            while self._near[0][0] < middle - self._reach:
                self._near.popleft()
                self._next -= 1
            near = sorted(value for time, value in self._near if time <= middle + self._reach)
            cut = len(near) // 4
            kept = near[cut : len(near) - cut]
            given.append((middle, sum(kept) / len(kept)))
            self._next += 1
        return given


class _Extreme:
    """The furthest value so far in one sense, and since when the signal has been near it."""

    def __init__(self, time: Seconds, value: float, slack: float, *, high: bool) -> None:
        self.time, self.value, self.high = time, value, high
        self.leave = time
        self._slack = slack
        self._way = deque([(time, value)])  # to the extreme, from where it is near; at most STEPS places of it

    @property
    def arrive(self) -> Seconds:
        """Since when it is near."""
        return self._way[0][0]

    def take(self, time: Seconds, value: float) -> None:
        if (value > self.value) if self.high else (value < self.value):
            self._move(time, value)
        if abs(self.value - value) <= self._slack:
            self.leave = time

    def _move(self, time: Seconds, value: float) -> None:
        self.time, self.value = time, value
        if abs(value - self._way[-1][1]) > self._slack / STEPS:
            self._way.append((time, value))
        while abs(value - self._way[0][1]) > self._slack:
            self._way.popleft()


class TurnFinder:
    """Takes smooth samples, gives turns, highs and lows by turns; None where a gap ends the run."""

    def __init__(self, least: float, max_gap: Seconds = MAX_GAP) -> None:
        self._least, self._max_gap = least, max_gap
        self._seen: Seconds | None = None
        self._begun: Seconds = 0.0  # of the run; without end once it has had a turn
        self._high: _Extreme | None = None
        self._low: _Extreme | None = None

    def add(self, time: Seconds, value: float) -> list[Turn | None]:
        """Turns that this sample proves."""
        ended = self.finish() if self._is_over(time) else []
        if self._seen is None:
            self._begun = time
            self._high, self._low = self._start(time, value, high=True), self._start(time, value, high=False)
        self._seen = time
        return [*ended, *self._swing(time, value)]

    def _is_over(self, time: Seconds) -> bool:
        if self._seen is None:
            return False
        resting = self._low is not None and self._high is None and time - self._low.arrive > MAX_REST
        return resting or time - self._seen > self._max_gap

    @property
    def rising(self) -> bool | None:
        """Whether the signal is on its way up; None before it has moved by `least`."""
        return None if (self._high is None) == (self._low is None) else self._low is None

    def finish(self) -> list[Turn | None]:
        """The turn in which the run ends, and None for its end."""
        rests = [extreme for extreme in (self._high, self._low) if extreme is not None]
        self._seen = self._high = self._low = None
        return [self._turn(rests[0]), None] if len(rests) == 1 else [None]

    def _swing(self, time: Seconds, value: float) -> list[Turn | None]:
        for extreme in (self._high, self._low):
            if extreme is not None:
                extreme.take(time, value)
        if self._high is not None and self._high.value - value >= self._least:
            turn, self._high, self._low = self._turn(self._high), None, self._start(time, value, high=False)
            return [turn]
        if self._low is not None and value - self._low.value >= self._least:
            turn, self._low, self._high = self._turn(self._low), None, self._start(time, value, high=True)
            return [turn]
        return []

    def _turn(self, found: _Extreme) -> Turn:
        edge = 0 <= found.leave - self._begun < EDGE
        self._begun = math.inf
        return Turn(found.time, found.value, found.arrive, found.leave, found.high, edge)

    def _start(self, time: Seconds, value: float, *, high: bool) -> _Extreme:
        return _Extreme(time, value, SLACK * self._least, high=high)
