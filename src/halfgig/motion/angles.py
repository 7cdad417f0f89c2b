"""Angles: a pose becomes named signals, joint angles in degrees and heights in trunk lengths, NaN where unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from halfgig.records import Pose, PoseAt, Seconds

    Points: TypeAlias = NDArray[np.float32]
    Row: TypeAlias = NDArray[np.float32]

DEPTH_TRUST = 0.7  # of 0, 0.2, 0.4, 0.7 and 1, the least error on the drawn athlete from four sides
MIN_VISIBILITY = 0.5  # of the least visible landmark; below it the model guesses, and a guess is no measurement
LOST: Seconds = 0.4  # without a person in the picture, after which it may be another one
NOSE, SHOULDERS, ELBOWS, WRISTS, HIPS, KNEES, ANKLES, TOES = (0, *((i, i + 1) for i in (11, 13, 15, 23, 25, 27, 31)))

JOINTS = {  # name: the three landmarks, the middle one is the joint; left side, the right one follows
    "elbow": (SHOULDERS, ELBOWS, WRISTS),
    "shoulder": (HIPS, SHOULDERS, ELBOWS),
    "hip": (SHOULDERS, HIPS, KNEES),
    "knee": (HIPS, KNEES, ANKLES),
    "ankle": (KNEES, ANKLES, TOES),
}
JOINT_NAMES = tuple(f"{side}_{joint}" for joint in JOINTS for side in ("left", "right"))
_TRIPLES = np.array([[points[side] for points in chain] for chain in JOINTS.values() for side in (0, 1)])

JOINT_TRUST = {"elbow": 0.4, "shoulder": 1.0}  # where another trust in depth is better for one joint
_TRUSTED = np.array(
    [JOINT_TRUST.get(name.split("_")[1], DEPTH_TRUST) / DEPTH_TRUST for name in JOINT_NAMES], np.float32
)

HEIGHTS = {  # name: (upper landmarks, lower landmarks); how far the first is above the second, in trunk lengths
    "wrist_height": (WRISTS, SHOULDERS),
    "hip_height": (HIPS, ANKLES),
    "knee_height": (KNEES, HIPS),
}
HEIGHT_NAMES = tuple(f"{side}_{name}" for name in HEIGHTS for side in ("left", "right"))
_UPPER = np.array([pair[0][side] for pair in HEIGHTS.values() for side in (0, 1)])
_LOWER = np.array([pair[1][side] for pair in HEIGHTS.values() for side in (0, 1)])

PLACES = {"shoulder_place": SHOULDERS, "hip_place": HIPS, "wrist_place": WRISTS, "ankle_place": ANKLES}
_PLACED = np.array([*PLACES.values()])  # heights in the picture, upwards, in trunk lengths: they tell what moves

BODY_NAMES = ("trunk", "ankle_spread", "wrist_spread")
GAPS = {"elbow_gap": "elbow", "hip_gap": "hip", "knee_gap": "knee"}  # degrees between left and right: a stride
_GAP_ROWS = np.array([JOINT_NAMES.index(f"left_{joint}") for joint in GAPS.values()])
BENT = {"bent_knee": "knee"}  # degrees of the side that is bent more
_BENT_ROWS = np.array([JOINT_NAMES.index(f"left_{joint}") for joint in BENT.values()])
CAMERA = ("across", "ahead", "along")  # how far the camera is to the right, in front, above the head, of a length of 1
SIGNALS = (*JOINT_NAMES, *HEIGHT_NAMES, *BODY_NAMES, *PLACES, *GAPS, *BENT, *CAMERA)
COLUMN = {name: column for column, name in enumerate(SIGNALS)}


@dataclass(frozen=True, slots=True, eq=False)
class AnglesAt:
    """Every signal at one moment: `values` is (len(SIGNALS),) float32, NaN where unseen; all NaN without a pose.

    `cut`: what was before has nothing to do with this moment. `guesses`, where they were asked for, is
    (len(JOINT_NAMES),) float32: joints of which one end is hidden as the model guesses it, NaN where more is.
    """

    time: Seconds
    values: Row
    cut: bool = False
    guesses: Row | None = None

    def __getitem__(self, name: str) -> float:
        return float(self.values[COLUMN[name]])

    def guess(self, joint: str) -> float:
        """A joint's angle, seen or guessed; NaN where it is neither."""
        return self[joint] if self.guesses is None else float(self.guesses[COLUMN[joint]])


def joint_angle(a: Points, b: Points, c: Points) -> Row:
    """Angle at `b`, (n,) float32 degrees in [0, 180]; NaN where two points coincide. Points are (n, 3) metres."""
    first, second = a - b, c - b
    scale = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.sum(first * second, axis=1) / np.where(scale > 1e-12, scale, np.nan)
    angle: Row = np.degrees(np.arccos(np.clip(cosine, -1, 1))).astype(np.float32)
    return angle


def measure_angles(poses: Iterable[PoseAt], *, guess: bool = False) -> Iterator[AnglesAt]:
    """The signals of each pose; all NaN where there is none, so that the clock goes on; with `guess`, guesses, too.

    There is a cut also where nobody was found for LOST seconds: whoever comes then may be another.
    """
    unseen, seen = np.full(len(SIGNALS), np.nan, np.float32), 0.0
    cut = away = False
    for moment in poses:
        cut = cut or moment.cut
        if moment.pose is None:
            away = True
            yield AnglesAt(moment.time, unseen)
            continue
        guesses = guess_joints(moment.pose) if guess else None
        yield AnglesAt(moment.time, measure(moment.pose), cut or (away and moment.time - seen > LOST), guesses)
        seen, cut, away = moment.time, False, False


def measure(pose: Pose) -> Row:
    """All signals of one pose, (len(SIGNALS),) float32 in the order of `SIGNALS`."""
    points = body_points(pose)
    joints = _joints(points, pose.visibility)
    gaps = np.abs(joints[_GAP_ROWS] - joints[_GAP_ROWS + 1])
    bent = np.fmin(joints[_BENT_ROWS], joints[_BENT_ROWS + 1])
    body = (_heights(points, pose.visibility), _body(points, pose), _places(pose))
    return np.concatenate([joints, *body, gaps, bent, _camera(pose)])


def body_points(pose: Pose) -> Points:
    """(33, 3) metres: x and y as seen in the picture, y down, and the model's depth, which is less certain, at
    DEPTH_TRUST. Angles from these are nearer the truth than from the model's own metres."""
    seen = pose.landmarks[:, :2] / _pixels_per_metre(pose)
    return np.concatenate([seen, DEPTH_TRUST * pose.world[:, 2:]], axis=1).astype(np.float32)


def guess_joints(pose: Pose) -> Row:
    """(len(JOINT_NAMES),) degrees of the joints of which two ends of three are seen."""
    return _seen(_bends(body_points(pose)), np.median(pose.visibility[_TRIPLES], axis=1))


def _joints(points: Points, visibility: Row) -> Row:
    return _seen(_bends(points), visibility[_TRIPLES].min(axis=1))


def _bends(points: Points) -> Row:
    """Each joint's angle, seen or not."""
    ends = points[_TRIPLES]
    ends[..., 2] *= _TRUSTED[:, None]
    return joint_angle(ends[:, 0], ends[:, 1], ends[:, 2])


def _heights(points: Points, visibility: Row) -> Row:
    rise = points[_LOWER, 1] - points[_UPPER, 1]
    return _seen(rise / _trunk_length(points), np.minimum(visibility[_UPPER], visibility[_LOWER]))


def _body(points: Points, pose: Pose) -> Row:
    along = _middle(pose.world, SHOULDERS) - _middle(pose.world, HIPS)
    trunk = np.degrees(np.arctan2(np.hypot(along[0], along[2]), -along[1]))
    spreads = [np.linalg.norm(points[pair[0]] - points[pair[1]]) for pair in (ANKLES, WRISTS)]
    values = np.array([trunk, *(spread / _trunk_length(points) for spread in spreads)], np.float32)
    return _seen(values, np.array([pose.visibility[[*pair]].min() for pair in (SHOULDERS, ANKLES, WRISTS)]))


def _places(pose: Pose) -> Row:
    heights = -pose.landmarks[_PLACED, 1].mean(axis=1) / _pixels_per_metre(pose) / _trunk_length(pose.world)
    return _seen(heights, pose.visibility[_PLACED].min(axis=1))


def _camera(pose: Pose) -> Row:
    """Where the camera is, from the trunk: (to its right, before its chest, beyond its head)."""
    shoulders, hips = _middle(pose.world, SHOULDERS), _middle(pose.world, HIPS)
    up = (shoulders - hips) / max(float(np.linalg.norm(shoulders - hips)), 1e-6)
    right = pose.world[[SHOULDERS[1], HIPS[1]]].sum(axis=0) - pose.world[[SHOULDERS[0], HIPS[0]]].sum(axis=0)
    right = right - (right @ up) * up
    right /= max(float(np.linalg.norm(right)), 1e-6)
    place = -np.array([right[2], np.cross(up, right)[2], up[2]], np.float32)
    return _seen(place, np.repeat(pose.visibility[[*SHOULDERS]].min(), 3))


def _pixels_per_metre(pose: Pose) -> float:
    """Scale of the person in the picture, from how far the landmarks spread in both."""
    return max(_spread(pose.landmarks), 1e-3) / max(_spread(pose.world), 1e-3)


def _spread(points: Points) -> float:
    """How far points are from their middle in the picture, wherever that is."""
    return float(np.linalg.norm(points[:, :2].std(axis=0)))


def _trunk_length(points: Points) -> float:
    return max(float(np.linalg.norm(_middle(points, SHOULDERS) - _middle(points, HIPS))), 0.05)


def _middle(points: Points, pair: tuple[int, int]) -> Row:
    middle: Row = (points[pair[0]] + points[pair[1]]) / 2
    return middle


def _seen(values: Row, visibility: Row) -> Row:
    seen: Row = np.where(visibility >= MIN_VISIBILITY, values, np.nan).astype(np.float32)
    return seen
