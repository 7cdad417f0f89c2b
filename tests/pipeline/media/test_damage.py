"""Damaged copies of small recordings: only errors of ours may come out, and soon, with every file closed."""

from __future__ import annotations

import faulthandler
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import HalfgigError
from halfgig.media.source import inspect, open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIANTS = 40  # of each recording
PATIENCE = 120  # seconds for one variant, after which the test run is ended with a stack trace

RECORDINGS = ["a.mp4", "a.mkv", "a.webm", "a.ogg", "a.mp3", "a.ts", "a.flac", "a.avi", "a.gif", "a.wav"]


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request: pytest.FixtureRequest, studio: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small recording in one of the usual containers."""
    name = request.param
    sound = {"webm": "libopus", "ogg": "libopus", "mp3": "libmp3lame", "flac": "flac", "wav": "pcm_s16le"}
    picture = {"webm": "libvpx", "avi": "mpeg4", "ts": "mpeg2video", "gif": "gif"}
    kind = name[2:]
    parts = []
    if kind in {"mp4", "mkv", "webm", "ts", "avi", "gif"}:
        pix_fmt = "rgb8" if kind == "gif" else "yuv420p"
        fps = 25 if kind != "gif" else 10
        parts.append(studio.picture(seconds=1.0, fps=fps, codec=picture.get(kind, "libx264"), pix_fmt=pix_fmt))
    if kind != "gif":
        codec = sound.get(kind, "libmp3lame" if kind == "avi" else "aac")
        parts.append(studio.sound(seconds=1.5, rate=48_000, codec=codec))
    path: Path = studio.write(tmp_path_factory.mktemp("whole") / name, *parts)
    return path


def flip(content: bytearray, random: np.random.Generator) -> None:
    """Overwrite a few single bytes anywhere."""
    for place in random.integers(0, len(content), random.integers(1, 30)):
        content[place] = random.integers(0, 256)


def flip_header(content: bytearray, random: np.random.Generator) -> None:
    """Overwrite a few bytes near the beginning or the end, where containers keep their tables."""
    for place in random.integers(0, 600, random.integers(1, 8)):
        content[min(int(place), len(content) - 1) * (1 if random.random() < 0.5 else -1)] = random.integers(0, 256)


def cut(content: bytearray, random: np.random.Generator) -> None:
    """End early."""
    del content[random.integers(1, len(content)) :]


def tear(content: bytearray, random: np.random.Generator) -> None:
    """Lose a piece in the middle."""
    start = random.integers(0, len(content))
    del content[start : start + random.integers(1, 2000)]


def scribble(content: bytearray, random: np.random.Generator) -> None:
    """Replace a stretch by noise."""
    start = random.integers(0, len(content))
    length = min(int(random.integers(1, 1500)), len(content) - int(start))
    content[start : start + length] = random.bytes(length)


WAYS: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (flip, flip_header, cut, tear, scribble)


def variants(whole: bytes) -> Iterator[bytes]:
    for number in range(VARIANTS):
        random = np.random.default_rng(number)
        content = bytearray(whole)
        WAYS[number % len(WAYS)](content, random)
        yield bytes(content)


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def attempt(studio: Any, path: Path) -> None:
    """Do everything that can be done with a source; our own errors are fine."""
    for use in (
        lambda: inspect(open_source(path, Settings()), Settings()),
        lambda: studio.hear(path, DecodeLog()),
        lambda: studio.see(path, DecodeLog(), rate=10, width=32),
    ):
        with suppress(HalfgigError):
            use()


@pytest.mark.skipif(not hasattr(faulthandler, "dump_traceback_later"), reason="no watchdog on this system")
def test_only_our_errors_come_out_of_damaged_files(studio: Any, recording: Path, tmp_path: Path) -> None:
    before = open_files()
    for number, content in enumerate(variants(recording.read_bytes())):
        path = tmp_path / f"{number}{recording.suffix}"
        path.write_bytes(content)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            attempt(studio, path)
        finally:
            faulthandler.cancel_dump_traceback_later()
    assert open_files() == before
