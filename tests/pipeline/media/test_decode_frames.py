from __future__ import annotations

import itertools
import os
import re
import struct
import zlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import DoesNotFit, MissingStream, SourceError, TooLarge
from halfgig.media.frames import decode_frames
from halfgig.media.source import inspect, open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from halfgig.records import Pixels

FORMATS = [
    ("a.mp4", {}),
    ("baseline.mp4", {"options": {"profile": "baseline"}}),
    ("ten_bit.mp4", {"pix_fmt": "yuv420p10le"}),
    ("full_chroma.mp4", {"pix_fmt": "yuv444p"}),
    ("interlaced.mp4", {"options": {"x264-params": "tff=1"}}),
    ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
    ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ("alpha.mov", {"codec": "qtrle", "pix_fmt": "argb"}),
    ("lossless.mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}),
    ("a.webm", {"codec": "libvpx"}),
    ("nine.webm", {"codec": "libvpx-vp9"}),
    ("a.avi", {"codec": "mpeg4"}),
    ("a.ts", {"codec": "mpeg2video"}),
    ("h264.ts", {}),
    ("motion.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
]


def is_red(pixel: Pixels) -> bool:
    red, green, blue = (int(value) for value in pixel)
    return red > 180 and green < 90 and blue < 90


def red_corner(pixels: Pixels) -> str:
    """Which quarter of the picture is red."""
    height, width = pixels.shape[:2]
    rows, columns = {"top": height // 4, "bottom": 3 * height // 4}, {"left": width // 4, "right": 3 * width // 4}
    red = [f"{row} {column}" for row in rows for column in columns if is_red(pixels[rows[row], columns[column]])]
    return ", ".join(red)


@pytest.mark.parametrize(("name", "how"), FORMATS, ids=[name for name, _ in FORMATS])
def test_frames_are_whole_and_on_the_clock(studio: Any, tmp_path: Path, name: str, how: dict[str, Any]) -> None:
    path = studio.write(tmp_path / name, studio.picture(seconds=1.0, **how))
    log = DecodeLog()
    frames = studio.see(path, log)
    assert len(frames) == 30
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in range(30)], abs=0.04)
    assert all(frame.pixels.shape == (48, 64, 3) and frame.pixels.dtype == np.uint8 for frame in frames)
    assert all(frame.pixels.flags.c_contiguous for frame in frames)
    assert red_corner(frames[7].pixels) == "top left"
    assert log.summary() == ""


def test_pictures_without_timestamps_follow_the_frame_rate(studio: Any, tmp_path: Path) -> None:
    frames = studio.see(studio.write(tmp_path / "bare.h264", studio.picture(fps=25, seconds=1.0)))
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(25)], abs=0.041)


def test_a_gif(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.gif", studio.picture(codec="gif", pix_fmt="rgb8", fps=10))
    frames = studio.see(path)
    assert len(frames) == 20
    assert frames[-1].time == pytest.approx(1.9, abs=0.11)


def test_odd_sizes(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "odd.mkv", studio.picture(size=(63, 47), codec="ffv1", pix_fmt="bgr0"))
    assert studio.see(path)[0].pixels.shape == (47, 63, 3)
    assert studio.see(path, width=17)[0].pixels.shape == (13, 17, 3)


@pytest.mark.parametrize(("rotation", "corner"), [(90, "bottom left"), (-90, "top right"), (180, "bottom right")])
def test_frames_are_turned_upright(studio: Any, tmp_path: Path, rotation: int, corner: str) -> None:
    path = studio.write(tmp_path / "turned.mp4", studio.picture(rotation=rotation))
    frame = studio.see(path, width=24)[0]
    assert red_corner(frame.pixels) == corner
    sides = (18, 24) if rotation == 180 else (30, 22)  # an upright one is held to its height
    assert frame.pixels.shape[:2] == sides
    stated = inspect(open_source(path, Settings()), Settings()).video[0]
    assert (stated.width, stated.height) == ((64, 48) if rotation == 180 else (48, 64))
    assert stated.rotation == -rotation % 360


def test_wide_pixels_are_made_square(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "wide.mp4", studio.picture(aspect=Fraction(2)))
    assert studio.see(path)[0].pixels.shape == (24, 64, 3)
    stated = inspect(open_source(path, Settings()), Settings()).video[0]
    assert (stated.width, stated.height) == (64, 24)


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_ten_frames_a_second_are_sampled(studio: Any, tmp_path: Path, fps: int) -> None:
    path = studio.write(tmp_path / "a.mp4", studio.picture(fps=fps))
    frames = studio.see(path, rate=10)
    assert len(frames) == 20
    assert [frame.time for frame in frames] == pytest.approx([number / 10 for number in range(20)], abs=1 / fps)


@pytest.mark.parametrize("options", [{}, {"bf": "8", "b_strategy": "0"}, {"x264-params": "b-pyramid=none:bframes=3"}])
def test_leaving_out_pictures_does_not_change_the_chosen_ones(
    studio: Any, tmp_path: Path, options: dict[str, str]
) -> None:
    path = studio.write(tmp_path / "a.mp4", studio.picture(seconds=3.0, options=options))
    every = {frame.time: frame.pixels for frame in studio.see(path)}
    chosen = studio.see(path, rate=7)
    assert len(chosen) == 21
    assert all(np.array_equal(every[frame.time], frame.pixels) for frame in chosen)


def test_a_variable_frame_rate_is_sampled_by_time(studio: Any, tmp_path: Path) -> None:
    times = [0.0, 0.01, 0.02, 0.5, 0.51, 2.0, 2.05, 2.1, 2.11, 8.0]
    path = studio.write(tmp_path / "vfr.mkv", studio.picture(times=times))
    assert [frame.time for frame in studio.see(path)] == pytest.approx(times, abs=0.002)
    assert [frame.time for frame in studio.see(path, rate=10)] == pytest.approx([0, 0.5, 2, 2.1, 8], abs=0.002)


def test_the_clock_begins_where_the_source_begins(studio: Any, tmp_path: Path) -> None:
    times = [7 + number / 10 for number in range(10)]
    path = studio.write(tmp_path / "late.ts", studio.picture(times=times))
    assert studio.see(path)[0].time == pytest.approx(0, abs=0.05)


def test_pictures_that_start_after_the_sound_keep_their_distance(studio: Any, tmp_path: Path) -> None:
    times = [2 + number / 10 for number in range(10)]
    sound = studio.sound(rate=48_000, codec="aac")
    path = studio.write(tmp_path / "late.mkv", sound, studio.picture(times=times))
    assert studio.see(path)[0].time == pytest.approx(2.0, abs=0.05)


def test_the_size_may_change_midway(studio: Any, tmp_path: Path) -> None:
    parts = [studio.write(tmp_path / f"{size[0]}.h264", studio.picture(size=size)) for size in ((64, 48), (160, 96))]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = studio.see(joined)
    assert len(frames) == 120
    assert {frame.pixels.shape for frame in frames} == {(48, 64, 3), (96, 160, 3)}
    assert all(one.time < other.time for one, other in pairwise(frames))


def test_settings_choose_frames_and_width(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.mp4", studio.picture(size=(256, 128)))
    settings = Settings(frame_skip_rate=7, max_frames_to_analyze=4, video_resize_width=64)
    source = open_source(path, settings)
    frames = list(decode_frames(source, rate=10, width=200, log=DecodeLog(), settings=settings))
    assert [frame.time for frame in frames] == pytest.approx([0, 7 / 30, 14 / 30, 21 / 30], abs=0.01)
    assert {frame.pixels.shape for frame in frames} == {(32, 64, 3)}


@pytest.mark.parametrize(
    "limits", [{"max_video_duration_seconds": 1.0}, {"max_video_size_mb": 0.001}, {"max_file_size_mb": 0.001}]
)
def test_limits_are_enforced(studio: Any, tmp_path: Path, limits: dict[str, float]) -> None:
    path = studio.write(tmp_path / "a.mp4", studio.picture())
    settings = Settings(**limits)  # type: ignore[arg-type]
    with pytest.raises(TooLarge, match=next(iter(limits)).upper()):
        list(decode_frames(open_source(path, settings), rate=10, width=None, log=DecodeLog(), settings=settings))
    with pytest.raises(TooLarge, match=next(iter(limits)).upper()):
        inspect(open_source(path, settings), settings)


def test_a_large_sound_file_is_no_large_video(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.wav", studio.sound())
    settings = Settings(max_video_size_mb=0.001)
    assert not inspect(open_source(path, settings), settings).video


def test_cover_art_is_no_video(studio: Any, tmp_path: Path) -> None:
    cover = studio.picture(codec="mjpeg", pix_fmt="yuvj420p", seconds=1 / 30)
    path = studio.write(tmp_path / "song.mp3", studio.sound(rate=44_100, codec="libmp3lame"), cover)
    info = inspect(open_source(path, Settings()), Settings())
    assert len(info.audio) == 1
    assert not info.video
    with pytest.raises(MissingStream, match="no moving picture"):
        studio.see(path)


def test_a_still_is_one_frame(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "one.mp4", studio.picture(seconds=1 / 30))
    assert len(studio.see(path, rate=10)) == 1


def test_a_cut_video_is_decoded_to_where_it_ends(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "cut.mp4", studio.picture(seconds=20.0), options={"movflags": "faststart"})
    os.truncate(path, path.stat().st_size * 7 // 10)
    log = DecodeLog()
    frames = studio.see(path, log, rate=5)
    assert log.truncated
    assert 2 < frames[-1].time < 19


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_an_abandoned_decode_closes_its_file(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.mkv", studio.picture())
    before = len(list(Path("/proc/self/fd").iterdir()))
    frames = decode_frames(open_source(path, Settings()), rate=10, width=None, log=DecodeLog(), settings=Settings())
    list(itertools.islice(frames, 3))
    frames.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- bombs ---------------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A small PNG file that says it is `width` x `height`."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_huge_png_is_refused(studio: Any, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(20_000, 20_000))
    with pytest.raises(TooLarge, match="40 megapixels"):
        studio.see(path)


def test_a_header_that_states_too_much_is_refused(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "bomb.avi", studio.picture(codec="ffv1", pix_fmt="bgr0"))
    stated, huge = struct.pack("<ii", 64, 48), struct.pack("<ii", 20_000, 20_000)
    path.write_bytes(path.read_bytes().replace(stated, huge))
    with pytest.raises(TooLarge, match="40 megapixels"):
        studio.see(path)


def test_pictures_larger_than_the_header_states_are_not_decoded(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "lie.avi", studio.picture(codec="mjpeg", pix_fmt="yuvj420p"))
    content, count = re.subn(
        rb"(\xff\xc0\x00\x11\x08).{4}", rb"\1" + struct.pack(">HH", 20_000, 20_000), path.read_bytes()
    )
    assert count == 60
    path.write_bytes(content)
    with pytest.raises((TooLarge, SourceError)):
        studio.see(path)


def test_eight_k_is_decoded(studio: Any, tmp_path: Path) -> None:
    size = (7680, 4320)
    path = studio.write(
        tmp_path / "8k.mkv", studio.picture(size=size, codec="mjpeg", pix_fmt="yuvj420p", seconds=1 / 30)
    )
    frame = studio.see(path, width=640)[0]
    assert frame.pixels.shape == (360, 640, 3)
    assert red_corner(frame.pixels) == "top left"


def test_a_decoder_that_does_not_fit_is_refused_with_what_it_needs(studio: Any, tmp_path: Path) -> None:
    source = open_source(studio.write(tmp_path / "a.mp4", studio.picture()), Settings())
    frames = decode_frames(source, rate=1, width=None, log=DecodeLog(), settings=Settings(), memory=5_000_000)
    with pytest.raises(DoesNotFit, match="needs 11 MB"):
        list(frames)


def test_absurd_frame_rates_are_refused(studio: Any, tmp_path: Path) -> None:
    times = [number / 9000 for number in range(300)]
    path = studio.write(tmp_path / "fast.mp4", studio.picture(times=times, options={"bf": "0"}))
    with pytest.raises(TooLarge, match="frames a second"):
        studio.see(path)


def test_too_many_channels_are_refused(tmp_path: Path, studio: Any) -> None:
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + 20_000,
        b"WAVE",
        b"fmt ",
        16,
        1,
        100,
        16_000,
        3_200_000,
        200,
        16,
        b"data",
        20_000,
    )
    (tmp_path / "many.wav").write_bytes(header + bytes(20_000))
    with pytest.raises(TooLarge, match="100 channels"):
        studio.hear(tmp_path / "many.wav")
