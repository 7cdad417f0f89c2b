"""A part of a source is the same sound whether it is heard after others or alone, in every container."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from tests.fakes.speech import Loudness

from halfgig.media.audio import decode_audio
from halfgig.media.source import open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings
from halfgig.speech.parts import Parts, cut_into_parts

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.records import Samples
    from halfgig.speech.vad import VoiceDetector

LENGTH = 12.0  # seconds of a part
SECONDS = 28.0  # three parts
KINDS = {
    "wav": ("a.wav", "pcm_s16le", 16_000),
    "mp3": ("a.mp3", "libmp3lame", 44_100),
    "m4a": ("a.mp4", "aac", 44_100),
    "ogg": ("a.ogg", "libopus", 48_000),
    "mkv": ("a.mkv", "aac", 48_000),
    "ts": ("a.ts", "aac", 48_000),
}


class Pipe(io.RawIOBase):
    """Bytes that come once."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        return self._file.readinto(room)


def heard(given: Path | IO[bytes], **which: int) -> dict[int, tuple[int, Samples]]:
    """Where each part begins, and its sound."""
    blocks = decode_audio(open_source(given, Settings()), log=DecodeLog())
    found: dict[int, tuple[int, list[Samples]]] = {}
    for piece in cut_into_parts(blocks, cast("VoiceDetector", Loudness()), Parts(LENGTH, **which)):
        if len(piece.samples):
            found.setdefault(piece.part, (piece.start, []))[1].append(piece.samples)
    return {part: (start, np.concatenate(samples)) for part, (start, samples) in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_alone_is_the_part_among_others(tmp_path: Path, studio: Any, kind: str) -> None:
    name, codec, rate = KINDS[kind]
    path = studio.write(tmp_path / name, studio.sound(SECONDS, rate, codec=codec))
    whole = heard(path)
    assert list(whole) == [0, 1, 2]
    for number in (2, 0, 1):
        [(part, (start, samples))] = heard(path, first=number, until=number + 1).items()
        assert (part, start) == (number, whole[number][0])
        assert np.array_equal(samples, whole[number][1])


def test_a_pipe_has_the_parts_of_the_file(tmp_path: Path, studio: Any) -> None:
    path = studio.write(tmp_path / "a.ogg", studio.sound(SECONDS, 48_000, codec="libopus"))
    piped, whole = heard(io.BufferedReader(Pipe(path.read_bytes()))), heard(path)
    assert list(piped) == list(whole)
    assert all(np.array_equal(piped[part][1], whole[part][1]) for part in whole)
