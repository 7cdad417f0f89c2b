"""Exercises: one table of what can be counted. Another exercise is another row."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest
from halfgig.motion.forms import HIGH, LOW, THERE, Exercise, aside, mean, moves, reaches

if TYPE_CHECKING:
    from collections.abc import Iterable

SELDOM = 0.8  # how often an exercise is done, by those that look like it
NEVER = 0.0  # of what most people only look like, as somebody on a chair does: it must be told
UPRIGHT = mean("trunk", most=45)
LEVEL = mean("trunk", 60, 115)
HANDS_DOWN = mean("wrist_height", most=0.0, soft=0.2)
HANDS_UP = mean("wrist_height", least=0.15, soft=0.2)
FEET_STILL = moves("ankle_spread", most=0.7, soft=0.2)
LEGS_STILL = (moves("knee", most=35), moves("hip", most=35))
BODY_STILL = moves("shoulder_place", most=0.25, soft=0.1)
SQUATTING = (UPRIGHT, moves("knee", 45), reaches("knee", 120), moves("hip_place", 0.25, soft=0.1))
PRESSED_UP = (
    *(LEVEL, aside(mean("hip", 125)), HANDS_DOWN, moves("elbow", 30), moves("shoulder_place", 0.2, soft=0.1)),
    *map(aside, LEGS_STILL),
)
CURLED = (
    *(UPRIGHT, HANDS_DOWN, moves("elbow", 50, soft=8), reaches("elbow", 115), moves("shoulder", most=50, soft=25)),
    *(*LEGS_STILL, moves("ankle_spread", most=0.4, soft=0.2)),
)
RAISED = (
    UPRIGHT,
    moves("shoulder", 55),
    mean("elbow", 120),
    moves("elbow", most=70),
    moves("ankle_spread", most=0.2, soft=0.1),
    *LEGS_STILL,
)
LYING = mean("trunk", 55, 125)

EXERCISES = (
    Exercise(
        "squat",
        "knee",
        LOW,
        25,
        form=(*SQUATTING, moves("hip", 45), moves("trunk", most=45), mean("hip_gap", most=32), FEET_STILL),
        aliases=("air squat", "back squat", "goblet squat", "bodyweight squat", "squat quarter"),
        rest=165,
        full=95,
    ),
    Exercise("half squat", "knee", LOW, 20, aliases=("squat half", "quarter squat"), rest=165, full=125, group="squat"),
    Exercise("jump squat", "knee", LOW, 25, aliases=("squat jump",), rest=160, full=105, group="squat"),
    Exercise("split squat", "knee", LOW, 25, aliases=("bulgarian split squat",), rest=160, full=105, group="lunge"),
    Exercise(
        "lunge",
        "knee",
        LOW,
        30,
        form=(*SQUATTING, mean("ankle_spread", 1.1, soft=0.1), mean("knee_gap", most=30)),
        aliases=("forward lunge", "reverse lunge", "walking lunge"),
        rest=160,
        full=100,
    ),
    Exercise(
        "side lunge",
        "bent_knee",
        LOW,
        25,
        form=(
            *(mean("trunk", most=60), moves("bent_knee", 30), reaches("bent_knee", 125), mean("knee_gap", 22, soft=8)),
            *(mean("ankle_spread", 1.0, soft=0.1), moves("hip_place", 0.15, soft=0.1)),
        ),
        aliases=("lateral lunge", "cossack squat"),
        rest=165,
        full=105,
        view="oblique",
        quick=0.8,
        prior=SELDOM,
        group="lunge",
    ),
    Exercise(
        "alternating lunge",
        "knee",
        LOW,
        30,
        each=True,
        aliases=("lunge alternating",),
        rest=165,
        full=95,
        group="lunge",
    ),
    Exercise("step-up", "shoulder_place", HIGH, 20, aliases=("box step-up",), lift=THERE),
    Exercise(
        "push-up",
        "elbow",
        LOW,
        25,
        form=PRESSED_UP,
        aliases=("press-up", "clap push-up", "push-up clap", "wide push-up", "diamond push-up"),
        rest=160,
        full=95,
    ),
    Exercise("incline push-up", "elbow", LOW, 25, aliases=("push-up incline",), rest=160, full=95, group="push-up"),
    Exercise("decline push-up", "elbow", LOW, 25, aliases=("push-up decline",), rest=160, full=95, group="push-up"),
    Exercise("knee push-up", "elbow", LOW, 25, aliases=("push-up knee",), rest=160, full=95, group="push-up"),
    Exercise(
        "bicep curl",
        "elbow",
        LOW,
        35,
        form=CURLED,
        aliases=("curl", "biceps curl", "hammer curl", "barbell curl", "dumbbell curl"),
        rest=155,
        full=60,
        lift=THERE,
    ),
    Exercise(
        "alternating curl",
        "elbow",
        LOW,
        45,
        each=True,
        form=(*CURLED, mean("elbow_gap", 30)),
        aliases=("alternating bicep curl", "bicep curl alternating"),
        rest=155,
        full=60,
        lift=THERE,
        group="bicep curl",
    ),
    Exercise(
        "pull-up",
        "elbow",
        LOW,
        25,
        form=(
            *(UPRIGHT, HANDS_UP, moves("elbow", 45), moves("shoulder", 40), moves("shoulder_place", 0.35, soft=0.1)),
            *(moves("wrist_place", most=0.4, soft=0.2), moves("knee", most=60)),
        ),
        aliases=("chin-up",),
        rest=155,
        full=75,
        lift=THERE,
        view="front",
    ),
    Exercise(
        "lat pull-down",
        "elbow",
        LOW,
        35,
        form=(
            *(UPRIGHT, HANDS_UP, moves("elbow", 45), moves("shoulder", 40)),
            *(moves("wrist_place", 0.5, soft=0.2), *LEGS_STILL),
        ),
        aliases=("pull-down",),
        rest=155,
        full=75,
        lift=THERE,
        prior=SELDOM,
        group="pull-up",
        view="front",
    ),
    Exercise(
        "shoulder press",
        "elbow",
        HIGH,
        35,
        form=(UPRIGHT, HANDS_UP, moves("elbow", 45), moves("wrist_place", 0.5, soft=0.2), *LEGS_STILL),
        aliases=("overhead press", "military press", "arnold press", "push press"),
        rest=90,
        full=160,
        lift=THERE,
        view="front",
    ),
    Exercise(
        "jumping jack",
        "shoulder",
        HIGH,
        35,
        form=(
            *(UPRIGHT, moves("shoulder", 75), mean("elbow", 120)),
            *(moves("ankle_spread", 0.4, soft=0.2), moves("knee", most=45)),
        ),
        aliases=("star jump", "half jack"),
        rest=30,
        full=150,
        lift=THERE,
        view="front",
    ),
    Exercise(
        "front raise",
        "shoulder",
        HIGH,
        30,
        form=RAISED,
        aliases=("arm raise",),
        rest=25,
        full=85,
        lift=THERE,
        group="raise",
        view="oblique",
    ),
    Exercise(
        "lateral raise",
        "shoulder",
        HIGH,
        30,
        aliases=("side raise",),
        rest=25,
        full=85,
        lift=THERE,
        view="oblique",
        group="raise",
    ),
    Exercise(
        "deadlift",
        "hip",
        LOW,
        30,
        form=(moves("trunk", 40), moves("hip", 60), mean("wrist_height", most=-0.8, soft=0.2), moves("elbow", most=45)),
        aliases=("hip hinge", "romanian deadlift", "good morning", "kettlebell swing"),
        rest=165,
        full=105,
        floor=True,
    ),
    Exercise(
        "sit-up",
        "hip",
        LOW,
        25,
        form=(mean("trunk", 40), moves("trunk", 30), moves("hip", 30), mean("knee", most=130), moves("knee", most=30)),
        rest=125,
        full=75,
        lift=THERE,
    ),
    Exercise("crunch", "hip", LOW, 10, aliases=("abdominal crunch",), lift=THERE, group="sit-up"),
    Exercise("leg raise", "hip", LOW, 25, aliases=("lying leg raise",), rest=165, full=100, lift=THERE),
    Exercise("hip thrust", "hip", HIGH, 20, aliases=("glute bridge",), rest=115, full=165, lift=THERE),
    Exercise(
        "high knees",
        "hip",
        LOW,
        25,
        each=True,
        form=(
            *(mean("trunk", most=25), reaches("hip", 100, soft=8)),
            *(moves("hip", 45), moves("knee", 50), mean("hip_gap", 25)),
        ),
        aliases=("knee raises", "marching"),
        rest=165,
        full=105,
        lift=THERE,
    ),
    Exercise(
        "mountain climber",
        "hip",
        LOW,
        25,
        each=True,
        form=(LEVEL, moves("hip", 45), moves("knee", 45), moves("elbow", most=35), mean("hip_gap", 25)),
        rest=160,
        full=95,
        lift=THERE,
    ),
    Exercise(
        "leg press",
        "knee",
        LOW,
        20,
        form=(mean("trunk", 35, 110), moves("knee", 35), moves("hip", 25), moves("shoulder_place", most=0.2, soft=0.1)),
        rest=160,
        full=95,
    ),
    Exercise("leg extension", "knee", HIGH, 25, aliases=("knee extension",), rest=100, full=160, lift=THERE),
    Exercise("calf raise", "ankle", HIGH, 10, aliases=("heel raise",), lift=THERE),
    Exercise(
        "dip",
        "elbow",
        LOW,
        25,
        form=(
            *(UPRIGHT, mean("wrist_height", most=-0.4, soft=0.1), moves("elbow", 35)),
            *(
                moves("shoulder_place", 0.35, soft=0.1),
                moves("wrist_place", most=0.4, soft=0.2),
                moves("knee", most=75),
            ),
        ),
        aliases=("bench dip", "triceps dip"),
        rest=160,
        full=95,
    ),
    Exercise(
        "bench press",
        "elbow",
        LOW,
        30,
        form=(
            *(LYING, HANDS_UP, moves("elbow", 40), moves("wrist_place", 0.4, soft=0.1)),
            *(BODY_STILL, *LEGS_STILL),
        ),
        aliases=("chest press", "dumbbell press", "floor press"),
        rest=160,
        full=90,
        prior=SELDOM,
    ),
    Exercise(
        "triceps extension",
        "elbow",
        HIGH,
        35,
        aliases=("tricep extension", "skull crusher", "overhead extension"),
        rest=75,
        full=155,
        lift=THERE,
        group="triceps",
    ),
    Exercise(
        "triceps push-down",
        "elbow",
        HIGH,
        30,
        aliases=("push-down", "tricep push-down", "rope push-down"),
        rest=85,
        full=160,
        lift=THERE,
        group="triceps",
    ),
    Exercise(
        "row",
        "elbow",
        LOW,
        30,
        form=(
            *(mean("trunk", 35, 105), HANDS_DOWN, moves("elbow", 40), moves("wrist_place", 0.35, soft=0.1)),
            *(BODY_STILL, *LEGS_STILL),
        ),
        aliases=("bent-over row", "dumbbell row", "seated row", "barbell row"),
        rest=155,
        full=85,
        lift=THERE,
        prior=SELDOM,
    ),
    Exercise("burpee", "trunk", HIGH, 40, rest=15, full=75),
    Exercise(
        "plank",
        "hip",
        LOW,
        15,
        form=(LEVEL, mean("hip", 150), mean("knee", 145), HANDS_DOWN, mean("wrist_height", most=-0.25, soft=0.15)),
        aliases=("high plank", "elbow plank", "forearm plank"),
        hold=True,
    ),
    Exercise(
        "wall sit",
        "knee",
        LOW,
        20,
        form=(mean("trunk", most=25), mean("knee", 75, 120), mean("hip", 75, 120)),
        aliases=("wall squat", "chair hold"),
        hold=True,
        prior=NEVER,
    ),
)


def exercise_named(name: str, learned: Iterable[Exercise] = ()) -> Exercise:
    """The exercise of that name or alias, of the table or of those `learned`; case, plural, hyphens do not matter.

    BadRequest names the nearest one, and all there are.
    """
    names = {**{_plain(row.name): row for row in learned}, **_names()}
    if (found := names.get(_plain(name))) is not None:
        return found
    near = get_close_matches(_plain(name), names, n=1)
    hint = f"Did you mean {names[near[0]].name}? " if near else ""
    raise BadRequest(
        f"There is no exercise called {name}.", f"{hint}Known are: {', '.join(row.name for row in EXERCISES)}, auto."
    )


def find_exercise(name: str) -> Exercise | None:
    """The exercise of that name or alias, None where there is none."""
    return _names().get(_plain(name))


def _names() -> dict[str, Exercise]:
    return {_plain(alias): row for row in EXERCISES for alias in (row.name, *row.aliases)}


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum()).removesuffix("s")
