from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import ModelError
from halfgig.motion.detector import SIDE, Detection, PoseDetector, anchors, decode, sigmoid
from halfgig.motion.poses import PoseTracker, choose, refine
from halfgig.motion.regions import Region

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SQUARE = Region(320, 240, 640)  # the letterboxed square of a 640 x 480 frame
NOBODY = -50.0


def answer(*people: tuple[int, float, float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Raw tensors with people at (anchor, logit, size in the unit square), upright, hips at the anchor."""
    boxes, scores = np.zeros((2254, 12), np.float32), np.full(2254, NOBODY, np.float32)
    for anchor, logit, size in people:
        scores[anchor] = logit
        boxes[anchor, 2:4] = size * SIDE
        boxes[anchor, 4:] = np.array([0, 0, 0, -size, 0, -size / 2, 0, -size]) * SIDE
    return boxes, scores


def test_there_is_an_anchor_for_every_answer() -> None:
    centers = anchors()
    assert centers.shape == (2254, 2)
    assert centers[0].tolist() == pytest.approx([0.5 / 28, 0.5 / 28])
    assert centers[1568].tolist() == pytest.approx([0.5 / 14, 0.5 / 14])
    assert centers[-1].tolist() == pytest.approx([6.5 / 7, 6.5 / 7])


def test_nobody_is_an_empty_list() -> None:
    assert decode(*answer(), SQUARE) == []


def test_a_person_is_placed_in_the_frame() -> None:
    (person,) = decode(*answer((1000, 3.0, 0.2)), SQUARE)
    x, y = anchors()[1000] * 640
    assert (person.region.x, person.region.y) == pytest.approx((x, y - 80), abs=0.01)
    assert person.region.size == pytest.approx(2 * 0.2 * 640 * 1.25, rel=1e-4)
    assert person.region.angle == pytest.approx(0, abs=1e-6)
    assert person.score == pytest.approx(0.9526, abs=1e-3)
    assert person.box == pytest.approx((x - 64, y - 80 - 64, x + 64, y - 80 + 64), abs=0.01)


def test_answers_for_the_same_person_are_blended_and_two_people_kept_apart() -> None:
    same = decode(*answer((1000, 3.0, 0.3), (1001, 2.0, 0.32), (1002, 1.0, 0.3)), SQUARE)
    assert len(same) == 1
    two = decode(*answer((100, 1.0, 0.1), (1400, 4.0, 0.1)), SQUARE)
    assert [person.score for person in two] == sorted((person.score for person in two), reverse=True)
    assert len(two) == 2


def test_the_large_and_central_person_is_preferred() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    aside = Detection(0.9, (0, 0, 1, 1), Region(40, 240, 200))
    middle = Detection(0.8, (0, 0, 1, 1), Region(330, 240, 300))
    assert choose([aside, middle], frame) == [middle, aside]
    assert choose([], frame) == []


def test_extreme_logits_are_certain_and_raise_no_warning() -> None:
    assert sigmoid(np.array([-1e9, 0, 1e9], np.float32)).tolist() == pytest.approx([0, 0.5, 1])


def test_a_landmark_moves_to_its_heat_and_stays_where_there_is_none() -> None:
    heat = np.full((64, 64, 3), -20.0, np.float32)
    heat[30, 34, 0] = 10
    heat[0, 0, 2] = 10
    points = np.array([[0.5, 0.5], [0.25, 0.75], [0.0, 0.0]], np.float32)
    moved = refine(points, heat)
    assert moved[0].tolist() == pytest.approx([34 / 64, 30 / 64], abs=1e-3)
    assert moved[1].tolist() == [0.25, 0.75]
    assert moved[2].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert refine(np.array([[-3.0, 7.0]] * 3, np.float32), heat).shape == (3, 2)


def test_a_missing_model_names_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="halfgig models pull"):
        PoseDetector(tmp_path / "pose_detection.tflite")
    with pytest.raises(ModelError, match=r"pose_detection\.tflite"):
        PoseTracker(tmp_path)


def test_a_damaged_model_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "pose_detection.tflite").write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="cannot be loaded"):
        PoseDetector(tmp_path / "pose_detection.tflite")
