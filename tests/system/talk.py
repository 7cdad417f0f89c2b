"""The beginning of the demo's talk, for tests that need less of it."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path


def write_beginning(path: Path, seconds: float) -> Path:
    """Write so much of the talk to `path` as WAV, 16 kHz mono, and return it."""
    with (
        as_file(files("halfgig.demo") / "talk.opus") as talk,
        av.open(str(talk)) as container,
        av.open(str(path), "w") as out,
    ):
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 16_000)
        for frame in container.decode(audio=0):
            if frame.time is None or frame.time > seconds:
                break
            for part in resampler.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path
