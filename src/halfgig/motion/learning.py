"""Learning: an exercise of a person's own, from one example: which joint moves as often as they say, and how. Pure."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, median, pstdev
from typing import TYPE_CHECKING

import numpy as np

from halfgig.errors import BadRequest
from halfgig.motion.forms import HIGH, LOW, Exercise, Trait, moves
from halfgig.motion.forms import mean as on_average
from halfgig.motion.recognition import measure_trait
from halfgig.motion.reps import find_reps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.motion.angles import AnglesAt
    from halfgig.records import Rep

JOINTS = ("knee", "hip", "elbow", "shoulder", "ankle", "trunk")
NOTICED = 15.0  # degrees of the smallest swing that is looked for
LEAST_SHARE = 0.4  # of the usual range, that a repetition must have
STILL, MOVING = 20.0, 40.0  # degrees: a joint that moves less is still, one that moves more is part of it
LEANING = 25.0  # degrees of the trunk to either side


def learn(name: str, angles: Sequence[AnglesAt], reps: int, group: str = "") -> Exercise:
    """The exercise of which these signals show so many repetitions. BadRequest where no joint moves that often."""
    found = [one for one in _candidates(name) if len(_whole(angles, one)) == reps]
    if not found:
        raise BadRequest(
            f"No joint is seen to move {reps} times in this clip.",
            "Give a clip of one set from the side, with the whole body in view, and the number of its repetitions.",
        )
    best = max(found, key=lambda one: _clearness(_whole(angles, one)))
    done = _whole(angles, best)
    usual = median(rep.range_of_motion for rep in done)
    return replace(best, least=round(LEAST_SHARE * usual, 1), form=tuple(_form(best, angles, done)), group=group)


def _candidates(name: str) -> Iterator[Exercise]:
    for joint in JOINTS:
        for work in (LOW, HIGH):
            yield Exercise(name, joint, work, NOTICED)


def _whole(angles: Sequence[AnglesAt], exercise: Exercise) -> list[Rep]:
    return [rep for rep in find_reps(angles, exercise) if not rep.partial]


def _clearness(reps: Sequence[Rep]) -> float:
    """How far a joint moves, and how evenly; it works at the end of its range at which it does not rest."""
    ranges = [rep.range_of_motion for rep in reps]
    spread = pstdev(ranges) / max(mean(ranges), 1e-6)
    working = sum(rep.end - rep.start for rep in reps) / max(reps[-1].end - reps[0].start, 1e-6)
    return mean(ranges) * (1 - min(spread, 1.0)) * (1.2 - 0.2 * min(working, 1.0))


def _form(exercise: Exercise, angles: Sequence[AnglesAt], reps: Sequence[Rep]) -> Iterator[Trait]:
    """What every repetition of the example has in common, with room to either side."""
    parts = [np.stack([one.values for one in angles if rep.start <= one.time <= rep.end]) for rep in reps]
    lean = _usual(on_average("trunk"), parts)
    yield on_average("trunk", lean - LEANING, lean + LEANING)
    hands = _usual(on_average("wrist_height"), parts)
    if not np.isnan(hands):
        yield on_average("wrist_height", hands - 0.5, hands + 0.5, soft=0.2)
    for joint in JOINTS:
        far = _usual(moves(joint), parts)
        if joint == exercise.joint or far > MOVING:
            yield moves(joint, round(0.6 * far, 1))
        elif far < STILL:
            yield moves(joint, most=round(far + STILL, 1))


def _usual(trait: Trait, parts: Sequence[NDArray[np.float32]]) -> float:
    values = [value for rows in parts if not np.isnan(value := measure_trait(trait, rows, "both"))]
    return median(values) if values else float("nan")
