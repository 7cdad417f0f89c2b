"""Stills of real files: where along the video, how large, upright, and nothing where there is nothing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av.container import InputContainer
from tests.pipeline.media.conftest import Picture, Sound

from halfgig.errors import MissingStream
from halfgig.media import stills as stills_module
from halfgig.media.source import open_source
from halfgig.media.stills import MOST, moments, take_stills, to_jpeg
from halfgig.operations.stills import keep_stills
from halfgig.records import Source
from halfgig.settings import Settings
from halfgig.store.place import open_belongings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from halfgig.media.stills import Still
    from halfgig.records import Pixels

ID = "a" * 64
EVEN = {"g": "10", "sc_threshold": "0", "preset": "ultrafast"}  # a key frame in every ten


def nothing() -> None:
    """No sign of life is needed here."""


def stills_of(path: Path) -> list[Still]:
    return list(take_stills(open_source(path, Settings()), nothing))


def seen(jpeg: bytes) -> Pixels:
    with av.open(io.BytesIO(jpeg)) as container:
        assert isinstance(container, InputContainer)
        return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


@pytest.fixture
def video(tmp_path: Path, write_media: Callable[..., Path]) -> Path:
    picture = Picture(size=(640, 360), fps=10, seconds=30.0, options=EVEN)
    return write_media(tmp_path / "a.mp4", picture, Sound(seconds=30.0, codec="aac"))


def test_stills_lie_along_the_video(video: Path) -> None:
    taken = stills_of(video)
    assert [still.time for still in taken] == [3.0, 12.0, 21.0]
    assert all(still.jpeg.startswith(b"\xff\xd8") and len(still.jpeg) < 40_000 for still in taken)
    pixels = seen(taken[0].jpeg)
    assert pixels.shape == (180, 320, 3)
    assert pixels[40, 80, 0] > 200 > 60 > pixels[40, 80, 1]  # the red quarter
    assert taken[0].detail > 10


def test_they_are_upright(tmp_path: Path, write_media: Callable[..., Path]) -> None:
    path = write_media(tmp_path / "a.mp4", Picture(size=(640, 360), rotation=90, options=EVEN))
    pixels = seen(stills_of(path)[0].jpeg)
    assert pixels.shape[0] > pixels.shape[1]


def test_a_video_of_one_key_frame_has_one_still(tmp_path: Path, write_media: Callable[..., Path]) -> None:
    path = write_media(tmp_path / "a.mkv", Picture(seconds=4.0, options={**EVEN, "g": "600"}))
    assert [still.time for still in stills_of(path)] == [0.0]


def test_a_long_mp4_is_sought_in_as_well(
    tmp_path: Path, write_media: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is else read without its index; and past the longest, from its beginning only."""
    path = write_media(tmp_path / "a.mp4", Picture(seconds=20.0, options=EVEN))
    monkeypatch.setattr("halfgig.media.mp4.LONG", 200)
    monkeypatch.setattr("halfgig.media.mp4.KEPT", 60)
    assert max(still.time for still in stills_of(path)) > 12
    monkeypatch.setattr("halfgig.media.container.LONGEST_INDEX", 10)
    early = [still.time for still in stills_of(path)]
    assert early
    assert max(early) < 3


def test_sound_has_none(tmp_path: Path, write_media: Callable[..., Path]) -> None:
    path = write_media(tmp_path / "a.wav", Sound())
    with pytest.raises(MissingStream):
        stills_of(path)


def test_pictures_that_would_take_much_memory_are_left_alone(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stills_module, "MEMORY", 1000)
    assert stills_of(video) == []


@pytest.mark.parametrize(
    ("duration", "count", "last"), [(None, 1, 0.0), (1.0, 3, 0.7), (100.0, 10, 91.0), (1e6, MOST, 962_500.0)]
)
def test_moments_are_spread(duration: float | None, count: int, last: float) -> None:
    times = moments(duration, MOST)
    assert len(times) == count
    assert times[-1] == pytest.approx(last)
    assert times == sorted(times)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (321, 181)])
def test_odd_sizes_become_jpegs(size: tuple[int, int]) -> None:
    assert seen(to_jpeg(np.zeros((*size, 3), np.uint8))).shape == (*size, 3)


def test_they_are_kept_once(video: Path, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    source, stills = open_source(video, settings), open_belongings(settings).stills
    assert keep_stills(source, ID, stills, nothing) == 3
    assert keep_stills(source, ID, stills, nothing) == 0
    near = stills.near(ID, 13.0)
    assert near == tmp_path / "thumbnails" / ID / "12000.jpg"


@pytest.mark.parametrize("content", [b"no video at all", b"\x00\x00\x00\x20ftypisom" + b"\0" * 100])
def test_what_has_no_stills_fails_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    stills = open_belongings(Settings(data_dir=tmp_path)).stills
    assert keep_stills(Source(str(path), "a.mp4", len(content)), ID, stills, nothing) == 0
    assert stills.poster(ID) is None
