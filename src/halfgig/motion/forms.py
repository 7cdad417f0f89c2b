"""Forms: how an exercise that can be counted shows in the signals. The table of them all is in `exercises`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.motion.angles import AnglesAt
    from halfgig.records import Seconds

SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Trait:
    """What a signal does during a rep: its `statistic` (mean, range, lowest) lies between two values.

    With `aside` it is judged only where the camera does not look along the body, from which legs cannot be told.
    `soft` is how far outside likeness has fallen to a half; degrees for angles, trunk lengths for heights.
    """

    statistic: str
    signal: str
    least: float
    most: float
    soft: float
    aside: bool = False

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


def aside(trait: Trait) -> Trait:
    """The trait, judged only where the camera does not look along the body."""
    return replace(trait, aside=True)


LOW, HIGH = "low", "high"  # the end of a signal's range at which the work is done
THERE, BACK = "there", "back"  # on which way the load is lifted: to the work's end, or back to rest
DEGREES, TRUNK = "degrees", "% of the trunk"  # units of signals
NEAR_REST = 0.3  # of a full repetition, within which a side is at rest
PERCENT = 100.0  # heights are counted in hundredths of a trunk length, which have the size of degrees


@dataclass(frozen=True, slots=True)
class Exercise:
    """How one exercise shows in the signals of `angles`.

    `joint` names the signal, where it has sides without its side; `work` is the end of its range at which the work is
    done, low or high; `least` is the smallest swing that can be a repetition. `each` counts the sides for themselves,
    as alternating exercises need. `form` is what a rep of it looks like, by which it is recognised; without one it is
    counted only when told. `rest` and `full` are the signal's values at the two ends of a repetition that a coach calls
    full, None where that is nobody's rule. `lift` tells on which way the load is raised. `hold`: it is held, and not
    repeated. With `floor` a lift that the video begins with, from the work's end at rest, is a repetition: a bar is
    lifted from the floor. Nobody does a repetition in less than `quick` seconds. `prior` is how often it is done, by
    those that look like it. Exercises of one `family` are one movement.
    """

    name: str
    joint: str
    work: str
    least: float
    form: tuple[Trait, ...] = ()
    each: bool = False
    aliases: tuple[str, ...] = ()
    rest: float | None = None
    full: float | None = None
    lift: str = BACK
    view: str = "side"
    hold: bool = False
    floor: bool = False
    quick: Seconds = 0.3
    prior: float = 1.0
    group: str = ""

    def __deepcopy__(self, _: object) -> Exercise:
        return self  # it never changes

    @property
    def family(self) -> str:
        """The movement that it is a form of."""
        return self.group or self.name

    @property
    def unit(self) -> str:
        """What its signal is measured in."""
        return TRUNK if self._is_height else DEGREES

    @property
    def sides(self) -> tuple[str, ...]:
        """What is counted: both sides together, or each for itself."""
        return SIDES if self.each else ("both",)

    def signal(self, moment: AnglesAt, side: str = "both") -> float:
        """The signal's value, NaN where unseen; of both sides the mean, or the one that is seen.

        Where the moment has guesses, what neither side shows is the mean of both, and a hidden side is presumed.
        """
        if self._is_height:
            return PERCENT * moment[self.joint]
        if self.joint in WHOLE:
            return moment[self.joint]
        names = [f"{one}_{self.joint}" for one in SIDES]
        if side == "both":
            seen = blend(*(moment[name] for name in names))
            return sum(moment.guess(name) for name in names) / 2 if math.isnan(seen) else seen
        own, other = names if side == "left" else reversed(names)
        return self._presumed(moment.guess(own), moment[other]) if math.isnan(moment[own]) else moment[own]

    def _presumed(self, guess: float, other: float) -> float:
        """The value of a hidden side: at rest while the other works, since the limb that works is seen, as a rule;
        while the other rests or is hidden, as it is guessed, since a body hides its own limbs."""
        if self.rest is None or self.full is None or math.isnan(other):
            return guess
        rests = abs(other - self.rest) < NEAR_REST * abs(self.full - self.rest)
        return guess if rests and not math.isnan(guess) else self.rest

    @property
    def _is_height(self) -> bool:
        return self.joint.endswith("_place")


WHOLE = ("trunk", "bent_knee")  # signals in degrees that have no sides


def blend(left: float, right: float) -> float:
    """The mean of two values, or the one that is not NaN."""
    if math.isnan(left) or math.isnan(right):
        return right if math.isnan(left) else left
    return (left + right) / 2
