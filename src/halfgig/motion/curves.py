"""Curves: the signals of a whole video for a picture of it, thinned as it grows: an hour holds what a minute does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import SIGNALS, measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.records import PoseAt

MOST = 4_000  # moments: more than a picture has columns


class Curve:
    """Keeps every moment, then every second one, every fourth, ..., and forgets the rest."""

    def __init__(self, most: int = MOST) -> None:
        self._times = np.full(most, np.nan)
        self._rows = np.full((most, len(SIGNALS)), np.nan, np.float32)
        self._kept = self._seen = 0
        self._step = 1

    def add(self, moment: PoseAt) -> None:
        """One more moment."""
        if self._seen % self._step == 0:
            if self._kept == len(self._times):
                self._thin()
            self._times[self._kept] = moment.time
            self._rows[self._kept] = np.nan if moment.pose is None else measure(moment.pose)
            self._kept += 1
        self._seen += 1

    def _thin(self) -> None:
        self._kept = len(self._times) // 2
        self._times[: self._kept], self._rows[: self._kept] = (
            self._times[::2][: self._kept],
            self._rows[::2][: self._kept],
        )
        self._step *= 2

    @property
    def times(self) -> NDArray[np.float64]:
        """(n,) seconds."""
        return self._times[: self._kept]

    @property
    def rows(self) -> NDArray[np.float32]:
        """(n, len(SIGNALS)), NaN where unseen."""
        return self._rows[: self._kept]
