"""From a source to segments with real decoding: the detector hears loudness, and the recogniser tells what it got."""

from __future__ import annotations

import math
import threading
import wave
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig import pipelines
from halfgig.errors import SourceError
from halfgig.media.source import open_source
from halfgig.records import SAMPLE_RATE, DecodeLog
from halfgig.settings import Settings
from halfgig.speech.parts import Parts
from halfgig.speech.recognizer import Hearing
from halfgig.speech.segments import Decoding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.records import Segment
    from halfgig.speech.windows import Window


class Loudness:
    """A voice detector that takes every loud chunk for speech."""

    def initial_state(self) -> tuple[None, None]:
        return None, None

    def score(self, chunks: NDArray[np.float32], state: Any) -> tuple[NDArray[np.float32], Any]:
        return (np.abs(chunks[:, 64:]).mean(1) > 0.05).astype(np.float32), state


class Teller:
    """A recogniser whose text for a window is long enough, and whose timestamps are the borders of its speech."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def encode(self, window: Window, padding: int) -> Window:
        self.heard.append(window.duration)
        return window

    def decode(self, windows: list[Window], hearing: Hearing, temperature: float = 0.0) -> list[Decoding]:
        return [self._decode(window) for window in windows]

    def _decode(self, window: Window) -> Decoding:
        loud = np.flatnonzero(window.probabilities >= 0.5) * 0.032
        words = [
            f"Ġ{window.start:.0f}{number:x}{(number * 7919) % 65_536:x}"
            for number in range(int(5 * len(loud) * 0.032) + 1)
        ]
        tokens = (f"<|{loud[0]:.2f}|>", *words, f"<|{loud[-1] + 0.032:.2f}|>")
        return Decoding(tokens, tuple(range(len(tokens))), -0.1, 0.0)


def bursts(seconds: float, at: list[tuple[float, float]]) -> NDArray[np.float32]:
    """A tone between each two moments, and silence elsewhere."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    loud = np.any([(time >= start) & (time < end) for start, end in at], axis=0)
    tone: NDArray[np.float32] = (0.5 * np.sin(2 * np.pi * 440 * time) * loud).astype(np.float32)
    return tone


def recording(path: Path, sound: NDArray[np.float32]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((32767 * sound).astype("<i2").tobytes())
    return path


def run(path: Path, teller: Teller | None = None, **collect: Any) -> Iterator[Segment]:
    windows = pipelines.find_speech(
        open_source(path, Settings()),
        Loudness(),  # type: ignore[arg-type]
        collect.get("parts", Parts()),
        log=collect.get("log", DecodeLog()),
        settings=Settings(),
        watch=collect.get("watch", lambda _: None),
    )
    tidy = collect.get("tidy", lambda: None)
    stretches = pipelines.transcribe(windows, teller or Teller(), Hearing(), tidy)  # type: ignore[arg-type]
    return (segment for stretch in stretches for segment in stretch.segments)


def test_segments_stand_where_the_sound_is(tmp_path: Path) -> None:
    at = [(5.0, 8.0), (70.0, 75.0), (190.0, 192.0)]
    segments = list(run(recording(tmp_path / "a.wav", bursts(200, at))))
    found = np.array([(segment.start, segment.end) for segment in segments])
    assert np.allclose(found, at, atol=0.06)


def test_silence_is_never_given_to_the_recogniser(tmp_path: Path) -> None:
    teller = Teller()
    assert list(run(recording(tmp_path / "a.wav", bursts(120, [])), teller)) == []
    assert teller.heard == []


def test_a_long_run_of_speech_is_heard_in_windows_and_none_is_lost(tmp_path: Path) -> None:
    teller, tidied = Teller(), []
    segments = list(run(recording(tmp_path / "a.wav", bursts(100, [(0, 100)])), teller, tidy=lambda: tidied.append(1)))
    assert max(teller.heard) <= 30
    assert sum(teller.heard) == pytest.approx(100, abs=0.1)
    assert len(tidied) == 1 + math.ceil((len(teller.heard) - 1) / 2)  # the first alone, then two at a time
    assert sum(segment.end - segment.start for segment in segments) == pytest.approx(100, abs=1)


def test_the_position_moves_to_the_end(tmp_path: Path) -> None:
    positions: list[float] = []
    list(run(recording(tmp_path / "a.wav", bursts(12.5, [(1, 2)])), watch=positions.append))
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(12.5, abs=0.05)


def test_the_first_segment_comes_long_before_the_end(tmp_path: Path) -> None:
    positions: list[float] = []
    segments = run(recording(tmp_path / "a.wav", bursts(200, [(1, 2), (60, 61)])), watch=positions.append)
    next(segments)
    assert positions[-1] < 100
    segments.close()  # type: ignore[attr-defined]


def test_who_stops_listening_stops_the_decoding(tmp_path: Path) -> None:
    segments = run(recording(tmp_path / "a.wav", bursts(60, [(1, 2), (40, 41)])))
    next(segments)
    del segments
    assert not [thread for thread in threading.enumerate() if thread.name == "halfgig-prefetch"]


def test_an_error_of_the_decoder_reaches_the_caller(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav", bursts(10, [(1, 2)]))
    path.write_bytes(path.read_bytes()[:44])  # a header that promises sound, and none
    with pytest.raises(SourceError):
        list(run(path))


def test_a_cut_off_recording_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    path, log = recording(tmp_path / "a.wav", bursts(60, [(1, 3), (50, 52)])), DecodeLog()
    path.write_bytes(path.read_bytes()[:640_000])
    [segment] = run(path, log=log)
    assert segment.start == pytest.approx(1, abs=0.06)
    assert log.truncated
