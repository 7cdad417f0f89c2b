"""The plot and the overlay of a drawn performance: what is on them, and what they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from halfgig.demo.athlete import Beat, Script
from halfgig.motion.angles import COLUMN
from halfgig.motion.curves import Curve
from halfgig.motion.exercises import exercise_named
from halfgig.motion.landmarks import HEADER, NAMES, landmark_row
from halfgig.motion.overlay import Between, draw_over, overlay, phase, said, signal_of
from halfgig.motion.plot import ATTEMPT, HEIGHT, REP, WIDTH, clock, curves_of, draw_plot
from halfgig.motion.report import as_json, count
from halfgig.records import Frame, PoseAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.records import Report

    Perform = Callable[..., Iterator[PoseAt]]

SET = Script("squat", tuple(Beat(1.0, 0.2, 1.0, 0.4, depth) for depth in (1, 1, 0.35, 1)))
SQUAT = exercise_named("squat")


def counted(moments: list[PoseAt], exercise: str = "squat") -> tuple[Report, Curve]:
    curve = Curve()
    for moment in moments:
        curve.add(moment)
    return count(moments, exercise_named(exercise)), curve


def test_a_plot_has_bands_for_reps_and_attempts(perform: Perform, tmp_path: Path) -> None:
    report, curve = counted(list(perform(SET)))
    draw_plot(as_json(report), curve, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as picture:
        assert picture.size == (WIDTH, HEIGHT)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert {REP, ATTEMPT} <= colours


@pytest.mark.parametrize("exercise", ["alternating curl", "burpee", "step-up", "plank"])
def test_every_kind_of_signal_can_be_plotted(perform: Perform, tmp_path: Path, exercise: str) -> None:
    report, curve = counted(list(perform("alternating curl", 2)), exercise)
    draw_plot(as_json(report), curve, tmp_path / "plot.png")
    lines = curves_of(as_json(report), curve)
    assert set(lines) in ({"left", "right"}, {"both"}, {"left", "right", "both"})


def test_a_plot_of_nothing_is_a_plot(tmp_path: Path) -> None:
    report, curve = count(iter(())), Curve()
    draw_plot(as_json(report), curve, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_times_are_written_as_people_read_them() -> None:
    assert [clock(seconds) for seconds in (5, 59, 60, 3601)] == ["5 s", "59 s", "1:00", "60:01"]


def test_a_curve_holds_no_more_after_an_hour(perform: Perform) -> None:
    pose = next(perform("squat", 1)).pose
    curve = Curve(most=100)
    for number in range(1_000):
        curve.add(PoseAt(number / 10, pose if number % 3 else None))
    assert 50 <= len(curve.times) <= 100
    assert np.diff(curve.times).min() == pytest.approx(np.diff(curve.times).max())
    assert curve.times[-1] > 95
    assert np.isnan(curve.rows[:, COLUMN["left_knee"]]).any()


def test_landmarks_are_a_row_for_each_moment(perform: Perform) -> None:
    moment = next(perform("squat", 1))
    row = dict(zip(HEADER, landmark_row(moment), strict=True))
    assert len(NAMES) == 33
    assert float(row["left_knee_y"]) > float(row["left_shoulder_y"])
    assert (row["time"], row["cut"], row["nose_visibility"]) == ("0.000", "false", "1.00")
    nobody = list(landmark_row(PoseAt(1.0, None, cut=True)))
    assert (len(nobody), nobody[:4]) == (len(HEADER), ["1.000", "", "true", ""])


def test_an_overlay_has_the_skeleton_and_the_words(perform: Perform) -> None:
    moments = list(perform(SET))
    report, _ = counted(moments)
    frames = [Frame(moment.time, np.zeros((240, 320, 3), np.uint8)) for moment in moments[:20]]
    drawn = list(overlay(frames, moments, report))
    assert [frame.time for frame in drawn] == [frame.time for frame in frames]
    assert all(frame.pixels.shape == (240, 320, 3) and frame.pixels.dtype == np.uint8 for frame in drawn)
    assert all(frame.pixels[:60, :200].max() == 255 for frame in drawn)
    empty = draw_over(frames[0], None, report)
    assert (empty != drawn[0].pixels).any()


def test_the_count_and_the_phase_go_with_the_time(perform: Perform) -> None:
    moments = list(perform(SET))
    report, _ = counted(moments)
    first = report.reps[0]
    phases = [
        phase(report.reps, report.attempts, report.signal, time)
        for time in (0.1, (first.start + first.reached) / 2, first.turn, (first.left + first.end) / 2)
    ]
    assert phases == ["rest", "lowering", "holding", "lifting"]
    tried = report.attempts[0]
    assert phase((), (tried,), report.signal, tried.turn) == "holding (partial)"
    assert report.signal is not None
    assert phase((first,), (), replace(report.signal, lift="there"), first.start + 0.05) == "lifting"
    words = list(said(report, moments[0].pose, report.reps[1].end))
    assert words[0] == "squat  2"
    assert words[2].startswith("knee 17")


def test_between_two_poses_landmarks_move_evenly(perform: Perform) -> None:
    first, second, *_ = perform("squat", 1)
    assert first.pose is not None
    assert second.pose is not None
    moved = replace(second, time=0.2, pose=replace(second.pose, landmarks=first.pose.landmarks + 10))
    between = Between([first, moved, PoseAt(0.3, None)])
    middle = between.at(0.1)
    assert middle is not None
    np.testing.assert_allclose(middle.landmarks, first.pose.landmarks + 5, atol=0.01)
    assert between.at(2.0) is None
    assert Between([]).at(0.0) is None
    assert Between([first, replace(moved, cut=True)]).at(0.1) is first.pose


def test_a_hidden_angle_is_told(perform: Perform) -> None:
    report, _ = counted(list(perform(SET)))
    pose = next(perform(SET)).pose
    assert pose is not None
    assert signal_of(pose, "knee") == pytest.approx(177, abs=6)
    assert signal_of(pose, "trunk") == pytest.approx(4, abs=6)
    hidden = replace(pose, visibility=np.zeros(33, np.float32))
    assert list(said(report, hidden, 0.0))[2] == "knee hidden"
