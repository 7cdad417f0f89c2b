"""The drawn athlete, whose angles and reps are known, through the real pose models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.demo.athlete import Beat, Script, encode, render, steady, truth
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.motion.angles import COLUMN, measure
from halfgig.motion.exercises import exercise_named
from halfgig.motion.poses import PoseTracker, track_poses
from halfgig.motion.report import count
from halfgig.operations.counting import prepare_count
from halfgig.operations.drawings import Drawings, Wanted
from halfgig.operations.exercises import learn_exercise, learned
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.records import PoseAt

pytestmark = [pytest.mark.models, pytest.mark.slow]

RATE = 10  # frames a second, as the pipeline samples
NEAR_SIDE = [12, 14, 16, 24, 26, 28]  # landmarks of the right limbs, which the side view shows


@pytest.fixture(scope="module")
def tracker(model_store: Path) -> PoseTracker:
    if not (model_store / "blazepose-full").is_dir():
        pytest.skip("blazepose-full is not pulled: run `halfgig models pull blazepose-full`")
    return PoseTracker(model_store / "blazepose-full")


def watch(script: Script, tracker: PoseTracker) -> list[PoseAt]:
    tracker.forget()
    return list(track_poses(render(script), tracker))


def joint_error(joint: str, script: Script, poses: list[PoseAt]) -> float:
    """Mean degrees between the right joint as measured and as drawn."""
    seen = [
        (measure(moment.pose)[COLUMN[f"right_{joint}"]], frame[f"right_{joint}"])
        for moment, frame in zip(poses, truth(script)["frames"], strict=True)
        if moment.pose is not None
    ]
    return float(np.nanmean([abs(measured - drawn) for measured, drawn in seen]))


@pytest.mark.parametrize("exercise", ["squat", "lunge", "deadlift"])
def test_landmarks_agree_with_the_drawing_from_the_side(tracker: PoseTracker, exercise: str) -> None:
    script = steady(exercise, 2, fps=RATE)
    poses = watch(script, tracker)
    found = [moment.pose for moment in poses if moment.pose is not None]
    assert len(found) == len(poses)
    assert np.mean([pose.visibility[NEAR_SIDE].mean() for pose in found]) > 0.9
    assert joint_error("knee", script, poses) < 6


@pytest.mark.parametrize(
    ("exercise", "view"),
    [
        ("squat", "front"),
        ("push-up", "side"),
        ("push-up", "oblique"),
        ("bicep curl", "oblique"),
        ("pull-up", "front"),
        ("jumping jack", "front"),
        ("lunge", "side"),
        ("shoulder press", "oblique"),
    ],
)
def test_reps_are_counted_and_the_exercise_is_recognised(tracker: PoseTracker, exercise: str, view: str) -> None:
    poses = watch(steady(exercise, 3, 1.8, view=view, fps=RATE), tracker)
    assert count(poses, exercise_named(exercise)).count == 3
    recognised = count(poses)
    assert (recognised.exercise, recognised.count) == (exercise, 3)


def test_an_arm_is_seen_as_an_arm_from_the_side(tracker: PoseTracker) -> None:
    script = steady("bicep curl", 2, 1.5, fps=RATE)
    assert joint_error("elbow", script, watch(script, tracker)) < 6


def test_hands_that_the_body_hides_are_counted_when_the_exercise_is_told(tracker: PoseTracker) -> None:
    poses = watch(steady("bicep curl", 3, 1.5, view="back", fps=RATE), tracker)
    assert count(poses, exercise_named("bicep curl")).count == 3


def test_pauses_partial_reps_and_a_bystander(tracker: PoseTracker) -> None:
    beats = (Beat(), Beat(hold=2.5), Beat(depth=0.35), Beat(0.6, 0.1, 0.6), Beat(depth=0.35), Beat())
    script = Script("squat", beats, view="oblique", fps=RATE, bystander=True)
    answers, report = truth(script), count(watch(script, tracker), exercise_named("squat"))
    assert (report.count, len(report.attempts)) == (answers["count"], len(answers["attempts"]))
    for rep, drawn in zip(report.reps, answers["reps"], strict=True):
        middle = (drawn["start"] + drawn["end"]) / 2
        assert abs(rep.turn - middle) < 0.3 or drawn["end"] - drawn["start"] > 3
        assert rep.start < drawn["turn"] < rep.end


def test_a_counted_clip_can_be_looked_at(model_store: Path, tmp_path: Path) -> None:
    script = steady("squat", 2, 1.5, fps=RATE)
    encode(render(script), tmp_path / "clip.mp4", script.fps)
    settings = replace(Settings.from_environment({"THREADS": "1", "HALFGIG_OFFLINE": "1"}), data_dir=model_store.parent)
    wanted = Wanted(tmp_path / "plot.png", tmp_path / "drawn.mp4", tmp_path / "landmarks.csv")
    counting, drawings = prepare_count(tmp_path / "clip.mp4", exercise="squat", settings=settings), Drawings(wanted)
    counting.see = drawings.hear
    report = counting.run()
    drawings.finish(counting, report)
    drawings.close()
    assert report.count == 2
    rows = (tmp_path / "landmarks.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == report.frames_analyzed + 1
    source = open_source(tmp_path / "drawn.mp4", settings)
    drawn = list(decode_frames(source, rate=None, width=None, log=DecodeLog(), settings=settings))
    assert len(drawn) == report.frames_analyzed
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "plot.png", "drawn.mp4", "landmarks.csv"}


def test_an_exercise_is_learned_from_a_clip(model_store: Path, tmp_path: Path) -> None:
    script = steady("push-up", 3, 1.5, fps=RATE)
    encode(render(script), tmp_path / "clip.mp4", script.fps)
    here = {"THREADS": "1", "HALFGIG_OFFLINE": "1", "MODELS_PATH": str(model_store)}
    settings = replace(Settings.from_environment(here), data_dir=tmp_path / "data")
    found = learn_exercise("my dip", tmp_path / "clip.mp4", 3, settings=settings)
    assert learned(settings) == (found,)
    assert prepare_count(tmp_path / "clip.mp4", exercise="my dip", settings=settings).exercise == found


def test_a_mirrored_video_counts_the_same(tracker: PoseTracker) -> None:
    poses = watch(steady("squat", 3, fps=RATE, mirrored=True), tracker)
    assert count(poses, exercise_named("squat")).count == 3


def test_opening_the_models_says_nothing(model_store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if not (model_store / "blazepose-full").is_dir():
        pytest.skip("blazepose-full is not pulled: run `halfgig models pull blazepose-full`")
    PoseTracker(model_store / "blazepose-full")
    assert capfd.readouterr() == ("", "")


def test_an_empty_room_holds_nobody(tracker: PoseTracker) -> None:
    from halfgig.demo.drawing import room

    tracker.forget()
    assert tracker.track(room(480, 640, 0.8)) is None
    assert tracker.track(np.zeros((64, 64, 3), np.uint8)) is None
    assert tracker.track(np.zeros((1, 1, 3), np.uint8)) is None


def test_the_person_is_found_again_after_a_cut(tracker: PoseTracker) -> None:
    from halfgig.demo.drawing import room

    tracker.forget()
    standing = next(render(steady("squat", 1))).pixels
    assert tracker.track(standing) is not None
    assert tracker.track(room(480, 640, 0.8)) is None
    assert tracker.track(np.ascontiguousarray(np.roll(standing, 120, axis=1))) is not None
