"""Traces: the last smooth samples of a signal, to tell of a repetition that has become certain when it turned.

Near its extreme a signal is flat, so that the furthest sample may be anywhere there, while the middle between the two
ways lies towards the slower one. A limb that is swung to a turn goes as a half cosine does, each way at its own pace:
at whatever depth, the moment midway between both ways is as far from the turn as the arc up to that depth.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.records import Seconds

    Floats = NDArray[np.float64]

REMEMBERED: Seconds = 150.0  # the 20 s of a rep and the 120 s until it is told are within them
MOST_A_SECOND = 20  # samples: 12 bytes each
ROUNDING = 1e-6  # share by which the time between two samples may be short
DEPTHS = np.arange(0.15, 0.91, 0.075)  # shares of a swing below its turn, at which the ways are looked at
ARCS = np.arcsin(np.sqrt(DEPTHS))  # how far a half cosine is from its turn there
ALIKE = 0.05  # of a rep's time for each unit of arc, up to which a difference between the ways may be chance
UNEVEN = 0.5  # of the longer way, that the shorter one must be


class Trace:
    """Smooth samples of the last REMEMBERED seconds, work towards higher values."""

    def __init__(self) -> None:
        self._times = array("d")
        self._values = array("f")

    def add(self, time: Seconds, value: float) -> None:
        """Remember a sample, unless it follows too closely on another; those that are too old go now and then."""
        if self._times and time - self._times[-1] < (1 - ROUNDING) / MOST_A_SECOND:
            return
        self._times.append(time)
        self._values.append(value)
        if len(self._times) > 2 * REMEMBERED * MOST_A_SECOND or time - self._times[0] > 2 * REMEMBERED:
            self._forget(time - REMEMBERED)

    def _forget(self, before: Seconds) -> None:
        old = int(np.searchsorted(np.array(self._times), before))
        del self._times[:old], self._values[:old]

    def turn(self, start: Seconds, end: Seconds) -> Seconds | None:
        """When the signal turned between these times; None where it did not go there and back."""
        times = np.array(self._times)
        within = slice(*np.searchsorted(times, [start, end + ROUNDING]))
        return middle(times[within], np.array(self._values[within], np.float64))


def middle(times: Floats, values: Floats) -> Seconds | None:
    """When a signal (n,) turned that rises and falls once; None where one of the two ways is not much of one."""
    if len(times) < 3:
        return None
    top = int(values.argmax())
    there, back = (times[top::-1], values[top::-1]), (times[top:], values[top:])
    ways = [float(values[top] - side[1].min()) for side in (there, back)]
    if min(ways) <= 0 or min(ways) < UNEVEN * max(ways):
        return None
    levels = values[top] - DEPTHS * min(ways)
    before, after = (_reached(*side, levels) for side in (there, back))
    turned = _at_no_depth((before + after) / 2, float(times[-1] - times[0]))
    return min(max(turned, float(before[0])), float(after[0]))


def _reached(times: Floats, values: Floats, levels: Floats) -> Floats:
    """When the signal, followed away from its extreme, is at each level for the first time."""
    found: Floats = np.interp(-levels, -np.minimum.accumulate(values), times)
    return found


def _at_no_depth(middles: Floats, seconds: Seconds) -> Seconds:
    """The middles of the ways at DEPTHS, followed to the turn itself; where both ways are alike, their mean."""
    arcs = ARCS - ARCS.mean()
    slope = float(arcs @ middles / (arcs @ arcs))
    trust = slope**4 / (slope**4 + (ALIKE * seconds) ** 4) if seconds > 0 else 0.0
    return math.fsum(middles) / len(middles) - trust * slope * float(ARCS.mean())
