"""What the counter's figures are worth: chosen on all sources but one, and judged on that one, for each in turn.

A figure that was chosen on the very clips by which it is judged looks better than it is; this says by how much.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.motion.angles import measure_angles
from halfgig.motion.reps import TUNING, Tuning, find_reps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.clips import Clip, Label
    from halfgig.motion.angles import AnglesAt

GRID = {
    "full": (0.35, 0.4, 0.45, 0.5),
    "rest": (0.3, 0.35, 0.4),
    "base": (0.5, 0.6, 0.7),
    "typical": (0.5, 0.6, 0.7),
    "reach": (0.1, 0.15, 0.2),
}


def tunings() -> Iterator[Tuning]:
    """Every combination of the grid's figures."""
    for values in itertools.product(*GRID.values()):
        yield replace(TUNING, **dict(zip(GRID, values, strict=True)))


def leave_one_out(clips: Sequence[Clip]) -> Iterator[str]:
    """The share of clips that are exact and within one: with the figures in use, and with those chosen without them."""
    active = [(clip.label, list(measure_angles(clip.poses, guess=True))) for clip in clips if clip.label.exercise]
    misses = {tuning: [_miss(*clip, tuning) for clip in active] for tuning in {*tunings(), TUNING}}
    origins = [label.origin for label, _ in active]
    apart = [miss for origin in sorted(set(origins)) for miss in _held(origins, misses, origin)]
    yield f"{'figures in use':<28}{_shares(misses[TUNING])}"
    yield f"{'chosen without the source':<28}{_shares(apart)}"
    yield f"{'best of all for all':<28}{_shares(min(misses.values(), key=_cost))}"
    exact = sorted(sum(miss == 0 for miss in row) / len(row) for row in misses.values())
    low, middle, high = (exact[round(share * (len(exact) - 1))] for share in (0.0, 0.5, 1.0))
    yield f"{'exact over the grid':<28}{low:9.3f} to {high:.3f}, {middle:.3f} in the middle of {len(exact)}"


def _miss(label: Label, angles: Sequence[AnglesAt], tuning: Tuning) -> int:
    """Reps by which a clip's count is outside its label's range."""
    assert label.exercise is not None
    counted = sum(not rep.partial for rep in find_reps(angles, label.exercise, tuning))
    return max(label.least - counted, counted - label.most, 0)


def _held(origins: Sequence[str], misses: dict[Tuning, list[int]], origin: str) -> list[int]:
    """The misses on one source's clips, with the figures that are best on all others; near ones break ties."""
    own = [number for number, one in enumerate(origins) if one == origin]
    others = [number for number, one in enumerate(origins) if one != origin]
    best = min(misses, key=lambda tuning: (_cost([misses[tuning][number] for number in others]), _moved(tuning)))
    return [misses[best][number] for number in own]


def _cost(row: Sequence[int]) -> float:
    return sum(miss > 0 for miss in row) + 0.5 * sum(miss > 1 for miss in row)


def _moved(tuning: Tuning) -> int:
    return sum(getattr(tuning, name) != getattr(TUNING, name) for name in GRID)


def _shares(row: Sequence[int]) -> str:
    exact, near = (sum(miss <= most for miss in row) / len(row) for most in (0, 1))
    return f"{len(row):4d}{exact:9.3f}{near:9.3f}"
