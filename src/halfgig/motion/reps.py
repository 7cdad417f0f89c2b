"""Reps: the turns of an exercise's signal become repetitions and attempts, judged on the exerciser's own range.

Everything here streams: a counter holds a bounded number of samples and turns, whatever the video's length.
"""

from __future__ import annotations

import itertools
from collections import deque
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from halfgig.motion.traces import Trace
from halfgig.motion.turns import Smoother, Turn, TurnFinder
from halfgig.records import Rep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise
    from halfgig.records import Seconds

HORIZON = 24  # turns before and after that tell the exerciser's own range
MAX_SECONDS = 20.0  # of one repetition
LATEST: Seconds = 120.0  # after a turn, when its rep is told with the turns that there are, while its signals are known


@dataclass(frozen=True, slots=True)
class Tuning:
    """The figures by which reps are told from other movement; `python -m benchmarks.reps` tries others."""

    full: float = 0.45  # of the exerciser's own range, that a repetition must move through, there and back
    attempt: float = 0.2  # the same for an attempt
    rest: float = 0.35  # of the own range, within which the signal counts as back at rest
    base: float = 0.6  # of the exercise's least range, that makes a turn worth remembering
    typical: float = 0.6  # of all the way that the signal swings, the share done in swings no longer than the own range
    edge: float = 0.25  # of the own range, of a first swing whose beginning was not seen, if the way back is
    whole: float = 0.75  # this share of it or more
    reach: Seconds = 0.15  # to each side, that smoothing may look at


TUNING = Tuning()


class Graded(NamedTuple):
    """A turn with the exerciser's own range at that time, and the value at rest; work is towards higher values."""

    turn: Turn
    span: float
    rest: float


class Counter:
    """Counts one exercise on one side (or both together): samples in, reps and attempts out, in order of time."""

    def __init__(self, exercise: Exercise, side: str = "both", tuning: Tuning = TUNING) -> None:
        self.exercise, self.side = exercise, side
        self._sign = 1.0 if exercise.work == "high" else -1.0
        self._reach = tuning.reach
        self._smoother = Smoother(tuning.reach)
        self._turns = TurnFinder(tuning.base * exercise.least)
        self._trace = Trace()
        self._grader = _Grader(tuning)
        self._picker = _Picker(exercise, tuning)

    def add(self, moment: AnglesAt) -> list[Rep]:
        """Reps and attempts that have become certain."""
        before = self._end_run() if moment.cut else []
        value = self._sign * self.exercise.signal(moment, self.side)
        turns = self._turned(self._smoother.add(moment.time, value))
        return [*before, *self._judge(turns), *self._settle(moment.time - LATEST)]

    def _turned(self, samples: Iterable[tuple[Seconds, float]]) -> Iterator[Turn | None]:
        for sample in samples:
            self._trace.add(*sample)
            yield from self._turns.add(*sample)

    def finish(self) -> list[Rep]:
        """The remaining ones, when the video ends."""
        return [*self._end_run(), *self._pick(self._grader.finish())]

    def foresee(self) -> list[Rep]:
        """What `finish` would give now; the counter goes on as it was."""
        return deepcopy(self).finish()

    @property
    def own_range(self) -> tuple[float, float]:
        """(range, value at rest) of the exerciser as far as it is known, the value with work towards higher ones."""
        return self._grader.own_range()

    def _end_run(self) -> list[Rep]:
        """What is left when nothing that follows belongs to what was before."""
        turns = list(self._turned(self._smoother.finish()))
        self._smoother = Smoother(self._reach)
        return self._judge([*turns, *self._turns.finish()])

    def _judge(self, turns: Iterable[Turn | None]) -> list[Rep]:
        return [rep for turn in turns for rep in self._pick(self._grader.add(turn))]

    def _settle(self, before: Seconds) -> list[Rep]:
        """What must not wait longer for what comes after it."""
        return [*self._pick(self._grader.overdue(before)), *self._chosen(self._picker.overdue(before))]

    def _pick(self, graded: Iterable[Graded | None]) -> list[Rep]:
        return self._chosen(rep for one in graded for rep in self._picker.add(one))

    def _chosen(self, found: Iterable[Rep]) -> list[Rep]:
        return [self._named(rep) for rep in found if self.exercise.quick <= rep.end - rep.start <= MAX_SECONDS]

    def _named(self, rep: Rep) -> Rep:
        low, high = sorted((self._sign * rep.lowest, self._sign * rep.highest))
        return replace(rep, lowest=low, highest=high, side=self.side, turn=self._when(rep))

    def _when(self, rep: Rep) -> Seconds:
        """When it turned; one that began at its turn, with a load on the floor, has no way there."""
        turned = self._trace.turn(rep.start, rep.end) if rep.reached > rep.start else None
        return rep.turn if turned is None else turned


class _Grader:
    """Gives each turn the exerciser's own range, told from up to HORIZON turns before and after it."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._held: deque[Turn | None] = deque(maxlen=2 * HORIZON + 1)
        self._next = 0

    def add(self, turn: Turn | None) -> list[Graded | None]:
        if len(self._held) == self._held.maxlen:
            self._next -= 1
        self._held.append(turn)
        return [self._grade(self.own_range())] if self._next + HORIZON < len(self._held) else []

    def overdue(self, before: Seconds) -> list[Graded | None]:
        """The turns until then that still wait for others, and the ends of runs behind them."""
        waiting = itertools.islice(self._held, self._next, None)
        due = itertools.takewhile(lambda turn: turn is None or turn.time < before, waiting)
        return self._grade_all(sum(1 for _ in due))

    def finish(self) -> list[Graded | None]:
        return self._grade_all(len(self._held) - self._next)

    def _grade_all(self, number: int) -> list[Graded | None]:
        """The next ones, for which no others came in between: one own range is that of them all."""
        own = self.own_range() if number else (0.0, 0.0)
        return [self._grade(own) for _ in range(number)]

    def _grade(self, own: tuple[float, float]) -> Graded | None:
        turn = self._held[self._next]
        self._next += 1
        return None if turn is None else Graded(turn, *own)

    def own_range(self) -> tuple[float, float]:
        return own_range(self._held, self._tuning)


def own_range(turns: Iterable[Turn | None], tuning: Tuning = TUNING) -> tuple[float, float]:
    """(range, value at rest) of the swings among these turns, each swing weighed by its length: a few long ones
    outweigh many short ones, and one movement of another kind decides nothing."""
    runs = [[turn.value for turn in run] for run in _runs(turns)]
    span = 0.0
    for _ in range(2):
        runs = [_merge(run, tuning.full * span) for run in runs]
        swings = [abs(b - a) for run in runs for a, b in itertools.pairwise(run)]
        span = _weighted_quantile(swings, swings, tuning.typical)
    lows = [(min(a, b), abs(b - a)) for run in runs for a, b in itertools.pairwise(run)]
    return span, _weighted_quantile([low for low, _ in lows], [weight for _, weight in lows], 0.5)


def _runs(turns: Iterable[Turn | None]) -> list[list[Turn]]:
    runs: list[list[Turn]] = [[]]
    for turn in turns:
        if turn is None:
            runs.append([])
        else:
            runs[-1].append(turn)
    return runs


def _merge(values: Sequence[float], least: float) -> list[float]:
    """The extremes that remain when swings shorter than `least` are smoothed away."""
    kept: list[float] = []
    for value in values:
        while len(kept) >= 2 and (value - kept[-1]) * (kept[-1] - kept[-2]) >= 0:
            kept.pop()
        if len(kept) >= 2 and abs(value - kept[-1]) < least:
            continue
        kept.append(value)
    return kept


def _weighted_quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    enough, total = share * sum(weights), 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        total += weight
        if total >= enough:
            return value
    return 0.0


class _Picker:
    """Takes graded turns, keeps the swings that fill enough of the own range, and gives reps and attempts."""

    def __init__(self, exercise: Exercise, tuning: Tuning) -> None:
        self._least, self._floor, self._tuning = exercise.least, exercise.floor, tuning
        self._first = True
        self._recent: deque[Graded] = deque(maxlen=3)  # every turn: among them are the attempts
        self._span = 0.0
        self._kept: list[Turn] = []  # turns of full swings: rest, work, and the rest that is still settling

    def add(self, one: Graded | None) -> list[Rep]:
        if one is None:
            done = self._complete()
            self._recent.clear()
            self._kept.clear()
            self._first = True
            return done
        self._recent.append(one)
        return [*self._swing(one), *self._attempt()]

    def overdue(self, before: Seconds) -> list[Rep]:
        """The rep whose end has waited since then for another rest."""
        return self._complete() if len(self._kept) >= 3 and self._kept[-1].time < before else []

    def _swing(self, one: Graded) -> list[Rep]:
        """Follow the full swings, as TurnFinder follows the signal."""
        turn, kept, self._span = one.turn, self._kept, one.span
        if not kept:
            kept.append(turn)
            return []
        if turn.high == kept[-1].high:
            done = self._complete() if self._is_over(one) else []
            if (turn.value > kept[-1].value) == turn.high or self._rests(one):
                kept[-1] = turn
            return done
        if abs(turn.value - kept[-1].value) < self._enough(one, kept):
            if len(kept) == 1 and not turn.high:
                kept[0] = turn  # too small a swing to have begun at work: begin at rest
            return []
        done = self._complete()
        kept.append(turn)
        return done

    def _enough(self, one: Graded, kept: Sequence[Turn]) -> float:
        """How far a swing must go to be one of a repetition; of one that was under way already, less was seen."""
        full = max(self._tuning.full * one.span, self._least)
        seen_late = len(kept) == 1 and kept[0].edge and one.turn.high
        return min(full, self._tuning.edge * one.span) if seen_late else full

    def _rests(self, one: Graded) -> bool:
        """Whether the exerciser rests in this turn, and no rep waits for its end: the next one begins here."""
        near = abs(one.turn.value - one.rest) <= self._tuning.rest * one.span
        return not one.turn.high and len(self._kept) < 3 and near

    def _is_over(self, one: Graded) -> bool:
        """Whether the last rep had come to rest before this turn, which then belongs to what follows: small swings,
        that a long set of partial reps may be, do not make the rep before them longer."""
        kept = self._kept
        return len(kept) >= 3 and not one.turn.high and abs(kept[-1].value - one.rest) <= self._tuning.rest * one.span

    def _complete(self) -> list[Rep]:
        """The rep that the last rest ends, if the kept turns are rest, work, rest."""
        kept = self._kept
        if not kept or kept[-1].high:
            return []
        done = [_rep(*kept[-3:])] if len(kept) >= 3 and self._is_whole(*kept[-3:]) else self._from_floor()
        self._first = False
        del kept[:-2]
        return done

    def _from_floor(self) -> list[Rep]:
        """The first rep of a run that begins at work, where the load lies on the floor."""
        kept = self._kept
        if not (self._floor and self._first and len(kept) == 2 and self._is_whole(kept[0], kept[0], kept[1])):
            return []
        floor = _rep(kept[0], *kept)
        return [replace(floor, turn=max(floor.turn, floor.start), reached=floor.start)]

    def _is_whole(self, rest: Turn, work: Turn, end: Turn) -> bool:
        """Whether both ways are long enough; the first may have begun before the run, if the second is whole."""
        full = max(self._tuning.full * self._span, self._least)
        whole = max(self._tuning.whole * self._span, self._least)
        return work.value - rest.value >= full or work.value - end.value >= whole

    def _attempt(self) -> list[Rep]:
        if len(self._recent) < 3 or not self._recent[1].turn.high:
            return []
        before, work, after = self._recent
        there, back = work.turn.value - before.turn.value, work.turn.value - after.turn.value
        full = max(self._tuning.full * work.span, self._least)
        rests = all(abs(one.turn.value - work.rest) <= self._tuning.rest * work.span for one in (before, after))
        tried = min(there, back) >= self._tuning.attempt * work.span and max(there, back) < full
        return [replace(_rep(before.turn, work.turn, after.turn), partial=True)] if rests and tried else []


def _rep(rest: Turn, work: Turn, end: Turn) -> Rep:
    lowest = min(rest.value, end.value)
    return Rep(0, rest.leave, work.middle, end.arrive, lowest, work.value, reached=work.arrive, left=work.leave)


def find_reps(angles: Iterable[AnglesAt], exercise: Exercise, tuning: Tuning = TUNING) -> Iterator[Rep]:
    """Reps and attempts of one exercise as they become certain, numbered in order of being found."""
    counters = [Counter(exercise, side, tuning) for side in exercise.sides]
    number = {False: 0, True: 0}
    for found in _drive(angles, counters):
        number[found.partial] += 1
        yield replace(found, number=number[found.partial])


def _drive(angles: Iterable[AnglesAt], counters: Sequence[Counter]) -> Iterator[Rep]:
    for moment in angles:
        for counter in counters:
            yield from counter.add(moment)
    for counter in counters:
        yield from counter.finish()


def in_order(reps: Iterable[Rep]) -> tuple[Rep, ...]:
    """Reps by the time at which they start, numbered from 1."""
    ordered = sorted(reps, key=lambda rep: (rep.start, rep.side))
    return tuple(replace(rep, number=number) for number, rep in enumerate(ordered, 1))


def seconds_of(rep: Rep) -> Seconds:
    """How long the repetition takes."""
    return rep.end - rep.start
