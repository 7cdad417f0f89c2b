"""Live: what can be said of an exercise while it is done, a moment at a time, in constant memory. Pure.

It is the same counting as of a video. After each moment the count is what a video that ended there would have: a
repetition counts as soon as most of its way back is done, and what was counted lately may still be taken back.
"""

from __future__ import annotations

import math
from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from halfgig.motion.angles import measure_angles
from halfgig.motion.exercises import EXERCISES
from halfgig.motion.forms import BACK, HIGH
from halfgig.motion.holds import HoldFinder
from halfgig.motion.kept import Counted
from halfgig.motion.recognition import Recognizer
from halfgig.motion.reps import Counter
from halfgig.motion.turns import TurnFinder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise
    from halfgig.records import PoseAt, Seconds

REST, DOWN, UP, HOLD = "rest", "down", "up", "hold"
UNSEEN, WATCHING = "unseen", "watching"  # nobody, or not the joint; no exercise is recognised yet
EVERY: Seconds = 0.5  # between two looks at which exercise it is: each takes as long as a pose
MOVED = 0.5  # of the exercise's least range, that tells which way it goes
AT_REST = 0.2  # of the own range, within which the exerciser rests


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be said at one moment.

    `phase` is up on the way on which the load is lifted, whichever way the joint goes. `exercise` is None where none is
    recognised, `value` is its signal, None where that is neither seen nor guessed. `reps` are by side; `held` is how
    long a static exercise has been held.
    """

    time: Seconds
    phase: str
    exercise: Exercise | None = None
    value: float | None = None
    reps: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    held: Seconds = 0.0

    @property
    def count(self) -> int:
        """Repetitions of all sides."""
        return sum(self.reps.values())


class Live:
    """Watches one exercise, or with None whichever is done; each moment must be later than the one before."""

    def __init__(self, exercise: Exercise | None, learned: Sequence[Exercise] = ()) -> None:
        self._given: deque[PoseAt] = deque()
        self._angles = measure_angles(self._moments(), guess=exercise is not None)
        self._watched: _Watched
        if exercise is None:
            self._watched = _Any(learned)
        else:
            self._watched = _Held(exercise) if exercise.hold else _Counted(exercise)

    def add(self, moment: PoseAt) -> Standing:
        """What can be said now."""
        self._given.append(moment)
        angles = next(self._angles)
        self._watched.add(angles)
        return self._watched.standing(angles, seen=moment.pose is not None)

    def _moments(self) -> Iterator[PoseAt]:
        while True:
            yield self._given.popleft()


class _Watched:
    """What is watched: takes moments, and says how it stands."""

    def add(self, moment: AnglesAt) -> None:
        raise NotImplementedError

    def standing(self, moment: AnglesAt, *, seen: bool) -> Standing:
        raise NotImplementedError


class _Counted(_Watched):
    """One exercise that is repeated."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self._counters = [Counter(exercise, side) for side in exercise.sides]
        self._course = Course(exercise)
        self._certain = Counted()

    def add(self, moment: AnglesAt) -> None:
        for counter in self._counters:
            for rep in counter.add(moment):
                self._certain.add(rep)
        self._course.add(moment)

    def standing(self, moment: AnglesAt, *, seen: bool) -> Standing:
        counted = deepcopy(self._certain)
        for rep in (rep for counter in self._counters for rep in counter.foresee()):
            counted.add(rep)
        phase = self._course.phase(self._counters) if seen else UNSEEN
        return _standing(moment, phase, self.exercise, counted, self._course)


class _Any(_Watched):
    """Whichever exercise is done: the one that explains most of the time so far."""

    def __init__(self, learned: Sequence[Exercise]) -> None:
        self._recognizer = Recognizer((*EXERCISES, *learned), Counted)
        self._looked_at = -math.inf
        self._counters: list[Counter] = []
        self._counted = Counted()
        self._course: Course | None = None

    def add(self, moment: AnglesAt) -> None:
        self._recognizer.add(moment)
        if moment.time - self._looked_at >= EVERY:
            self._looked_at = moment.time
            self._look()
        if self._course is not None:
            self._course.add(moment)

    def _look(self) -> None:
        candidate, counted = self._recognizer.foresee()
        assert isinstance(counted, Counted)
        self._counted = counted
        if candidate is None:
            self._course = None
            return
        self._counters = candidate.counters
        if self._course is None or self._course.exercise != candidate.exercise:
            self._course = Course(candidate.exercise)

    def standing(self, moment: AnglesAt, *, seen: bool) -> Standing:
        if self._course is None:
            return Standing(moment.time, WATCHING if seen else UNSEEN)
        phase = self._course.phase(self._counters) if seen else UNSEEN
        return _standing(moment, phase, self._course.exercise, self._counted, self._course)


class _Held(_Watched):
    """One exercise that is held."""

    def __init__(self, exercise: Exercise) -> None:
        self._finder = HoldFinder(exercise)
        self._before: Seconds = 0.0

    def add(self, moment: AnglesAt) -> None:
        self._finder.add(moment)
        self._before += sum(hold.end - hold.start for hold in self._finder.found)
        self._finder.found.clear()

    def standing(self, moment: AnglesAt, *, seen: bool) -> Standing:
        exercise, now = self._finder.exercise, self._finder.held
        phase = (HOLD if now else REST) if seen else UNSEEN
        return Standing(moment.time, phase, exercise, _number(exercise.signal(moment)), held=self._before + now)


class Course:
    """Which way an exercise goes, and where its signal is: that of the side that is furthest from rest."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self._sign = 1.0 if exercise.work == HIGH else -1.0
        self._ways = [TurnFinder(MOVED * exercise.least) for _ in exercise.sides]
        self._values = [math.nan for _ in exercise.sides]

    def add(self, moment: AnglesAt) -> None:
        """One more moment."""
        for number, side in enumerate(self.exercise.sides):
            value = self._values[number] = self._sign * self.exercise.signal(moment, side)
            if not math.isnan(value):
                self._ways[number].add(moment.time, value)

    @property
    def value(self) -> float | None:
        """The signal; None where it is not seen."""
        seen = [value for value in self._values if not math.isnan(value)]
        return self._sign * max(seen) if seen else None

    def phase(self, counters: Sequence[Counter]) -> str:
        """Rest, up or down, by the own range that the counters of the sides know."""
        if self.value is None:
            return UNSEEN
        number = self._values.index(self._sign * self.value)
        there, (span, rest) = self._ways[number].rising, counters[number].own_range
        if there is None or (span and self._values[number] - rest < AT_REST * span):
            return REST
        return DOWN if there == (self.exercise.lift == BACK) else UP


def _standing(moment: AnglesAt, phase: str, exercise: Exercise, counted: Counted, course: Course) -> Standing:
    reps = {side: counted.reps[side] for side in exercise.sides}
    return Standing(moment.time, phase, exercise, course.value, reps, counted.attempts)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
