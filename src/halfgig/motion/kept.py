"""Kept: repetitions packed into some hundred bytes each, for as long as nobody knows whether they will be told."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, NamedTuple

from halfgig.records import Rep

if TYPE_CHECKING:
    from collections.abc import Iterator

SIDES = ("both", "left", "right")


class Sight(NamedTuple):
    """What only the signals during a repetition tell: `symmetry` is None where nothing can be said."""

    view: str
    symmetry: float | None
    confidence: float


class Kept:
    """Repetitions with what was seen of them, in the order in which they were added."""

    def __init__(self) -> None:
        self._figures = array("d")
        self._views: list[str] = []  # each of a handful of names, shared

    def __len__(self) -> int:
        return len(self._views)

    def add(self, rep: Rep, sight: Sight) -> None:
        """Keep one more; neither its number nor its set."""
        times = (rep.start, rep.turn, rep.end, rep.reached, rep.left)
        kind = 2 * SIDES.index(rep.side) + rep.partial
        even = math.nan if sight.symmetry is None else sight.symmetry
        self._figures.extend((*times, rep.lowest, rep.highest, kind, even, sight.confidence))
        self._views.append(sight.view)

    def __iter__(self) -> Iterator[tuple[Rep, Sight]]:
        each = len(self._figures) // max(len(self._views), 1)
        for number, view in enumerate(self._views):
            row = self._figures[each * number : each * (number + 1)]
            start, turn, end, reached, left, lowest, highest, kind, even, confidence = row
            side, partial = SIDES[int(kind) // 2], bool(kind % 2)
            rep = Rep(0, start, turn, end, lowest, highest, side, partial, reached, left)
            yield rep, Sight(view, None if math.isnan(even) else even, confidence)


class Counted(Kept):
    """Repetitions of which only the number is kept: a few bytes, however many there are."""

    def __init__(self) -> None:
        super().__init__()
        self.reps = dict.fromkeys(SIDES, 0)  # by side
        self.attempts = 0

    def __len__(self) -> int:
        return sum(self.reps.values()) + self.attempts

    def add(self, rep: Rep, _: Sight | None = None) -> None:
        """Count one more."""
        if rep.partial:
            self.attempts += 1
        else:
            self.reps[rep.side] += 1
