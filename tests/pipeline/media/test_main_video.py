"""Of several pictures all of the program looks at the same one: what is foreseen of it, and what is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pipeline.media.conftest import Picture, Sound

from halfgig.media.frames import decode_frames
from halfgig.media.source import inspect, open_source
from halfgig.records import DecodeLog, SourceInfo
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL, LARGE = (64, 48), (160, 90)


@pytest.mark.parametrize(
    ("first", "second", "main"),
    [
        ((LARGE, False), (SMALL, True), SMALL),
        ((SMALL, False), (LARGE, False), LARGE),
        ((LARGE, True), (SMALL, True), LARGE),
    ],
)
def test_the_default_one_is_looked_at_and_else_the_largest(
    tmp_path: Path,
    write_media: Callable[..., Path],
    first: tuple[tuple[int, int], bool],
    second: tuple[tuple[int, int], bool],
    main: tuple[int, int],
) -> None:
    pictures = [Picture(size=size, default=default, seconds=1.0) for size, default in (first, second)]
    source = open_source(write_media(tmp_path / "a.mkv", *pictures), Settings())
    info = inspect(source, Settings())
    assert len(info.video) == 2
    assert info.main_video is not None
    assert (info.main_video.width, info.main_video.height) == main
    frame = next(iter(decode_frames(source, rate=5.0, width=main[0], log=DecodeLog(), settings=Settings())))
    assert frame.pixels.shape[:2] == (main[1], main[0])


def test_sound_has_none(tmp_path: Path, write_media: Callable[..., Path]) -> None:
    assert inspect(open_source(write_media(tmp_path / "a.wav", Sound()), Settings()), Settings()).main_video is None
    assert SourceInfo("unknown", None, None).main_video is None
