"""Views: from where the camera sees somebody, and how far angles from there are from the truth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from halfgig.motion.angles import CAMERA, COLUMN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.motion.forms import Exercise
    from halfgig.records import Degrees

SIDE, OBLIQUE, FRONT, BACK, ALONG, UNKNOWN = "side", "oblique", "front", "back", "along", "unknown"
STEEP = 0.75  # of a length of 1, from which the camera looks along the body
SIDEWAYS, HEAD_ON = 60.0, 30.0  # degrees from straight ahead, from which and up to which a view is one
TOO_VAGUE: Degrees = 20  # of an error band, from which nothing can be said of single degrees
_CAMERA = [COLUMN[name] for name in CAMERA]

# Degrees that nine in ten angles of the drawn athlete are within (`python -m benchmarks.athlete`): over all it does, or
# over the exercises whose angle it is, whichever is more. A movement that is seen much better or worse has its own row.
ERRORS: dict[tuple[str, str], Degrees] = {
    ("knee", SIDE): 6,
    ("knee", OBLIQUE): 19,
    ("knee", FRONT): 37,
    ("hip", SIDE): 14,
    ("hip", OBLIQUE): 15,
    ("hip", FRONT): 28,
    ("elbow", SIDE): 15,
    ("elbow", OBLIQUE): 32,
    ("elbow", FRONT): 27,
    ("elbow", BACK): 25,
    ("shoulder", SIDE): 41,
    ("shoulder", OBLIQUE): 17,
    ("ankle", SIDE): 14,
    ("pull-up", SIDE): 31,  # the elbows point at the camera
    ("pull-up", FRONT): 7,
    ("pull-up", BACK): 11,
    ("shoulder press", FRONT): 19,
    ("shoulder press", BACK): 10,
    ("jumping jack", FRONT): 9,
    ("jumping jack", BACK): 11,
}


def view_of(rows: NDArray[np.float32]) -> str:
    """The view in which signals (n, len(SIGNALS)) were seen; unknown where the trunk was not."""
    return view_from(camera_sums(rows))


def camera_sums(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """What `view_from` takes, of signals (n, len(SIGNALS)); such sums may be added up, (5,): how far the camera is
    across, ahead of and along the body, how far in front, less how far behind, and the moments that tell it."""
    columns = rows[:, _CAMERA]
    seen = columns[~np.isnan(columns[:, 0])]
    return np.array([*np.abs(seen).sum(axis=0), seen[:, 1].sum(), len(seen)], np.float64)


def view_from(sums: NDArray[np.float64]) -> str:
    """The view for most of the time; somebody who turns round is seen from the front or the back, never the side."""
    across, ahead, along, facing, moments = (float(value) for value in sums)
    if moments == 0:
        return UNKNOWN
    if along > STEEP * moments:
        return ALONG
    turned = math.degrees(math.atan2(across, ahead))
    if turned > SIDEWAYS:
        return SIDE
    if turned > HEAD_ON:
        return OBLIQUE
    return FRONT if facing > 0 else BACK


def error_band(exercise: Exercise, view: str) -> Degrees | None:
    """The degrees by which the exercise's angle may be wrong from this view; None where that is too much."""
    joint = exercise.joint.removeprefix("bent_")
    error = ERRORS.get((exercise.family, view), ERRORS.get((joint, view)))
    return error if error is not None and error <= TOO_VAGUE else None
