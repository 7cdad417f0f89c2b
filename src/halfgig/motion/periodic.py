"""Unknown movements that are repeated evenly: counted where no exercise of the table is recognised."""

from __future__ import annotations

from statistics import mean, pstdev
from typing import TYPE_CHECKING

from halfgig.motion.forms import HIGH, LOW, Exercise
from halfgig.motion.forms import mean as on_average

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import Rep

NAME = "unknown periodic"
LEAST_REPS = 5  # in a row
EVEN = 0.25  # deviation by mean, of how long and how far repetitions are
LEAST_FIT = 0.6
# Both sides together: who walks or runs moves them by turns, and is not exercising for that.
TOGETHER = (on_average("hip_gap", most=22, soft=6), on_average("knee_gap", most=22, soft=6))
CANDIDATES = tuple(
    Exercise(NAME, joint, work, 35, form=TOGETHER)
    for joint in ("elbow", "shoulder", "hip", "knee")
    for work in (LOW, HIGH)
)


def even_run(reps: Sequence[Rep]) -> list[Rep]:
    """The longest run of repetitions that follow one another and are alike; empty where there are too few."""
    best: list[Rep] = []
    run: list[Rep] = []
    for rep in reps:
        run = [*run, rep] if run and rep.start - run[-1].end <= rep.end - rep.start else [rep]
        if len(run) > len(best):
            best = run
    return best if len(best) >= LEAST_REPS and is_even(best) else []


def is_even(reps: Sequence[Rep]) -> bool:
    """Whether repetitions take about the same time and go about as far."""
    return all(_spread(values) <= EVEN for values in ([rep.end - rep.start for rep in reps], [_far(r) for r in reps]))


def _far(rep: Rep) -> float:
    return rep.range_of_motion


def _spread(values: Sequence[float]) -> float:
    return pstdev(values) / max(mean(values), 1e-6)
