"""Measures: how each repetition was done, from the signals during it: tempo, depth, symmetry, velocity, and a score.

A fault costs points only beyond what the angles can be wrong by from that view; where the view tells too little, or too
little of the rep was seen, there is no score.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import COLUMN
from halfgig.motion.forms import BACK, LOW, WHOLE
from halfgig.motion.kept import Sight
from halfgig.motion.views import SIDE, UNKNOWN, error_band, view_of
from halfgig.records import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from halfgig.motion.forms import Exercise
    from halfgig.records import Degrees, Rep

    Rows = NDArray[np.float32]

FULL_SCORE = 100
DEEP_ENOUGH: Degrees = 5  # short of a full range, which no coach minds
MOST_DEPTH, MOST_REST, MOST_SYMMETRY, DROPPED = 50, 25, 20, 10  # points that a fault costs at most
EVEN = 0.8  # of the greater side's range, from which sides are even
LEAST_LOWERING = 0.4  # seconds, below which a load is dropped
SEEN_WELL = 0.8  # of the moments, in which both sides must be seen to be compared
BELIEVED = 0.5  # confidence in a rep, from which its angles are judged
SHORTEST = 0.1  # seconds of a way, so that a velocity is a number


def look(rep: Rep, rows: Rows, exercise: Exercise) -> Sight:
    """What the signals (n, len(SIGNALS)) during the rep tell, and nothing that the rep itself does."""
    view = view_of(rows)
    band = error_band(exercise, view)
    symmetry = None if band is None else _symmetry(rep, rows, exercise, view)
    return Sight(view, symmetry, _confidence(rep, rows, exercise, view))


def assess(rep: Rep, sight: Sight, exercise: Exercise) -> Rep:
    """The rep with its quality."""
    band = error_band(exercise, sight.view) if sight.confidence >= BELIEVED else None
    lowering, lifting = _ways(rep, exercise)
    faults = list(_faults(rep, exercise, band, lowering, sight.symmetry))
    judged = exercise.full is not None and band is not None
    quality = Quality(
        eccentric=lowering,
        pause=max(rep.left - rep.reached, 0.0),
        concentric=lifting,
        depth=None if band is None else _depth(rep, exercise),
        symmetry=sight.symmetry,
        velocity=rep.range_of_motion / max(lifting, SHORTEST),
        score=max(0, FULL_SCORE - sum(points for points, _ in faults)) if judged else None,
        reasons=tuple(words for _, words in sorted(faults, reverse=True)),
        confidence=sight.confidence,
    )
    return replace(rep, quality=quality)


def _ways(rep: Rep, exercise: Exercise) -> tuple[float | None, float]:
    """Seconds of lowering and of lifting; of a load that was lifted from the floor, none of lowering."""
    there, back = max(rep.reached - rep.start, 0.0), max(rep.end - rep.left, 0.0)
    if exercise.lift != BACK:
        return back, there
    return (None if exercise.floor and rep.reached <= rep.start else there), back


def _ends(rep: Rep, exercise: Exercise) -> tuple[float, float]:
    """The signal at rest and at the turn."""
    return (rep.highest, rep.lowest) if exercise.work == LOW else (rep.lowest, rep.highest)


def _depth(rep: Rep, exercise: Exercise) -> float | None:
    if exercise.full is None or exercise.rest is None:
        return None
    _, turn = _ends(rep, exercise)
    return max(0.0, (turn - exercise.rest) / (exercise.full - exercise.rest))


def _symmetry(rep: Rep, rows: Rows, exercise: Exercise, view: str) -> float | None:
    """The lesser side's range by the greater's; None where sides take turns, or one is hidden."""
    if rep.side != "both" or exercise.each or exercise.joint in WHOLE or view in (SIDE, UNKNOWN):
        return None
    if f"left_{exercise.joint}" not in COLUMN:
        return None
    sides = [rows[:, COLUMN[f"{side}_{exercise.joint}"]] for side in ("left", "right")]
    if len(rows) == 0 or min(np.isfinite(values).mean() for values in sides) < SEEN_WELL:
        return None
    ranges = [float(np.ptp(np.nanpercentile(values, (5, 95)))) for values in sides]
    return min(ranges) / max(*ranges, 1e-6)


def _faults(
    rep: Rep, exercise: Exercise, band: Degrees | None, lowering: float | None, symmetry: float | None
) -> Iterator[tuple[int, str]]:
    """Points that a fault costs, and what it is in words; none of angles where there is no `band`."""
    if band is not None:
        yield from _short(rep, exercise, max(band, DEEP_ENOUGH))
    if symmetry is not None and symmetry < EVEN:
        yield min(MOST_SYMMETRY, round(100 * (EVEN - symmetry))), f"one side moves {100 * (1 - symmetry):.0f} % less"
    if exercise.lift == BACK and lowering and lowering < LEAST_LOWERING and not exercise.each:
        yield DROPPED, f"lowered in {lowering:.1f} s"


def _short(rep: Rep, exercise: Exercise, allowed: Degrees) -> Iterator[tuple[int, str]]:
    if exercise.full is None or exercise.rest is None:
        return
    rest, turn = _ends(rep, exercise)
    sign = 1 if exercise.work == LOW else -1
    missing = sign * (turn - exercise.full)
    if points := _points(missing - allowed, MOST_DEPTH):
        yield points, f"depth {missing:.0f} degrees short"
    bent = sign * (exercise.rest - rest)
    if points := _points(bent - allowed, MOST_REST):
        yield points, f"{bent:.0f} degrees short of a full return"


def _points(beyond: Degrees, most: int) -> int:
    """One for each degree beyond what is allowed."""
    return min(most, round(max(beyond, 0.0)))


def _confidence(rep: Rep, rows: Rows, exercise: Exercise, view: str) -> float:
    """How far the rep can be believed: how much of it was seen, how far it moves beyond the least."""
    if len(rows) == 0:
        return 0.0
    seen = float(np.isfinite(_signals(rows, exercise)).any(axis=1).mean())
    clear = min(1.0, 0.5 + 0.25 * rep.range_of_motion / exercise.least)
    return seen * clear * (0.9 if view == UNKNOWN else 1.0)


def _signals(rows: Rows, exercise: Exercise) -> Rows:
    names = [exercise.joint] if exercise.joint in COLUMN else [f"{side}_{exercise.joint}" for side in ("left", "right")]
    return rows[:, [COLUMN[name] for name in names]]
