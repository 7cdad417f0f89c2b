"""What the server and its children have held in the last hours: a ring of samples, bounded whatever happens."""

from __future__ import annotations

import math
import os
import time
from array import array
from typing import TYPE_CHECKING

from halfgig.memory.meter import rss, tree_pss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Bytes, Seconds

INTERVAL: Seconds = 10.0  # between two samples
SAMPLES = 2160  # six hours of them, in 52 kB

Row = tuple[float, int, int]  # unix seconds, bytes of the server with its children, bytes of the server alone


class History:
    """The newest samples, oldest first. For one thread."""

    def __init__(self, most: int = SAMPLES) -> None:
        self._most, self._next = most, 0
        self._times, self._held, self._own = array("d"), array("q"), array("q")

    def __len__(self) -> int:
        return len(self._times)

    def note(self, at: float, held: Bytes, own: Bytes) -> None:
        """Keep one more sample, in the place of the oldest where the ring is full."""
        if len(self) < self._most:
            self._times.append(at)
            self._held.append(held)
            self._own.append(own)
            return
        self._times[self._next], self._held[self._next], self._own[self._next] = at, held, own
        self._next = (self._next + 1) % self._most

    def rows(self, since: float = -math.inf) -> Iterator[Row]:
        """The samples after `since`, unix seconds."""
        for place in range(len(self)):
            at = (self._next + place) % len(self)
            if self._times[at] > since:
                yield self._times[at], self._held[at], self._own[at]

    def outline(self, points: int, since: float = -math.inf) -> list[Row]:
        """About as many rows as are asked for, each the highest of its stretch: no peak is left out."""
        rows = list(self.rows(since))
        stretch = max(1, -(-len(rows) // points))
        runs = (rows[first : first + stretch] for first in range(0, len(rows), stretch))
        return [(run[-1][0], max(row[1] for row in run), max(row[2] for row in run)) for run in runs]


def now_held() -> Row:
    """What is held at this moment, by the share of each process in what it has in memory."""
    own = rss()
    return time.time(), max(own, tree_pss(os.getpid())), own
