"""The counter of the popular demos, to compare with: two fixed thresholds on one joint of one side.

A rep is counted each time the angle has been beyond the one threshold and then comes beyond the other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from halfgig.motion.angles import measure_angles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from halfgig.motion.forms import Exercise
    from halfgig.records import Degrees, PoseAt

BENT: Degrees = 90
STRAIGHT: Degrees = 145
OPEN: Degrees = 60  # of a shoulder, above which an arm is raised
CLOSED: Degrees = 30


def count_by_thresholds(poses: Iterable[PoseAt], exercise: Exercise) -> int:
    """Repetitions of the exercise, by the angle of its left joint."""
    bent, straight = (CLOSED, OPEN) if exercise.joint == "shoulder" else (BENT, STRAIGHT)
    count, ready = 0, False
    for moment in measure_angles(poses):
        angle = exercise.signal(moment, "left")
        if math.isnan(angle):
            continue
        at_work = angle < bent if exercise.work == "low" else angle > straight
        at_rest = angle > straight if exercise.work == "low" else angle < bent
        count += at_work and ready
        ready = at_rest or (ready and not at_work)
    return count
