from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.errors import SourceError
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.media.writing import write_video
from halfgig.records import DecodeLog, Frame
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_frames_come_back_at_their_times_and_in_their_colours(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.2, 0.5, 0.6, 1.0]
    frames = [Frame(time, np.full((65, 97, 3), (200, 40 * number, 30), np.uint8)) for number, time in enumerate(times)]
    assert write_video(iter(frames), tmp_path / "out.mp4", 10) == len(times)
    settings = Settings()
    source = open_source(tmp_path / "out.mp4", settings)
    back = list(decode_frames(source, rate=None, width=None, log=DecodeLog(), settings=settings))
    assert [frame.time for frame in back] == pytest.approx(times, abs=0.002)
    assert back[0].pixels.shape == (64, 96, 3)
    assert abs(back[3].pixels[30, 40].astype(int) - (200, 120, 30)).max() < 12


def test_no_frame_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        write_video(iter(()), tmp_path / "out.mp4", 10)
