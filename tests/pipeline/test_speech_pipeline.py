"""From a source to segments with real decoding: the detector hears loudness, and the recogniser tells what it got."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.fakes.speech import Loudness, Teller, bursts, recording

from halfgig import pipelines
from halfgig.errors import SourceError
from halfgig.media.source import open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings
from halfgig.speech.parts import Parts
from halfgig.speech.recognizer import Hearing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Segment


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
    groups = 1 + math.ceil((len(teller.heard) - 1) / 2)  # the first alone, then two at a time
    assert len(tidied) == len(teller.heard) + groups  # behind each encoding, and once all of a group are through
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


def test_what_is_passed_over_is_watched_too(tmp_path: Path) -> None:
    positions: list[float] = []
    path = recording(tmp_path / "a.wav", bursts(90, [(1, 2), (80, 81)]))
    [segment] = run(path, watch=positions.append, parts=Parts(30.0, first=2))
    assert segment.start == pytest.approx(80, abs=0.06)
    assert positions == sorted(positions)
    assert positions[0] < 5


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
