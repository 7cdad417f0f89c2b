"""The drawn athlete's body: where its joints are, in metres, at any depth of an exercise.

x is forward, y up from the floor, z to the body's left. A body is built forwards from limb angles, or, where hands
or feet are fixed, backwards from their places; the true joint angles follow from the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Point: TypeAlias = NDArray[np.float64]

UPPER_ARM, FOREARM, HAND, THIGH, SHIN, FOOT, TRUNK, NECK = 0.30, 0.26, 0.09, 0.44, 0.43, 0.17, 0.50, 0.20
SHOULDER_HALF, HIP_HALF = 0.185, 0.10  # metres from the middle
ANKLE_HEIGHT = 0.08
BAR_HEIGHT, BAR_HALF = 2.25, 0.30  # the pull-up bar, and the grip on it from the middle
LEFT, RIGHT = 1, -1
SIDE_NAMES = {"left": LEFT, "right": RIGHT}


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The joints of one moment: name to (3,) metres, such as left_knee; `up` and `face` are the head's directions."""

    joints: dict[str, Point]
    up: Point
    face: Point

    def angle(self, a: str, b: str, c: str) -> float:
        """Degrees at joint b between a and c."""
        first, second = self.joints[a] - self.joints[b], self.joints[c] - self.joints[b]
        cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
        return math.degrees(math.acos(max(-1.0, min(1.0, float(cosine)))))

    def angles(self) -> dict[str, float]:
        """Ankle, knee, hip, shoulder and elbow angles of both sides, in degrees, named as in halfgig.motion.angles."""
        chains = {
            "elbow": ("shoulder", "elbow", "wrist"),
            "shoulder": ("hip", "shoulder", "elbow"),
            "hip": ("shoulder", "hip", "knee"),
            "knee": ("hip", "knee", "ankle"),
            "ankle": ("knee", "ankle", "toe"),
        }
        return {
            f"{side}_{joint}": self.angle(*(f"{side}_{end}" for end in chain))
            for joint, chain in chains.items()
            for side in SIDE_NAMES
        }


def limb(swing: float, spread: float = 0.0, side: int = LEFT) -> Point:
    """The direction of a limb hanging down, swung forward by `swing` and out to its side by `spread` degrees."""
    swing, spread = math.radians(swing), math.radians(spread)
    return np.array([math.sin(swing) * math.cos(spread), -math.cos(swing) * math.cos(spread), side * math.sin(spread)])


def bend(root: Point, tip: Point, upper: float, lower: float, towards: Point) -> tuple[Point, Point]:
    """The middle joint and the end of a two-bone limb from `root` that reaches for `tip`, bent `towards`."""
    reach = tip - root
    distance = min(float(np.linalg.norm(reach)), 0.999 * (upper + lower))
    along = reach / np.linalg.norm(reach)
    sideways = towards - (towards @ along) * along
    sideways = sideways / np.linalg.norm(sideways)
    share = (upper**2 - lower**2 + distance**2) / (2 * distance)
    return root + share * along + math.sqrt(max(upper**2 - share**2, 0.0)) * sideways, root + distance * along


class _Builder:
    """Puts a body together, from the pelvis outwards."""

    def __init__(self, pelvis: Point, lean: float, face_turn: float = 0.0) -> None:
        up = -limb(-lean)
        self.joints: dict[str, Point] = {}
        for name, side in SIDE_NAMES.items():
            self.joints[f"{name}_hip"] = pelvis + _aside(side * HIP_HALF)
            self.joints[f"{name}_shoulder"] = pelvis + TRUNK * up + _aside(side * SHOULDER_HALF)
        head_lean = lean - face_turn
        self.up, self.face = -limb(-head_lean), limb(90 - head_lean)
        self.joints["neck"] = pelvis + TRUNK * up
        self.joints["head"] = self.joints["neck"] + NECK * self.up

    def arm(self, name: str, upper: Point, lower: Point) -> None:
        elbow = self.joints[f"{name}_shoulder"] + UPPER_ARM * upper
        self._hand(name, elbow, elbow + FOREARM * lower)

    def reach(self, name: str, wrist: Point, towards: Point) -> None:
        self._hand(name, *bend(self.joints[f"{name}_shoulder"], wrist, UPPER_ARM, FOREARM, towards))

    def _hand(self, name: str, elbow: Point, wrist: Point) -> None:
        self.joints[f"{name}_elbow"], self.joints[f"{name}_wrist"] = elbow, wrist
        self.joints[f"{name}_hand"] = wrist + HAND * (wrist - elbow) / FOREARM

    def leg(self, name: str, thigh: Point, shin: Point, foot: float = 90) -> None:
        knee = self.joints[f"{name}_hip"] + THIGH * thigh
        self._foot(name, knee, knee + SHIN * shin, foot)

    def step(self, name: str, ankle: Point, foot: float = 90) -> None:
        ahead = np.array([1.0, 0.2, 0.0])
        self._foot(name, *bend(self.joints[f"{name}_hip"], ankle, THIGH, SHIN, ahead), foot)

    def _foot(self, name: str, knee: Point, ankle: Point, foot: float) -> None:
        self.joints[f"{name}_knee"], self.joints[f"{name}_ankle"] = knee, ankle
        self.joints[f"{name}_toe"] = ankle + FOOT * limb(foot - 12)

    def body(self) -> Body:
        return Body(self.joints, self.up, self.face)

    def stand(self, hop: float = 0.0) -> Body:
        """The body moved so that its lower ankle is just above the floor, or `hop` metres higher."""
        lowest = min(self.joints[f"{name}_ankle"][1] for name in SIDE_NAMES)
        rise = np.array([0.0, ANKLE_HEIGHT + hop - lowest, 0.0])
        return Body({name: point + rise for name, point in self.joints.items()}, self.up, self.face)


Depths: TypeAlias = dict[str, float]  # side to how far into the work: 0 at rest, 1 at the full turn


def squat(depths: Depths) -> Body:
    """Hips back and down, arms held forward."""
    depth = max(depths.values())
    thigh, shin = 4 + 84 * depth, -2 - 26 * depth
    build = _Builder(_pelvis_over_feet(thigh, shin), 4 + 36 * depth, face_turn=20 * depth)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(thigh, 7, side), limb(shin, 3, side))
        build.arm(name, limb(12 + 58 * depth, 6, side), limb(22 + 56 * depth, 0, side))
    return build.stand()


def push_up(depths: Depths) -> Body:
    """A straight body over its toes; the hands stay where they are."""
    elbow = math.radians(172 - 92 * max(depths.values()))
    reach = math.sqrt(UPPER_ARM**2 + FOREARM**2 - 2 * UPPER_ARM * FOREARM * math.cos(elbow))
    length = TRUNK + THIGH + SHIN
    ankles, hands = np.array([-0.75, 0.19, 0.0]), np.array([0.48, 0.09, 0.0])
    shoulders = _meet(ankles, length, hands, math.sqrt(reach**2 - 0.07**2))
    slope = math.degrees(math.atan2(shoulders[1] - ankles[1], shoulders[0] - ankles[0]))
    build = _Builder(shoulders - TRUNK * -limb(slope - 90), 90 - slope, face_turn=25)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(slope - 90), limb(slope - 90), foot=0)
        build.reach(name, hands + _aside(side * (SHOULDER_HALF + 0.07)), np.array([-1.0, 0.2, side * 0.7]))
    return build.body()


def bicep_curl(depths: Depths) -> Body:
    """Standing, the forearms come up; each side at its own depth."""
    build = _Builder(_pelvis_over_feet(2, -2), 2)
    for name, side in SIDE_NAMES.items():
        depth = depths[name]
        build.leg(name, limb(2, 6, side), limb(-2, 4, side))
        build.arm(name, limb(2 + 8 * depth, 9, side), limb(12 + 128 * depth, 6 - 4 * depth, side))
    return build.stand()


def pull_up(depths: Depths) -> Body:
    """Hanging from the bar, shins behind."""
    depth = max(depths.values())
    elbow = math.radians(165 - 110 * depth)
    reach = math.sqrt(UPPER_ARM**2 + FOREARM**2 - 2 * UPPER_ARM * FOREARM * math.cos(elbow))
    drop = math.sqrt(reach**2 - (BAR_HALF - SHOULDER_HALF) ** 2)
    shoulders, lean = np.array([0.0, BAR_HEIGHT - 0.03 - drop, 0.0]), -6 * depth
    build = _Builder(shoulders + TRUNK * limb(-lean), lean, face_turn=10)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(12 + 10 * depth, 3, side), limb(-35 - 15 * depth, 2, side), foot=30)
        build.reach(name, np.array([0.0, BAR_HEIGHT - 0.03, side * BAR_HALF]), np.array([0.6, -0.6, side * 0.8]))
    return build.body()


def jumping_jack(depths: Depths) -> Body:
    """Arms and legs swing out to the sides, with a small hop between."""
    depth = max(depths.values())
    build = _Builder(np.zeros(3), 3)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(3, 3 + 21 * depth, side), limb(-3, 3 + 21 * depth, side))
        build.arm(name, limb(3, 9 + 151 * depth, side), limb(6, 14 + 152 * depth, side))
    return build.stand(hop=0.10 * math.sin(math.pi * depth))


def lunge(depths: Depths) -> Body:
    """Feet apart, left one ahead; the hips sink between them."""
    depth = max(depths.values())
    build = _Builder(np.array([0.0, 0.86 - 0.32 * depth, 0.0]), 3 + 5 * depth)
    build.step("left", np.array([0.40, ANKLE_HEIGHT, HIP_HALF]))
    build.step("right", np.array([-0.42, ANKLE_HEIGHT + 0.09, -HIP_HALF]), foot=45)
    for name, side in SIDE_NAMES.items():
        build.arm(name, limb(6, 9, side), limb(16, 5, side))
    return build.body()


def deadlift(depths: Depths) -> Body:
    """The trunk tips forward over nearly straight legs, arms hanging."""
    depth = max(depths.values())
    thigh, shin = 3 + 45 * depth, -3 - 12 * depth
    build = _Builder(_pelvis_over_feet(thigh, shin), 3 + 67 * depth, face_turn=30 * depth)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(thigh, 4, side), limb(shin, 3, side))
        build.arm(name, limb(4, 5, side), limb(6, 2, side))
    return build.stand()


def shoulder_press(depths: Depths) -> Body:
    """Hands from above the elbows, beside the head, to overhead."""
    depth = max(depths.values())
    build = _Builder(_pelvis_over_feet(2, -2), 0)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(2, 6, side), limb(-2, 4, side))
        hand = [0.17 - 0.11 * depth, 0.22 + 0.32 * depth, side * (0.22 - 0.14 * depth)]
        build.reach(name, build.joints[f"{name}_shoulder"] + hand, np.array([0.5, -1.0, side * 0.7]))
    return build.stand()


def standing(sway: float = 0.0) -> Body:
    """Someone who stands by: arms down, weight shifting by `sway` in [-1, 1]."""
    build = _Builder(_pelvis_over_feet(2, -2), 2 + 2 * sway)
    for name, side in SIDE_NAMES.items():
        build.leg(name, limb(2, 5, side), limb(-2, 5, side))
        build.arm(name, limb(4 * sway, 8, side), limb(12 + 6 * sway * side, 4, side))
    return build.stand()


EXERCISES: dict[str, Callable[[Depths], Body]] = {
    "squat": squat,
    "push-up": push_up,
    "bicep curl": bicep_curl,
    "alternating curl": bicep_curl,
    "pull-up": pull_up,
    "jumping jack": jumping_jack,
    "lunge": lunge,
    "deadlift": deadlift,
    "shoulder press": shoulder_press,
}


def _aside(metres: float) -> Point:
    """A step to the body's left."""
    return np.array([0.0, 0.0, metres])


def _pelvis_over_feet(thigh: float, shin: float) -> Point:
    """A pelvis from which the ankles come out at x = 0; `_Builder.stand` sees to the height."""
    offset = THIGH * limb(thigh) + SHIN * limb(shin)
    return np.array([-offset[0], -offset[1], 0.0])


def _meet(a: Point, from_a: float, b: Point, from_b: float) -> Point:
    """The upper one of the two points at the given distances from a and b, in the plane z = 0."""
    apart = float(np.linalg.norm(b - a))
    share = (from_a**2 - from_b**2 + apart**2) / (2 * apart)
    along = (b - a) / apart
    return a + share * along + math.sqrt(max(from_a**2 - share**2, 0.0)) * np.array([-along[1], along[0], 0.0])
