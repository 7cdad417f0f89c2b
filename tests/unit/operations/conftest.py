"""Sources that exist only as facts, and a machine that leaves as much memory as a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.records import AudioStream, SourceInfo, VideoStream

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def facts() -> Callable[..., SourceInfo]:
    """What a container may say: seconds, sound or none, and the pictures' size in pixels or none."""

    def make(
        seconds: float | None = 600.0, *, sound: bool = True, size: tuple[int, int] | None = None, fps: float = 30.0
    ) -> SourceInfo:
        audio = (AudioStream(0, "aac", 44_100, 2),) if sound else ()
        video = (VideoStream(1, "h264", *size, fps),) if size else ()
        return SourceInfo("mp4", seconds, 1_000_000, audio, video)

    return make
