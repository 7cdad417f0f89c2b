"""Recognition: which exercise a stream of angles shows, and the reps of it that look like that exercise.

Every known exercise is counted at once; each rep found is compared with the form its exercise has, from a bounded
memory of the last minutes; the exercise that explains most of the time in good form is the one that is done.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import COLUMN, SIGNALS
from halfgig.motion.exercises import EXERCISES
from halfgig.motion.kept import Kept
from halfgig.motion.measures import assess, look
from halfgig.motion.periodic import CANDIDATES, LEAST_FIT, Runs
from halfgig.motion.reps import Counter, seconds_of
from halfgig.motion.views import STEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise, Trait
    from halfgig.motion.kept import Sight
    from halfgig.records import Rep, Seconds

NONE = "none"  # the exercise of a video that shows none
REMEMBERED: Seconds = 300  # a rep of 20 s, a rest of 60 s behind it and the 120 s until it is told are within them
MOST_A_SECOND = 20  # moments that are remembered: 0.9 MB
ROUNDING = 1e-6  # share by which the time between two moments may be short
MOST_FAIR, NEIGHBOURS = 64, 8  # reps of fair form before there is proof; reps between which one stands in a row
GOOD_FORM = 0.5  # fit from which a rep is one of its exercise
POOR_FORM = 0.15  # fit from which a rep counts, once the exercise is known
SURE_FORM = 0.9  # mean fit that a single rep must have, to be taken for exercise
FAINT_FORM = 0.03  # fit from which a rep counts that is one of a row of good ones; the rest is dropped at once
STRAY = 0.05  # of a rep's values at either end, that may be slips of the pose model
LEAST_EACH = 2  # reps on each side that an alternating exercise must have
LEAST_PROOF = 1.7  # sum of fits that is taken for exercise


STATISTICS: dict[str, Callable[[NDArray[np.float32]], float]] = {
    "mean": lambda values: float(values.mean()),
    "range": lambda values: _from_to(values, STRAY, 1 - STRAY),
    "lowest": lambda values: _at(np.sort(values), STRAY),
}


def _from_to(values: NDArray[np.float32], low: float, high: float) -> float:
    ordered = np.sort(values)
    return _at(ordered, high) - _at(ordered, low)


def _at(ordered: NDArray[np.float32], share: float) -> float:
    return float(ordered[round(share * (len(ordered) - 1))])


class Memory:
    """The signals of the last REMEMBERED seconds, to look at a rep that has become certain only later."""

    def __init__(self, seconds: Seconds = REMEMBERED) -> None:
        moments = math.ceil(seconds * MOST_A_SECOND)
        self._times = np.full(moments, np.nan)
        self._rows = np.full((moments, len(SIGNALS)), np.nan, np.float32)
        self._next = 0
        self._last = -math.inf

    def add(self, moment: AnglesAt) -> None:
        """Remember this moment in place of the oldest, unless it follows too closely on another."""
        if 0 <= moment.time - self._last < (1 - ROUNDING) / MOST_A_SECOND:
            return
        self._times[self._next], self._rows[self._next] = moment.time, moment.values
        self._next = (self._next + 1) % len(self._times)
        self._last = moment.time

    def watch(self, angles: Iterable[AnglesAt]) -> Iterator[AnglesAt]:
        """The same moments, remembered."""
        for moment in angles:
            self.add(moment)
            yield moment

    def during(self, rep: Rep) -> NDArray[np.float32]:
        """All signals from the rep's start to its end, (n, len(SIGNALS)), in no certain order."""
        return self._rows[(self._times >= rep.start) & (self._times <= rep.end)]


@dataclass(slots=True)
class Candidate:
    """An exercise that may be the one, with the reps and attempts that may be of it, and what speaks for it.

    Only what would be told is kept: reps of fair form, the latest of them while there is no proof of any, and poorer
    ones that stand in a row with good ones.
    """

    exercise: Exercise
    counters: list[Counter]
    kept: Kept = field(default_factory=Kept)
    _fair: deque[tuple[Rep, Sight]] = field(default_factory=lambda: deque(maxlen=MOST_FAIR))
    _faint: deque[tuple[Rep, Sight]] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))
    _good: deque[Rep] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))
    _sides: dict[str, int] = field(default_factory=dict)
    _fits: float = 0.0
    _seconds: float = 0.0  # within good reps, by their fit

    def take(self, rep: Rep, fit: float, sight: Sight) -> None:
        """One more rep or attempt; in order of time."""
        if fit >= GOOD_FORM and not rep.partial:
            self._prove(rep, fit)
            self.kept.add(rep, sight)
        elif fit >= POOR_FORM:
            self._fair.append((rep, sight))
        elif any(_in_a_row(rep, other) for other in self._good):
            self.kept.add(rep, sight)
        else:
            self._faint.append((rep, sight))
        if self._fair and self.proof() > 0:
            self._keep(self._fair, list(self._fair))

    def _prove(self, rep: Rep, fit: float) -> None:
        self._sides[rep.side] = self._sides.get(rep.side, 0) + 1
        self._fits += fit
        self._seconds += fit * seconds_of(rep)
        self._good.append(rep)
        self._keep(self._faint, [one for one in self._faint if _in_a_row(one[0], rep)])

    def _keep(self, waiting: deque[tuple[Rep, Sight]], chosen: list[tuple[Rep, Sight]]) -> None:
        for one in chosen:
            waiting.remove(one)
            self.kept.add(*one)

    def proof(self) -> float:
        """How much speaks for this exercise: seconds spent in its reps, by their fit; 0 where it is too little."""
        good = sum(self._sides.values())
        if good == 0 or (self._fits < LEAST_PROOF and self._fits / good < SURE_FORM) or not self._on_all_sides():
            return 0.0
        return self.exercise.prior * self._seconds / len(self.counters)

    @property
    def for_good(self) -> bool:
        """Whether it is proven whatever comes."""
        return self._fits >= LEAST_PROOF and self._on_all_sides()

    def _on_all_sides(self) -> bool:
        """Whether an alternating exercise has alternated; a single swing of one leg is a step."""
        counts = [self._sides.get(counter.side, 0) for counter in self.counters]
        return len(counts) == 1 or min(counts) >= LEAST_EACH


def _candidate(exercise: Exercise, keep: Callable[[], Kept]) -> Candidate:
    return Candidate(exercise, [Counter(exercise, side) for side in exercise.sides], keep())


def _in_a_row(rep: Rep, other: Rep) -> bool:
    """Whether two reps follow one another with less than a rep's time between them."""
    apart = max(rep.start - other.end, other.start - rep.end)
    return rep.side == other.side and apart <= seconds_of(rep)


class Recognizer:
    """Counts every exercise of the table at once, and even movements of none for as long as none is proven.

    `keep` makes what the reps of each are kept in.
    """

    def __init__(self, exercises: Sequence[Exercise] = EXERCISES, keep: Callable[[], Kept] = Kept) -> None:
        self._memory = Memory()
        shown = (row for row in exercises if row.form and not row.hold)
        self.candidates = [_candidate(row, keep) for row in shown]
        self.unknown = [(_candidate(row, keep), Runs(keep)) for row in CANDIDATES]

    def recognize(self, angles: Iterable[AnglesAt]) -> tuple[Exercise | None, Iterable[Rep]]:
        """The exercise that is done, with its reps and attempts; (None, ()) where there is none."""
        for moment in angles:
            self.add(moment)
        candidate, kept = self.finish()
        if candidate is None:
            return None, ()
        return candidate.exercise, (assess(rep, sight, candidate.exercise) for rep, sight in kept)

    def add(self, moment: AnglesAt) -> None:
        """One more moment."""
        self._memory.add(moment)
        self._take(moment)

    def finish(self) -> tuple[Candidate | None, Kept]:
        """The one that is done, with its reps and attempts; (None, none of them) where there is none."""
        self._take(None)
        best = max(self.candidates, key=Candidate.proof)
        candidate, kept = (best, best.kept) if best.proof() > 0 else self._periodic()
        return (candidate, kept) if len(kept) else (None, kept)

    def foresee(self) -> tuple[Candidate | None, Kept]:
        """What `finish` would tell now, of candidates that have ended; those of this one go on as they were."""
        ended = copy(self)
        ended.candidates, ended.unknown = deepcopy((self.candidates, self.unknown))
        return ended.finish()

    def _periodic(self) -> tuple[Candidate, Kept]:
        """The unknown movement that is repeated evenly for the longest time."""
        candidate, runs = max(self.unknown, key=lambda one: one[1].seconds)
        return candidate, runs.even()

    def _take(self, moment: AnglesAt | None) -> None:
        """Give each counter the moment, or the end, and each candidate what its counters find."""
        for candidate in self.candidates:
            for rep, belief, rows in self._believed(candidate, moment):
                if belief >= FAINT_FORM:
                    candidate.take(rep, belief, look(rep, rows, candidate.exercise))
        for candidate, runs in self.unknown:
            for rep, belief, rows in self._believed(candidate, moment):
                if belief >= LEAST_FIT and not rep.partial:
                    runs.add(rep, look(rep, rows, candidate.exercise))
        if self.unknown and any(candidate.for_good for candidate in self.candidates):
            self.unknown.clear()

    def _believed(
        self, candidate: Candidate, moment: AnglesAt | None
    ) -> Iterator[tuple[Rep, float, NDArray[np.float32]]]:
        given = (counter.finish() if moment is None else counter.add(moment) for counter in candidate.counters)
        for rep in itertools.chain.from_iterable(given):
            rows = self._memory.during(rep)
            yield rep, fit(candidate.exercise.form, rows, rep.side), rows


def fit(form: Sequence[Trait], rows: NDArray[np.float32], side: str) -> float:
    """How well signals (n, len(SIGNALS)) fit a form, in [0, 1]: the product over its traits, unseen ones left out;
    without any moment 0."""
    if len(rows) == 0:
        return 0.0
    product = 1.0
    along = _is_along(rows)
    for trait in form:
        if trait.aside and along:
            continue
        value = measure_trait(trait, rows, side)
        if not math.isnan(value):
            product *= trait.likeness(value)
    return product


def _is_along(rows: NDArray[np.float32]) -> bool:
    """Whether the camera looks along the body, from the head or from the feet."""
    along = rows[:, COLUMN["along"]]
    along = along[~np.isnan(along)]
    return len(along) > 0 and float(np.abs(along).mean()) > STEEP


def measure_trait(trait: Trait, rows: NDArray[np.float32], side: str) -> float:
    """The trait's statistic of its signal over (n, len(SIGNALS)) rows; NaN where it was never seen."""
    values = _signal(trait.signal, rows, side)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return math.nan
    return STATISTICS[trait.statistic](values)


def _signal(name: str, rows: NDArray[np.float32], side: str) -> NDArray[np.float32]:
    if name in COLUMN:
        return rows[:, COLUMN[name]]
    left, right = rows[:, COLUMN[f"left_{name}"]], rows[:, COLUMN[f"right_{name}"]]
    if side != "both":
        return left if side == "left" else right
    return np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
