"""Exercises: one table of what can be counted. Another exercise is another row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from halfgig.motion.angles import AnglesAt
    from halfgig.records import Degrees

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Trait:
    """What a signal does during a rep: its `statistic` (mean, range, lowest) lies between two values.

    `soft` is how far outside likeness has fallen to a half; degrees for angles, trunk lengths for heights.
    """

    statistic: str
    signal: str
    least: float
    most: float
    soft: float

    def likeness(self, value: float) -> float:
        """1 inside the range, falling to 0.5 at `soft` outside it and on towards 0."""
        outside = max(self.least - value, value - self.most, 0.0) / self.soft
        return 1 / (1 + outside * outside)


def mean(signal: str, least: float = -math.inf, most: float = math.inf, soft: float = 15) -> Trait:
    """A trait of the signal's mean during a rep."""
    return Trait("mean", signal, least, most, soft)


def moves(signal: str, least: float = 0.0, most: float = math.inf, soft: float = 15) -> Trait:
    """A trait of how far the signal moves during a rep."""
    return Trait("range", signal, least, most, soft)


def reaches(signal: str, low: float, soft: float = 15) -> Trait:
    """A trait of the signal's lowest value during a rep: `low` or less."""
    return Trait("lowest", signal, -math.inf, low, soft)


@dataclass(frozen=True, slots=True)
class Exercise:
    """How one exercise shows in the signals of `angles`.

    `joint` names the signal without its side; `work` is the end of its range at which the work is done, low or
    high; `least` is the smallest swing in degrees that can be a repetition. `each` counts the sides for themselves,
    as alternating exercises need. `form` is what a rep of it looks like, by which it is recognised.
    """

    name: str
    joint: str
    work: str
    least: Degrees
    form: tuple[Trait, ...] = ()
    each: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def sides(self) -> tuple[str, ...]:
        """What is counted: both sides together, or each for itself."""
        return SIDES if self.each else ("both",)

    def signal(self, moment: AnglesAt, side: str = "both") -> float:
        """The signal's value, NaN where unseen; of both sides the mean, or the one that is seen."""
        if side != "both":
            return moment[f"{side}_{self.joint}"]
        return blend(moment[f"left_{self.joint}"], moment[f"right_{self.joint}"])


def blend(left: float, right: float) -> float:
    """The mean of two values, or the one that is not NaN."""
    if math.isnan(left) or math.isnan(right):
        return right if math.isnan(left) else left
    return (left + right) / 2


UPRIGHT = mean("trunk", most=45)
LEVEL = mean("trunk", 60, 115)
HANDS_DOWN = mean("wrist_height", most=0.0, soft=0.2)
HANDS_UP = mean("wrist_height", least=0.15, soft=0.2)
FEET_STILL = moves("ankle_spread", most=0.7, soft=0.2)
LEGS_STILL = (moves("knee", most=35), moves("hip", most=35))

EXERCISES = (
    Exercise(
        "squat",
        "knee",
        "low",
        25,
        form=(
            UPRIGHT,
            moves("knee", 45),
            reaches("knee", 120),
            moves("hip", 45),
            moves("hip_place", 0.35, soft=0.1),
            mean("hip_gap", most=32),
            FEET_STILL,
        ),
        aliases=("air squat", "half squat", "jump squat"),
    ),
    Exercise(
        "lunge",
        "knee",
        "low",
        30,
        form=(
            UPRIGHT,
            moves("knee", 45),
            reaches("knee", 120),
            moves("hip_place", 0.3, soft=0.1),
            mean("ankle_spread", 1.1, soft=0.1),
            mean("knee_gap", most=30),
        ),
        aliases=("split squat", "side lunge"),
    ),
    Exercise(
        "push-up",
        "elbow",
        "low",
        25,
        form=(
            LEVEL,
            mean("hip", 125),
            HANDS_DOWN,
            moves("elbow", 30),
            moves("shoulder_place", 0.2, soft=0.1),
            *LEGS_STILL,
        ),
        aliases=("press-up", "decline push-up", "clap push-up"),
    ),
    Exercise(
        "bicep curl",
        "elbow",
        "low",
        35,
        form=(UPRIGHT, HANDS_DOWN, moves("elbow", 50), moves("shoulder", most=50), *LEGS_STILL),
        aliases=("curl", "biceps curl", "hammer curl"),
    ),
    Exercise(
        "alternating curl",
        "elbow",
        "low",
        45,
        each=True,
        form=(UPRIGHT, HANDS_DOWN, moves("elbow", 50), moves("shoulder", most=50), mean("elbow_gap", 30), *LEGS_STILL),
        aliases=("alternating bicep curl",),
    ),
    Exercise(
        "pull-up",
        "elbow",
        "low",
        35,
        form=(
            UPRIGHT,
            HANDS_UP,
            moves("elbow", 45),
            moves("shoulder", 40),
            moves("wrist_place", most=0.4, soft=0.2),
            moves("knee", most=60),
        ),
        aliases=("chin-up", "lat pull-down"),
    ),
    Exercise(
        "shoulder press",
        "elbow",
        "high",
        35,
        form=(UPRIGHT, HANDS_UP, moves("elbow", 45), moves("wrist_place", 0.5, soft=0.2), *LEGS_STILL),
        aliases=("overhead press", "military press"),
    ),
    Exercise(
        "jumping jack",
        "shoulder",
        "high",
        35,
        form=(
            UPRIGHT,
            moves("shoulder", 75),
            mean("elbow", 120),
            moves("ankle_spread", 0.4, soft=0.2),
            moves("knee", most=45),
        ),
        aliases=("star jump",),
    ),
    Exercise(
        "front raise",
        "shoulder",
        "high",
        30,
        form=(
            UPRIGHT,
            moves("shoulder", 55),
            mean("elbow", 120),
            moves("ankle_spread", most=0.2, soft=0.1),
            *LEGS_STILL,
        ),
        aliases=("lateral raise", "side raise", "arm raise"),
    ),
    Exercise(
        "deadlift",
        "hip",
        "low",
        30,
        form=(moves("trunk", 40), moves("hip", 60), mean("wrist_height", most=-0.8, soft=0.2), moves("elbow", most=45)),
        aliases=("hip hinge",),
    ),
    Exercise(
        "sit-up",
        "hip",
        "low",
        25,
        form=(mean("trunk", 40), moves("trunk", 30), moves("hip", 30), mean("knee", most=130), moves("knee", most=30)),
        aliases=("crunch",),
    ),
    Exercise(
        "high knees",
        "hip",
        "low",
        25,
        each=True,
        form=(
            mean("trunk", most=25),
            reaches("hip", 100, soft=8),
            moves("hip", 45),
            moves("knee", 50),
            mean("hip_gap", 25),
        ),
        aliases=("knee raises", "marching"),
    ),
    Exercise(
        "mountain climber",
        "hip",
        "low",
        25,
        each=True,
        form=(LEVEL, moves("hip", 45), moves("knee", 45), moves("elbow", most=35), mean("hip_gap", 25)),
    ),
    Exercise(
        "leg press",
        "knee",
        "low",
        20,
        form=(mean("trunk", 35, 110), moves("knee", 35), moves("hip", 25), moves("shoulder_place", most=0.2, soft=0.1)),
        aliases=("leg extension",),
    ),
    Exercise(
        "dip",
        "elbow",
        "low",
        25,
        form=(
            UPRIGHT,
            mean("wrist_height", most=-0.4, soft=0.1),
            moves("elbow", 35),
            moves("shoulder_place", 0.35, soft=0.1),
            moves("wrist_place", most=0.4, soft=0.2),
            moves("knee", most=75),
        ),
        aliases=("bench dip", "triceps dip"),
    ),
)


def exercise_named(name: str) -> Exercise:
    """The exercise of that name or alias; case, plural, hyphens and underscores do not matter.

    BadRequest names the nearest one, and all there are.
    """
    names = {_plain(alias): row for row in EXERCISES for alias in (row.name, *row.aliases)}
    if (found := names.get(_plain(name))) is not None:
        return found
    near = get_close_matches(_plain(name), names, n=1)
    hint = f"Did you mean {names[near[0]].name}? " if near else ""
    raise BadRequest(
        f"There is no exercise called {name}.", f"{hint}Known are: {', '.join(row.name for row in EXERCISES)}, auto."
    )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum()).removesuffix("s")
