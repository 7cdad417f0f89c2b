from __future__ import annotations

import json
import math
from itertools import islice
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from halfgig.demo.athlete import VIEWS, Beat, Script, bodies, render, steady, truth, write
from halfgig.demo.body import EXERCISES, FOREARM, SHIN, THIGH, UPPER_ARM
from halfgig.demo.drawing import Capsule, paint, room

if TYPE_CHECKING:
    from pathlib import Path

LENGTHS = {
    ("shoulder", "elbow"): UPPER_ARM,
    ("elbow", "wrist"): FOREARM,
    ("hip", "knee"): THIGH,
    ("knee", "ankle"): SHIN,
}


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("depth", [0.0, 0.3, 1.0])
def test_bones_keep_their_length_and_nobody_sinks_into_the_floor(exercise: str, depth: float) -> None:
    body = EXERCISES[exercise]({"left": depth, "right": depth})
    for (start, end), length in LENGTHS.items():
        for side in ("left", "right"):
            bone = body.joints[f"{side}_{start}"] - body.joints[f"{side}_{end}"]
            assert np.linalg.norm(bone) == pytest.approx(length, abs=1e-6)
    assert min(point[1] for point in body.joints.values()) > -0.02


@pytest.mark.parametrize(
    ("exercise", "joint", "rest", "work"),
    [
        ("squat", "knee", 174, 66),
        ("push-up", "elbow", 172, 80),
        ("bicep curl", "elbow", 170, 52),
        ("pull-up", "elbow", 165, 55),
    ],
)
def test_angles_are_those_of_the_script(exercise: str, joint: str, rest: float, work: float) -> None:
    angles = [EXERCISES[exercise]({"left": depth, "right": depth}).angles()[f"left_{joint}"] for depth in (0, 1)]
    assert angles == pytest.approx([rest, work], abs=3)


def test_hands_and_feet_that_are_fixed_stay_in_place() -> None:
    for exercise, ends in (("push-up", "wrist"), ("pull-up", "wrist"), ("lunge", "ankle")):
        places = [EXERCISES[exercise]({"left": depth, "right": depth}).joints[f"left_{ends}"] for depth in (0, 0.5, 1)]
        assert np.ptp(places, axis=0).max() < 0.02


def test_truth_tells_counts_times_and_an_angle_for_every_frame() -> None:
    script = Script("squat", (Beat(), Beat(depth=0.4), Beat(rest=2.0)), lead=0.5)
    answers = json.loads(json.dumps(truth(script), allow_nan=False))
    assert (answers["count"], len(answers["reps"]), len(answers["attempts"])) == (2, 2, 1)
    assert answers["reps"][0]["start"] == 0.5
    turn = answers["reps"][0]["turn"]
    frame = min(answers["frames"], key=lambda frame: abs(frame["time"] - turn))
    assert frame["left_knee"] == min(frame["left_knee"] for frame in answers["frames"])
    assert len(answers["frames"]) == sum(1 for _ in bodies(script))


def test_alternating_sides_move_one_after_the_other() -> None:
    script = steady("alternating curl", 2, 2.0)
    lows = {
        side: min(truth(script)["frames"], key=lambda frame: frame[f"{side}_elbow"])["time"]
        for side in ("left", "right")
    }
    assert lows["left"] == pytest.approx(1.9, abs=0.2)
    assert lows["right"] == pytest.approx(3.9, abs=0.2)


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("view", VIEWS)
def test_the_athlete_is_in_the_picture(exercise: str, view: str) -> None:
    script = steady(exercise, 1, 1.0, view=view, lead=0)
    frames = list(islice(render(script), 0, 8, 4))
    shape = (script.height, script.width, 3)
    assert all(frame.pixels.shape == shape and frame.pixels.dtype == np.uint8 for frame in frames)
    moved = np.abs(frames[0].pixels.astype(int) - frames[1].pixels).max(axis=2) > 25
    assert 0.002 < moved.mean() < 0.5
    border = np.concatenate([moved[0], moved[:, 0], moved[:, -1]])
    assert not border.any()


def test_frames_are_drawn_one_at_a_time() -> None:
    endless = Script("squat", tuple(Beat() for _ in range(2_000)))
    assert [frame.time for frame in islice(render(endless), 2)] == [0, 1 / 15]


def test_a_bystander_and_a_mirror_change_the_picture() -> None:
    plain, watched, mirrored = (
        next(render(steady("squat", 1, **options))).pixels for options in ({}, {"bystander": True}, {"mirrored": True})
    )
    assert (plain != watched).any()
    np.testing.assert_array_equal(plain[:, ::-1], mirrored)


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(ValueError, match="swimming"):
        steady("swimming", 1)


def test_a_clip_and_its_truth_are_written(tmp_path: Path) -> None:
    script = steady("squat", 1, 1.0, width=240, height=320)
    write(script, tmp_path / "squat.mp4", tmp_path / "squat.json")
    answers = json.loads((tmp_path / "squat.json").read_text())
    with av.open(str(tmp_path / "squat.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == len(answers["frames"])
    drawn = next(render(script)).pixels.astype(int)
    assert np.abs(frames[0] - drawn).mean() < 6


def test_a_capsule_is_smooth_at_its_edge_and_lit_from_the_upper_left() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    paint(pixels, [Capsule((32, 20), (32, 44), 10, 10, (200, 200, 200))])
    row = pixels[32, :, 0].astype(int)
    assert row[32] > 150
    assert row[18] == row[46] == 0
    assert row[26] > row[38] > 0


def test_shapes_outside_the_picture_are_left_out() -> None:
    pixels = room(40, 30, 0.7)
    before = pixels.copy()
    paint(
        pixels,
        [Capsule((-90, -90), (-80, -80), 5, 5, (0, 0, 0)), Capsule((math.inf, 0), (math.inf, 0), 1, 1, (0, 0, 0))][:1],
    )
    np.testing.assert_array_equal(pixels, before)
