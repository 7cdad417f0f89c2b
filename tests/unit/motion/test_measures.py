from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.motion.angles import COLUMN, SIGNALS
from halfgig.motion.exercises import EXERCISES, exercise_named
from halfgig.motion.measures import assess, look
from halfgig.motion.views import ALONG, BACK, FRONT, OBLIQUE, SIDE, UNKNOWN, error_band, view_of
from halfgig.records import Quality, Rep

if TYPE_CHECKING:
    from halfgig.motion.forms import Exercise

SQUAT, CURL, PRESS = (exercise_named(name) for name in ("squat", "bicep curl", "shoulder press"))
CAMERAS = {SIDE: (1, 0, 0), FRONT: (0, 1, 0), BACK: (0, -1, 0), OBLIQUE: (0.7, 0.7, 0), ALONG: (0.1, 0.2, 0.97)}


def rows(view: str = SIDE, **signals: float | list[float]) -> np.ndarray:
    table = np.full((10, len(SIGNALS)), np.nan, np.float32)
    if view in CAMERAS:
        table[:, [COLUMN[name] for name in ("across", "ahead", "along")]] = CAMERAS[view]
    for name, values in signals.items():
        table[:, COLUMN[name]] = values
    return table


def squat(lowest: float = 90, highest: float = 172, **times: float) -> Rep:
    given = {"start": 0.0, "turn": 1.1, "end": 2.2, "reached": 1.0, "left": 1.2, **times}
    return Rep(1, lowest=lowest, highest=highest, **given)  # type: ignore[arg-type]  # only times are given


def quality(rep: Rep, table: np.ndarray, exercise: object = SQUAT) -> Quality:
    sight = look(rep, table, exercise)  # type: ignore[arg-type]  # one of the table
    found = assess(rep, sight, exercise).quality  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("view", CAMERAS)
def test_views_are_told_from_where_the_camera_is(view: str) -> None:
    assert view_of(rows(view)) == view


def test_a_trunk_that_is_not_seen_has_no_view() -> None:
    assert view_of(rows(UNKNOWN)) == UNKNOWN


def test_who_turns_round_is_not_seen_from_the_side() -> None:
    assert view_of(np.concatenate([rows(FRONT), rows(BACK)[:9]])) == FRONT
    assert view_of(np.concatenate([rows(FRONT)[:9], rows(BACK)])) == BACK
    assert view_of(np.concatenate([rows(OBLIQUE), rows(BACK)])) == BACK


def test_angles_have_a_band_where_the_view_allows_it() -> None:
    side, oblique = error_band(SQUAT, SIDE), error_band(SQUAT, OBLIQUE)
    assert side is not None
    assert oblique is not None
    assert side < oblique
    assert error_band(SQUAT, FRONT) is None
    assert error_band(exercise_named("side lunge"), SIDE) == side
    assert error_band(exercise_named("step-up"), SIDE) is None
    assert error_band(exercise_named("pull-up"), SIDE) is None
    assert error_band(CURL, SIDE) is not None


@pytest.mark.parametrize("exercise", [row for row in EXERCISES if row.full is not None], ids=lambda row: row.name)
def test_from_the_view_that_is_asked_for_something_can_be_said(exercise: Exercise) -> None:
    told = [view for view in CAMERAS if error_band(exercise, view) is not None]
    assert exercise.view in told or not told


def test_a_full_rep_has_its_tempo_and_no_fault() -> None:
    found = quality(squat(), rows(left_knee=100.0))
    assert (found.eccentric, found.pause, found.concentric) == pytest.approx((1.0, 0.2, 1.0))
    assert (found.score, found.reasons) == (100, ())
    assert found.depth == pytest.approx(75 / 70)
    assert found.velocity == pytest.approx(82)
    assert found.confidence == 1.0


def test_lifting_comes_first_where_the_load_is_raised_to_the_turn() -> None:
    found = quality(squat(40, 160, reached=0.5, left=0.6), rows(left_elbow=90.0), CURL)
    assert (found.concentric, found.pause, found.eccentric) == pytest.approx((0.5, 0.1, 1.6))


def test_a_load_from_the_floor_was_not_lowered() -> None:
    deadlift = exercise_named("deadlift")
    floor = quality(squat(turn=0.0, reached=0.0, left=0.0), rows(left_hip=100.0), deadlift)
    assert (floor.eccentric, floor.pause, floor.concentric) == (None, 0.0, 2.2)
    assert not any("lowered" in reason for reason in floor.reasons)
    assert quality(squat(), rows(left_hip=100.0), deadlift).eccentric == pytest.approx(1.0)


def test_what_is_short_is_said_in_words_and_costs_points() -> None:
    found = quality(squat(lowest=115, highest=150), rows(left_knee=100.0))
    assert found.reasons == ("depth 20 degrees short", "15 degrees short of a full return")
    band = error_band(SQUAT, SIDE)
    assert band is not None
    assert found.score == 100 - (20 - band) - (15 - band)
    low = quality(squat(lowest=90, highest=120), rows(left_elbow=100.0), PRESS)
    assert low.reasons[0] == "depth 40 degrees short"


def test_within_the_error_nothing_is_short_and_from_the_front_nothing_is_said() -> None:
    assert quality(squat(lowest=99), rows(left_knee=100.0)).reasons == ()
    left, right = list(np.linspace(90, 170, 10)), list(np.linspace(130, 170, 10))
    found = quality(squat(lowest=130), rows(FRONT, left_knee=left, right_knee=right))
    assert (found.score, found.reasons, found.depth, found.symmetry) == (None, (), None, None)
    dropped = quality(squat(lowest=130, reached=0.2), rows(FRONT, left_knee=left, right_knee=right))
    assert dropped.reasons == ("lowered in 0.2 s",)


def test_sides_are_compared_where_both_are_seen() -> None:
    left, right = list(np.linspace(90, 170, 10)), list(np.linspace(130, 170, 10))
    table = rows(OBLIQUE, left_knee=left, right_knee=right)
    found = quality(squat(), table)
    assert found.symmetry == pytest.approx(0.5, abs=0.01)
    assert "one side moves 50 % less" in found.reasons
    assert quality(squat(), rows(SIDE, left_knee=left, right_knee=right)).symmetry is None
    table[:4, COLUMN["left_knee"]] = np.nan
    assert quality(squat(), table).symmetry is None


def test_a_dropped_load_is_told() -> None:
    assert quality(squat(reached=0.2), rows(left_knee=100.0)).reasons == ("lowered in 0.2 s",)


def test_what_is_seen_less_is_believed_less() -> None:
    assert quality(squat(), rows()[:0]).confidence == 0
    half = rows(left_knee=100.0)
    half[:5, COLUMN["left_knee"]] = np.nan
    assert quality(squat(), half).confidence == pytest.approx(0.5)
