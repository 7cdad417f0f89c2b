from __future__ import annotations

import itertools
import os
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig.errors import MissingStream, SourceError, TooLarge
from halfgig.media.audio import decode_audio
from halfgig.media.source import open_source
from halfgig.records import SAMPLE_RATE, DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = [
    ("mono.wav", {"rate": 16_000}, 0.002),
    ("phone.wav", {"rate": 8_000, "codec": "pcm_mulaw"}, 0.002),
    ("stereo.wav", {"rate": 44_100, "layout": "stereo"}, 0.002),
    ("studio.wav", {"rate": 192_000, "codec": "pcm_s32le"}, 0.002),
    ("float.wav", {"rate": 48_000, "codec": "pcm_f32le"}, 0.002),
    ("surround.flac", {"rate": 48_000, "layout": "5.1", "codec": "flac"}, 0.002),
    ("cd.flac", {"rate": 44_100, "layout": "stereo", "codec": "flac"}, 0.002),
    ("song.mp3", {"rate": 44_100, "layout": "stereo", "codec": "libmp3lame"}, 0.005),
    ("low.mp3", {"rate": 22_050, "codec": "libmp3lame"}, 0.005),
    ("talk.m4a", {"rate": 44_100, "codec": "aac"}, 0.005),
    ("talk.mp4", {"rate": 48_000, "layout": "5.1", "codec": "aac"}, 0.005),
    ("talk.mkv", {"rate": 44_100, "codec": "aac"}, 0.005),
    ("talk.ogg", {"rate": 48_000, "codec": "libopus"}, 0.005),
    ("talk.webm", {"rate": 48_000, "codec": "libopus"}, 0.01),
    ("talk.aac", {"rate": 44_100, "codec": "aac"}, 0.05),
    ("talk.ts", {"rate": 48_000, "codec": "mp2"}, 0.05),
    ("talk.avi", {"rate": 44_100, "codec": "libmp3lame"}, 0.06),
    ("talk.ac3", {"rate": 48_000, "layout": "5.1", "codec": "ac3"}, 0.02),
]


@pytest.mark.parametrize(("name", "how", "tolerance"), FORMATS, ids=[name for name, _, _ in FORMATS])
def test_sound_is_where_it_belongs(
    studio: Any, tmp_path: Path, name: str, how: dict[str, Any], tolerance: float
) -> None:
    path = studio.write(tmp_path / name, studio.sound(seconds=4.0, **how))
    log = DecodeLog()
    samples = studio.hear(path, log)
    assert studio.onsets(samples) == pytest.approx([0, 1, 2, 3], abs=tolerance)
    assert len(samples) / SAMPLE_RATE == pytest.approx(4.0, abs=0.1)
    assert log.summary() == ""
    assert 0.2 < np.abs(samples).max() <= 1.0


def test_blocks_are_whole_but_for_the_last(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.wav", studio.sound(seconds=2.5, rate=44_100))
    blocks = list(decode_audio(open_source(path, Settings()), log=DecodeLog()))
    assert [len(block) for block in blocks] == [16_000, 16_000, 8_000]
    assert all(block.dtype == np.float32 and block.ndim == 1 for block in blocks)


@pytest.mark.parametrize("start", [0.0, 0.7317, 2.0, 3.99, 4.0, 60.0])
@pytest.mark.parametrize("name", ["a.mp3", "a.mkv"])
def test_a_later_start_gives_the_same_samples(studio: Any, tmp_path: Path, name: str, start: float) -> None:
    codec = {"a.mp3": "libmp3lame", "a.mkv": "aac"}[name]
    path = studio.write(tmp_path / name, studio.sound(seconds=4.0, rate=44_100, codec=codec))
    whole = studio.hear(path)
    assert np.array_equal(studio.hear(path, start=start), whole[round(start * SAMPLE_RATE) :])


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4", "late.ts"])
def test_sound_that_starts_late_begins_with_silence(studio: Any, tmp_path: Path, name: str) -> None:
    sound = studio.sound(rate=48_000, codec="aac", starts={0: 2.0})
    path = studio.write(tmp_path / name, studio.picture(seconds=5.0), sound)
    log = DecodeLog()
    samples = studio.hear(path, log)
    assert studio.onsets(samples) == pytest.approx([2, 3, 4], abs=0.05)
    assert log.summary() == ""


def test_a_pause_in_the_timestamps_is_silence(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "gap.mkv", studio.sound(codec="flac", starts={17: 11.0}))
    log = DecodeLog()
    samples = studio.hear(path, log)
    assert studio.onsets(samples)[-1] == pytest.approx(11.98, abs=0.5)
    assert log.filled_seconds == pytest.approx(11 - 17 * 0.288 / 2, abs=9)
    assert "filled with silence" in log.summary()


def test_an_absurd_timestamp_does_not_make_hours_of_silence(studio: Any, tmp_path: Path) -> None:
    sound = studio.sound(rate=48_000, codec="libopus", starts={50: 400_000.0})
    samples = studio.hear(studio.write(tmp_path / "leap.mkv", sound))
    assert studio.onsets(samples) == pytest.approx([0, 1, 2], abs=0.02)
    assert len(samples) < 4 * SAMPLE_RATE


def test_a_clock_set_back_goes_on(studio: Any, tmp_path: Path) -> None:
    parts = [
        studio.write(tmp_path / f"{start}.ts", studio.sound(rate=48_000, codec="mp2", starts={0: start}, seconds=12.0))
        for start in (100.0, 5.0)
    ]
    joined = tmp_path / "back.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert studio.onsets(studio.hear(joined)) == pytest.approx(range(24), abs=0.1)


def test_the_default_stream_is_heard(studio: Any, tmp_path: Path) -> None:
    loud = studio.sound(rate=48_000, codec="libopus", default=True)
    other = studio.sound(rate=48_000, codec="libopus", layout="stereo", pitch=300.0, default=False)
    samples = studio.hear(studio.write(tmp_path / "two.mkv", other, loud))
    spectrum = np.abs(np.fft.rfft(samples[:1600]))
    assert np.argmax(spectrum) * 10 == pytest.approx(1000, abs=20)


def test_a_sampling_rate_that_changes(studio: Any, tmp_path: Path) -> None:
    parts = [
        studio.write(tmp_path / f"{rate}.aac", studio.sound(rate=rate, layout=layout, codec="aac")).read_bytes()
        for rate, layout in ((44_100, "mono"), (22_050, "stereo"))
    ]
    joined = tmp_path / "joined.aac"
    joined.write_bytes(b"".join(parts))
    samples = studio.hear(joined)
    assert studio.onsets(samples) == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.2)


@pytest.mark.parametrize("channels", [1, 2, 3, 9, 16, 40])
def test_channels_without_a_layout_are_mixed(studio: Any, tmp_path: Path, channels: int) -> None:
    samples = (studio.pips(3.0, 16_000) * 30_000).astype("<i2")
    write_wave(tmp_path / "many.wav", np.repeat(samples[:, None], channels, axis=1), 16_000)
    heard = studio.hear(tmp_path / "many.wav")
    assert studio.onsets(heard) == pytest.approx([0, 1, 2], abs=0.002)


def write_wave(path: Path, samples: np.ndarray[Any, Any], rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def test_what_is_no_number_becomes_silence(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "float.wav", studio.sound(codec="pcm_f32le"))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4 * 4 + 2
    content[middle : middle + 400] = np.tile(np.array([np.nan, np.inf], "<f4"), 50).tobytes()
    content[middle + 4000 : middle + 4400] = np.full(100, 1e30, "<f4").tobytes()
    path.write_bytes(content)
    samples = studio.hear(path)
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0


@pytest.mark.parametrize("name", ["cut.wav", "cut.flac", "cut.mp4", "cut.mkv"])
def test_a_cut_file_is_decoded_to_where_it_ends(studio: Any, tmp_path: Path, name: str) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp4": "aac", "mkv": "aac"}[name[4:]]
    options = {"options": {"movflags": "faststart"}} if name.endswith("mp4") else {}
    path = studio.write(tmp_path / name, studio.sound(seconds=20.0, codec=codec), **options)
    os.truncate(path, path.stat().st_size * 6 // 10)
    log = DecodeLog()
    samples = studio.hear(path, log)
    assert log.truncated
    assert 5 < len(samples) / SAMPLE_RATE < 19
    assert "ends before" in log.summary()


def test_corrupt_packets_are_counted_and_do_not_shift_the_rest(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "hurt.mkv", studio.sound(seconds=30.0, rate=48_000, codec="flac"))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(content)
    log = DecodeLog()
    samples = studio.hear(path, log)
    assert log.corrupt_packets > 0
    assert studio.onsets(samples)[-1] == pytest.approx(29.0, abs=0.15)


def test_without_sound_there_is_a_remedy(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "mute.mp4", studio.picture())
    with pytest.raises(MissingStream, match="has no sound"):
        studio.hear(path)


def test_an_empty_track_is_an_error(studio: Any, tmp_path: Path) -> None:
    write_wave(tmp_path / "empty.wav", np.zeros((0, 1)), 16_000)
    with pytest.raises(SourceError, match="No sound"):
        studio.hear(tmp_path / "empty.wav")


@pytest.mark.parametrize(("limit", "fails"), [(2.0, True), (3.5, False)])
def test_the_longest_duration_is_enforced_where_the_file_states_none(
    studio: Any, tmp_path: Path, limit: float, *, fails: bool
) -> None:
    path = studio.write(tmp_path / "pipe.aac", studio.sound(codec="aac"))
    settings = Settings(max_video_duration_seconds=limit)
    blocks = decode_audio(open_source(path, settings), log=DecodeLog(), settings=settings)
    if fails:
        with pytest.raises(TooLarge, match="MAX_VIDEO_DURATION_SECONDS"):
            list(blocks)
    else:
        assert len(list(blocks)) == 4


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the system does not list open files")
def test_an_abandoned_decode_closes_its_file(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "a.mp3", studio.sound(codec="libmp3lame", seconds=8.0))
    before = open_files()
    blocks = decode_audio(open_source(path, Settings()), log=DecodeLog())
    assert len(list(itertools.islice(blocks, 2))) == 2
    assert open_files() == before + 1
    blocks.close()  # type: ignore[attr-defined]
    assert open_files() == before


def resident() -> float:
    """MB of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell a process's memory")
def test_memory_does_not_grow_with_the_length(studio: Any, tmp_path: Path) -> None:
    path = studio.write(tmp_path / "long.flac", studio.sound(seconds=900.0, codec="flac"))
    marks: Sequence[float] = [
        resident()
        for number, _ in enumerate(decode_audio(open_source(path, Settings()), log=DecodeLog()))
        if number in {60, 890}
    ]
    assert marks[1] - marks[0] < 3
