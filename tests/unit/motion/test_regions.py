from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.motion.regions import Region, around_body, cut_out, turn, whole_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def exact(frame: Pixels, region: Region, side: int) -> NDArray[np.float64]:
    """The same sampling in plain floating point, pixel by pixel."""
    height, width = frame.shape[:2]
    grid = (np.mgrid[0:side, 0:side].reshape(2, -1).T[:, ::-1] + 0.5) / side
    x, y = (region.to_frame(grid.astype(np.float32)) - 0.5).T.astype(np.float64)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = frame[top, left] * (1 - across) + frame[top, right] * across
    lower = frame[bottom, left] * (1 - across) + frame[bottom, right] * across
    blended: NDArray[np.float64] = upper * (1 - down) + lower * down
    return blended.reshape(side, side, 3)


@pytest.mark.parametrize("shape", [(48, 37), (37, 48), (3, 5)])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_any_frame_and_turn_is_sampled_as_in_floating_point(shape: tuple[int, int], angle: float) -> None:
    frame = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    region = Region(shape[1] / 2 + 1, shape[0] / 2, 1.2 * max(shape), angle)
    picture = cut_out(frame, region, 100)  # no whole number of bands
    np.testing.assert_allclose(
        picture * 255, exact(frame, region, 100), atol=4
    )  # places have 8 bits, and so have weights


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
