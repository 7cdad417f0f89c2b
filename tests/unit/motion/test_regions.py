from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.motion.regions import Region, around_body, cut_out, turn, whole_frame

if TYPE_CHECKING:
    from halfgig.records import Pixels


def ramp(height: int, width: int) -> Pixels:
    """Red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x, y, np.full_like(x, 200)], axis=-1).astype(np.uint8)


def test_a_region_of_the_frame_s_own_size_is_the_frame() -> None:
    frame = ramp(64, 64)
    np.testing.assert_allclose(cut_out(frame, whole_frame(frame), 64) * 255, frame, atol=0.6)


def test_halving_takes_the_mean_of_neighbours() -> None:
    frame = ramp(64, 64)
    small = cut_out(frame, whole_frame(frame), 32) * 255
    np.testing.assert_allclose(small[5, 7, :2], [14.5, 10.5], atol=0.1)


def test_letterbox_is_black_and_otherwise_the_edge_goes_on() -> None:
    frame = np.full((20, 40, 3), 200, np.uint8)
    boxed = cut_out(frame, whole_frame(frame), 40, letterbox=True)
    assert boxed[:9].max() == 0
    assert boxed[11:29].min() == pytest.approx(200 / 255, abs=0.01)
    assert cut_out(frame, whole_frame(frame), 40).min() == pytest.approx(200 / 255, abs=0.01)


def test_a_quarter_turn_of_the_region_turns_the_picture_back() -> None:
    frame = ramp(64, 64)
    turned = cut_out(frame, Region(32, 32, 64, math.pi / 2), 64) * 255
    np.testing.assert_allclose(turned, np.rot90(frame, 1), atol=0.6)


def test_colours_do_not_leak_into_each_other() -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[..., 0] = 255
    picture = cut_out(frame, Region(4, 4, 5, 0.3), 16)
    assert picture[..., 0].min() > 0.99
    assert picture[..., 1:].max() == 0


@pytest.mark.parametrize("region", [Region(-500, 900, 50), Region(3, 3, 0.001), Region(10, 10, 5_000, 2.0)])
def test_regions_far_outside_are_still_pictures(region: Region) -> None:
    picture = cut_out(ramp(20, 20), region, 16)
    assert picture.shape == (16, 16, 3)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() <= picture.max() <= 1


def test_a_one_pixel_frame() -> None:
    assert cut_out(np.full((1, 1, 3), 9, np.uint8), Region(0.5, 0.5, 1), 4).max() == pytest.approx(9 / 255, abs=0.01)


def test_up_is_from_the_hips_to_the_rim() -> None:
    hips = np.array([100.0, 100.0])
    assert around_body(hips, np.array([100.0, 60.0])) == Region(100, 100, 100, 0)
    assert around_body(hips, np.array([140.0, 100.0])).angle == pytest.approx(math.pi / 2)
    assert abs(around_body(hips, np.array([100.0, 140.0])).angle) == pytest.approx(math.pi)


def test_points_of_the_region_go_to_the_frame_and_turns_keep_lengths() -> None:
    lying = Region(50, 40, 20, math.pi / 2)
    np.testing.assert_allclose(
        lying.to_frame(np.array([[0.5, 0.5], [0.5, 0.0]], np.float32)), [[50, 40], [60, 40]], atol=1e-4
    )
    vectors = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(turn(vectors, 1.234), axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-5)
