"""Recognition: which exercise a stream of angles shows, and the reps of it that look like that exercise.

Every known exercise is counted at once; each rep found is compared with the form its exercise has, from a bounded
memory of the last minutes; the exercise that explains most of the time in good form is the one that is done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from halfgig.motion.angles import COLUMN, SIGNALS
from halfgig.motion.exercises import EXERCISES
from halfgig.motion.periodic import CANDIDATES, LEAST_FIT, even_run
from halfgig.motion.reps import Counter, seconds_of
from halfgig.motion.views import STEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise, Trait
    from halfgig.records import Rep

Assess: TypeAlias = "Callable[[Rep, NDArray[np.float32], Exercise], Rep]"
NONE = "none"  # the exercise of a video that shows none
REMEMBERED = 6_000  # moments, ten minutes at 10 a second: 0.6 MB
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


def keep(rep: Rep, _: NDArray[np.float32], __: Exercise) -> Rep:
    """The same rep."""
    return rep


class Memory:
    """The last REMEMBERED moments of all signals, to look at a rep that has become certain only later."""

    def __init__(self, moments: int = REMEMBERED) -> None:
        self._times = np.full(moments, np.nan)
        self._rows = np.full((moments, len(SIGNALS)), np.nan, np.float32)
        self._next = 0

    def add(self, moment: AnglesAt) -> None:
        """Remember this moment in place of the oldest."""
        self._times[self._next], self._rows[self._next] = moment.time, moment.values
        self._next = (self._next + 1) % len(self._times)

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
    """An exercise that may be the one, with the reps and attempts that may be of it, and their fits."""

    exercise: Exercise
    counters: list[Counter]
    found: list[Rep] = field(default_factory=list)
    fits: list[float] = field(default_factory=list)

    def take(self, rep: Rep, fit: float) -> None:
        """Keep a rep or attempt that may pass for the exercise, once it is known that it is done."""
        self.found.append(rep)
        self.fits.append(fit)

    def well_formed(self, least: float = GOOD_FORM) -> list[Rep]:
        """The whole reps that fit at least as well."""
        return [rep for rep, fit in zip(self.found, self.fits, strict=True) if fit >= least and not rep.partial]

    def reps(self) -> list[Rep]:
        """The reps and attempts of fair form, and poorer ones that stand in a row with good ones."""
        good = self.well_formed()
        return [
            rep
            for rep, fit in zip(self.found, self.fits, strict=True)
            if fit >= POOR_FORM or any(_in_a_row(rep, other) for other in good)
        ]

    def proof(self) -> float:
        """How much speaks for this exercise: seconds spent in its reps, by their fit; 0 where it is too little."""
        whole = [
            (rep, fit) for rep, fit in zip(self.found, self.fits, strict=True) if fit >= GOOD_FORM and not rep.partial
        ]
        total = sum(fit for _, fit in whole)
        if not whole or (total < LEAST_PROOF and total / len(whole) < SURE_FORM) or not self._on_all_sides(whole):
            return 0.0
        return self.exercise.prior * sum(fit * seconds_of(rep) for rep, fit in whole) / len(self.counters)

    def _on_all_sides(self, whole: list[tuple[Rep, float]]) -> bool:
        """Whether an alternating exercise has alternated; a single swing of one leg is a step."""
        sides = [rep.side for rep, _ in whole]
        return len(self.counters) == 1 or all(sides.count(counter.side) >= LEAST_EACH for counter in self.counters)


def _candidate(exercise: Exercise) -> Candidate:
    return Candidate(exercise, [Counter(exercise, side) for side in exercise.sides])


def _in_a_row(rep: Rep, other: Rep) -> bool:
    """Whether two reps follow one another with less than a rep's time between them."""
    apart = max(rep.start - other.end, other.start - rep.end)
    return rep.side == other.side and apart <= seconds_of(rep)


class Recognizer:
    """Counts every exercise of the table at once."""

    def __init__(self, exercises: Sequence[Exercise] = EXERCISES, assess: Assess = keep) -> None:
        self._memory, self._assess = Memory(), assess
        shown = (row for row in exercises if row.form and not row.hold)
        self.candidates = [_candidate(row) for row in shown]
        self.unknown = [_candidate(row) for row in CANDIDATES]

    def recognize(self, angles: Iterable[AnglesAt]) -> tuple[Exercise | None, list[Rep]]:
        """The exercise that is done, with its reps and attempts; (None, []) where there is none."""
        everything = (*self.candidates, *self.unknown)
        for moment in angles:
            self._memory.add(moment)
            for candidate in everything:
                self._take(candidate, [rep for counter in candidate.counters for rep in counter.add(moment)])
        for candidate in everything:
            self._take(candidate, [rep for counter in candidate.counters for rep in counter.finish()])
        best = max(self.candidates, key=Candidate.proof)
        return (best.exercise, best.reps()) if best.proof() > 0 else self._periodic()

    def _periodic(self) -> tuple[Exercise | None, list[Rep]]:
        """The unknown movement that is repeated evenly for the longest time."""
        runs = [(candidate.exercise, even_run(candidate.well_formed(LEAST_FIT))) for candidate in self.unknown]
        exercise, reps = max(runs, key=lambda one: sum(map(seconds_of, one[1])))
        return (exercise, reps) if reps else (None, [])

    def _take(self, candidate: Candidate, found: list[Rep]) -> None:
        for rep in found:
            rows = self._memory.during(rep)
            belief = fit(candidate.exercise.form, rows, rep.side)
            if belief >= FAINT_FORM:
                candidate.take(self._assess(rep, rows, candidate.exercise), belief)


def fit(form: Sequence[Trait], rows: NDArray[np.float32], side: str) -> float:
    """How well signals (n, len(SIGNALS)) fit a form, in [0, 1]: the product over its traits, unseen ones left out."""
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
