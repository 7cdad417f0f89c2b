from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import MIB
from halfgig.media.pictures import TALLEST, decoder_memory, fit_frame
from halfgig.media.streams import quarter_turns, shown_size


@pytest.mark.parametrize(
    ("degrees", "turns"), [(0, 0), (90, 1), (-90, 3), (180, 2), (-180, 2), (270, 3), (89.6, 1), (360, 0)]
)
def test_quarter_turns(degrees: float, turns: int) -> None:
    assert quarter_turns(degrees) == turns


def test_wide_pixels_make_the_picture_lower() -> None:
    assert shown_size(720, 576, Fraction(16, 11), 0) == (720, 396)


def test_narrow_pixels_make_the_picture_narrower() -> None:
    assert shown_size(720, 576, Fraction(1, 2), 0) == (360, 576)


def test_a_turned_picture_changes_sides() -> None:
    assert shown_size(1920, 1080, None, 90) == (1080, 1920)
    assert shown_size(1920, 1080, Fraction(1), 180) == (1920, 1080)


@pytest.mark.parametrize("aspect", [None, Fraction(0), Fraction(1, 100), Fraction(1000), Fraction(-1)])
def test_a_nonsensical_aspect_is_left_out_of_account(aspect: Fraction | None) -> None:
    assert shown_size(640, 480, aspect, 0) == (640, 480)


@given(st.integers(1, 16384), st.integers(1, 16384), st.none() | st.integers(1, 4000))
def test_frames_are_never_enlarged(width: int, height: int, most: int | None) -> None:
    fitted = fit_frame(width, height, most)
    assert 1 <= fitted[0] <= min(width, most or width)
    assert 1 <= fitted[1] <= min(height, round(TALLEST * most) if most else height)


def test_the_decoders_memory_follows_the_size() -> None:
    assert decoder_memory(640, 360, "h264") < 14 * MIB
    assert 90 * MIB < decoder_memory(3840, 2160, "h264") < 120 * MIB
    assert decoder_memory(7680, 4320, "mjpeg") < decoder_memory(7680, 4320, "h264")


def test_the_shape_is_kept() -> None:
    assert fit_frame(1920, 1080, 640) == (640, 360)
    assert fit_frame(1080, 1920, 640) == (450, 800)
    assert fit_frame(600, 800, 640) == (600, 800)
