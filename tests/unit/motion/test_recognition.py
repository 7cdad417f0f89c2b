from __future__ import annotations

import itertools
import math
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.demo.athlete import Beat, Script
from halfgig.motion.angles import COLUMN, SIGNALS, AnglesAt, measure_angles
from halfgig.motion.exercises import EXERCISES, exercise_named
from halfgig.motion.forms import mean, moves, reaches
from halfgig.motion.kept import Kept, Sight
from halfgig.motion.recognition import MOST_A_SECOND, Candidate, Memory, Recognizer, fit
from halfgig.motion.reps import Counter
from halfgig.records import PoseAt, Rep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Perform = Callable[..., Iterator[PoseAt]]

NONE = "none"


def recognize(angles: Iterable[AnglesAt]) -> tuple[str, list[Rep]]:
    exercise, found = Recognizer().recognize(angles)
    return exercise.name if exercise else NONE, list(found)


FAMILIES = {"alternating curl": {"alternating curl", "bicep curl"}}


@pytest.mark.parametrize(
    "exercise",
    [
        "squat",
        "push-up",
        "bicep curl",
        "alternating curl",
        "pull-up",
        "jumping jack",
        "lunge",
        "deadlift",
        "shoulder press",
    ],
)
@pytest.mark.parametrize("tempo", [1.5, 3.0])
def test_each_drawn_exercise_is_recognised_and_counted(perform: Perform, exercise: str, tempo: float) -> None:
    name, found = recognize(measure_angles(perform(exercise, 4, tempo)))
    assert name in FAMILIES.get(exercise, {exercise})
    assert sum(not rep.partial for rep in found) == 4


def test_standing_is_no_exercise(perform: Perform) -> None:
    still = Script("squat", (), lead=10)
    assert recognize(measure_angles(perform(still))) == (NONE, [])


def test_small_movements_are_no_exercise(perform: Perform) -> None:
    fidget = Script("squat", tuple(Beat(depth=0.15) for _ in range(8)))
    assert recognize(measure_angles(perform(fidget))) == (NONE, [])


def test_one_clear_rep_is_enough(perform: Perform) -> None:
    name, found = recognize(measure_angles(perform("squat", 1)))
    assert (name, len(found)) == ("squat", 1)


def test_nobody_is_no_exercise() -> None:
    empty = (PoseAt(number / 15, None) for number in range(200))
    assert recognize(measure_angles(empty)) == (NONE, [])
    assert recognize(iter(())) == (NONE, [])


def test_the_exercise_that_fills_most_of_the_time_is_chosen(perform: Perform) -> None:
    squats, curls = perform("squat", 2), perform("bicep curl", 6)
    later = (PoseAt(moment.time + 8, moment.pose) for moment in curls)
    name, _ = recognize(measure_angles(itertools.chain(squats, later)))
    assert name in {"bicep curl", "alternating curl"}


def test_a_candidate_keeps_only_what_may_be_its_own(perform: Perform) -> None:
    recognizer = Recognizer()
    exercise, found = recognizer.recognize(measure_angles(perform("squat", 4)))
    assert (exercise and exercise.name, len(list(found))) == ("squat", 4)
    assert not next(one for one in recognizer.candidates if one.exercise.name == "front raise").kept
    assert recognizer.unknown == []  # once an exercise of the table is proven, nothing else is looked for


def candidate(exercise: str = "squat") -> Candidate:
    return Candidate(exercise_named(exercise), [Counter(exercise_named(exercise))])


def at(start: float, *, partial: bool = False) -> Rep:
    return Rep(0, start, start + 1, start + 2, 90.0, 170.0, partial=partial, reached=start + 0.9, left=start + 1.1)


SEEN = Sight("side", 0.9, 0.8)


def told(one: Candidate) -> list[float]:
    return sorted(rep.start for rep, _ in one.kept)


def test_proof_is_summed_up_as_reps_come() -> None:
    one = candidate()
    one.take(at(0), 0.6, SEEN)
    assert one.proof() == 0
    one.take(at(3, partial=True), 0.9, SEEN)
    one.take(at(6), 0.6, SEEN)
    assert one.proof() == 0
    one.take(at(9), 0.6, SEEN)
    assert one.proof() == pytest.approx(3 * 0.6 * 2)
    assert one.for_good
    assert told(one) == [0, 3, 6, 9]


def test_faint_reps_are_told_where_they_stand_in_a_row_with_good_ones() -> None:
    one = candidate()
    for start, belief in ((0, 0.05), (20, 0.05), (23, 1.0), (26, 0.05), (40, 0.05)):
        one.take(at(start), belief, SEEN)
    assert told(one) == [20, 23, 26]


def test_what_is_kept_comes_back_as_it_was() -> None:
    kept = Kept()
    reps = [at(0), replace(at(3, partial=True), side="right")]
    for rep in reps:
        kept.add(rep, SEEN)
    kept.add(at(6), Sight("front", None, 0.5))
    assert [rep for rep, _ in kept] == [*reps, at(6)]
    assert [sight for _, sight in kept] == [SEEN, SEEN, Sight("front", None, 0.5)]


def test_a_rep_more_costs_a_few_hundred_bytes_while_it_is_counted() -> None:
    squat, poor = candidate(), candidate("lunge")
    tracemalloc.start()
    try:
        for number in range(2_000):
            if number == 200:
                before = tracemalloc.get_traced_memory()[0]
            squat.take(at(3.0 * number), 0.9, SEEN)
            poor.take(at(3.0 * number), 0.2, SEEN)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held / 1_800 < 200
    assert len(squat.kept) == 2_000
    assert len(poor.kept) == 0


def swings(seconds: float, every: float) -> Iterator[AnglesAt]:
    """A trunk that stands while both knees bend for two seconds, again and again."""
    for number in range(round(seconds * 10)):
        time = number / 10
        bend = 90 * math.sin(math.pi * min(time % every, 2) / 2)
        legs = {f"{side}_{name}": 170 - bend for side in ("left", "right") for name in ("knee", "hip")}
        yield moment(time, trunk=10, hip_gap=0, ankle_spread=0.3, hip_place=-bend / 200, **legs)


@pytest.mark.parametrize(("every", "count"), [(60.0, 15), (400.0, 3)])
def test_reps_with_long_rests_are_judged_while_their_signals_are_known(every: float, count: int) -> None:
    exercise, found = Recognizer([exercise_named("squat")]).recognize(swings(count * every, every))
    reps = [rep for rep in found if not rep.partial]
    assert exercise is exercise_named("squat")
    assert len(reps) == count
    assert all(rep.quality and rep.quality.confidence > 0.5 for rep in reps)


def test_what_is_no_exercise_is_none_however_seldom_it_happens() -> None:
    elbows = (
        moment(one.time, trunk=5, left_elbow=one["left_knee"], right_elbow=one["left_knee"], left_wrist_height=-0.5)
        for one in swings(20 * 60, 60)
    )
    exercise, _ = Recognizer([exercise_named("push-up")]).recognize(elbows)
    assert exercise is None


def moment(time: float, **signals: float) -> AnglesAt:
    row = np.full(len(SIGNALS), np.nan, np.float32)
    for name, value in signals.items():
        row[COLUMN[name]] = value
    return AnglesAt(time, row)


def test_memory_forgets_the_oldest() -> None:
    memory = Memory(seconds=4 / MOST_A_SECOND)
    for number in range(10):
        memory.add(moment(float(number), trunk=number))
    seen = memory.during(Rep(1, 0, 5, 9, 0, 1))[:, COLUMN["trunk"]]
    assert sorted(seen) == [6, 7, 8, 9]


def test_memory_is_of_seconds_at_any_rate() -> None:
    memory = Memory(seconds=10)
    for number in range(30 * 60):
        memory.add(moment(number / 30))
    assert len(memory.during(Rep(1, 50.1, 55, 60, 0, 1))) >= 0.4 * 10 * MOST_A_SECOND
    assert len(memory.during(Rep(1, 50.1, 51, 51.1, 0, 1))) >= 10


def test_memory_drops_nothing_of_what_comes_as_often_as_it_remembers() -> None:
    memory = Memory(seconds=10)
    for number in range(10 * MOST_A_SECOND):
        memory.add(moment(number / MOST_A_SECOND))
    assert len(memory.during(Rep(1, 0, 5, 10, 0, 1))) == 10 * MOST_A_SECOND


def test_fit_is_a_product_of_likenesses_and_unseen_signals_do_not_count() -> None:
    rows = np.stack([moment(0, trunk=10, left_knee=170).values, moment(1, trunk=20, left_knee=90).values])
    assert fit((mean("trunk", most=45), moves("knee", 45), reaches("knee", 100)), rows, "both") == 1
    assert fit((moves("elbow", 50),), rows, "both") == 1
    assert fit((mean("trunk", 30, soft=15),), rows, "both") == pytest.approx(0.5)
    assert fit((moves("knee", 45),), rows, "right") == 1
    assert fit((mean("trunk", 30, soft=15), moves("knee", 95, soft=15)), rows, "left") == pytest.approx(0.25)
    assert fit((moves("knee", 45),), rows[:0], "both") == 0


def test_forms_are_of_signals_that_exist() -> None:
    for exercise in EXERCISES:
        for trait in exercise.form:
            assert trait.signal in COLUMN or f"left_{trait.signal}" in COLUMN
