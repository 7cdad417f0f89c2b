"""Holds: postures that are kept, a plank or a wall sit, with the time for which they are, in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import COLUMN
from halfgig.motion.recognition import fit
from halfgig.records import Hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise
    from halfgig.records import Seconds

LEAST: Seconds = 3.0  # for which a posture is kept, to be held
PATIENCE: Seconds = 1.0  # out of it, that does not end it
IN_POSTURE = 0.5  # fit of a moment
STEADY = 0.75  # of the moments of a hold, that are in posture
DRIFT = 0.3  # trunk lengths that the shoulders may move away from where they were held
FOLLOW = 0.05  # share of a new place in where they are held


class HoldFinder:
    """Takes moments, gives the holds of one static exercise that they end."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self._start: Seconds | None = None
        self._last: Seconds = 0.0
        self._place = 0.0
        self._moments = self._in_posture = self._of = (
            0  # since the start: all, those in posture, and all up to the last
        )
        self.found: list[Hold] = []

    def add(self, moment: AnglesAt) -> None:
        """One more moment."""
        held = self._is_held(moment)
        self._moments += 1
        if self._start is not None and (moment.cut or moment.time - self._last > PATIENCE):
            self.finish()
        if held:
            self._keep(moment)

    @property
    def held(self) -> Seconds:
        """Seconds of the hold that is going on; 0 where there is none, or not yet."""
        seconds = 0.0 if self._start is None else self._last - self._start
        return seconds if seconds >= LEAST else 0.0

    def finish(self) -> None:
        """End the hold that is going on."""
        steady = self._in_posture >= STEADY * self._of
        if self._start is not None and steady and self._last - self._start >= LEAST:
            self.found.append(Hold(len(self.found) + 1, self._start, self._last))
        self._start = None

    def _is_held(self, moment: AnglesAt) -> bool:
        place = moment["shoulder_place"]
        if np.isnan(place) or np.isnan(moment.values[[COLUMN["left_hip"], COLUMN["right_hip"]]]).all():
            return False
        still = self._start is None or abs(place - self._place) <= DRIFT
        return still and fit(self.exercise.form, moment.values[None], "both") >= IN_POSTURE

    def _keep(self, moment: AnglesAt) -> None:
        place = moment["shoulder_place"]
        self._place = place if self._start is None else self._place + FOLLOW * (place - self._place)
        if self._start is None:
            self._start, self._moments, self._in_posture = moment.time, 1, 0
        self._in_posture += 1
        self._last, self._of = moment.time, self._moments


def watch_holds(angles: Iterable[AnglesAt], finders: Iterable[HoldFinder]) -> Iterator[AnglesAt]:
    """The same moments, seen by the finders as well."""
    finders = list(finders)
    for moment in angles:
        for finder in finders:
            finder.add(moment)
        yield moment
    for finder in finders:
        finder.finish()
