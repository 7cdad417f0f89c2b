"""An mp4 whose index is left out gives the same packets, frames and facts as FFmpeg alone gives."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from halfgig.errors import HalfgigError
from halfgig.media import container, mp4
from halfgig.media.container import decode_packets, open_container, read_packets
from halfgig.media.mp4 import Blocks, shorten
from halfgig.media.source import inspect, open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from av.packet import Packet

    from halfgig.memory.jail import Run

UNEVEN = np.cumsum(np.random.default_rng(3).uniform(0.01, 0.08, 150)).tolist()
WRITINGS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "reordered pictures": ({"options": {"bf": "3", "g": "40"}}, {}, {}),
    "tables in front": ({}, {"rate": 44_100, "layout": "stereo"}, {"movflags": "faststart"}),
    "uneven times": ({"times": UNEVEN}, {"rate": 22_050}, {}),
    "a late start": ({"times": [1.5 + number / 25 for number in range(150)]}, {"starts": {0: 1.0}}, {}),
    "delays below zero": ({"options": {"bf": "2"}}, {}, {"movflags": "negative_cts_offsets"}),
    "no edit lists": ({"options": {"bf": "2"}}, {}, {"use_editlist": "0"}),
    "turned": ({"rotation": 90}, {}, {}),
    "another codec": ({"codec": "libx265", "options": {"x265-params": "log-level=none"}}, {}, {}),
}


@pytest.fixture
def easily_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are as hours."""
    monkeypatch.setattr(mp4, "LONG", 100)
    monkeypatch.setattr(mp4, "KEPT", 30)


@pytest.fixture
def write(studio: Any, tmp_path: Path) -> Callable[..., Path]:
    """A recording of six seconds, with sound and picture."""

    def write_one(name: str, picture: dict[str, Any], sound: dict[str, Any], options: dict[str, str]) -> Path:
        parts = [studio.picture(**{"seconds": 6.0, "fps": 25, **picture})]
        parts.append(studio.sound(**{"seconds": 6.0, "codec": "aac", "rate": 48_000, **sound}))
        path: Path = studio.write(tmp_path / name, *parts, options=options)
        return path

    return write_one


def noted(packets: Iterable[Packet[Any]], seen: list[Any]) -> Iterator[Packet[Any]]:
    for packet in packets:
        seen.append((packet.dts, packet.pts, packet.duration if packet.size else 0, packet.size, bytes(packet)))
        yield packet


def everything(path: Path) -> list[Any]:
    """All that is told and decoded of a file."""
    source = open_source(path, Settings())
    told: list[Any] = [inspect(source, Settings())]
    for index in range(len(told[0].audio) + len(told[0].video)):
        packets: list[Any] = []
        log = DecodeLog()
        with open_container(source) as opened:
            frames = decode_packets(noted(read_packets(opened, opened.streams[index], log), packets), log)
            shown = [(one.time, hashlib.sha256(one.to_ndarray().tobytes()).digest()) for one in frames]
        told += [packets, shown, log]
    return told


def by_ffmpeg_alone(monkeypatch: pytest.MonkeyPatch, path: Path) -> list[Any]:
    with monkeypatch.context() as patch:
        patch.setattr(container, "shorten", lambda _: None)
        return everything(path)


@pytest.mark.usefixtures("easily_long")
@pytest.mark.parametrize("writing", WRITINGS)
def test_nothing_is_changed(writing: str, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.mp4", *WRITINGS[writing])
    short = shorten(path)
    assert short
    with short, av.open(short, "r") as opened:
        assert [sum(packet.size > 0 for packet in opened.demux(stream)) < 100 for stream in opened.streams] == [
            True
        ] * 2
    assert everything(path) == by_ffmpeg_alone(monkeypatch, path)


@pytest.mark.usefixtures("easily_long")
def test_a_cut_file_says_so_and_gives_what_is_there(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a.mp4", *WRITINGS["tables in front"])
    content = path.read_bytes()
    path.write_bytes(content[: (content.index(b"mdat") + 2 * len(content)) // 3])
    ours, theirs = everything(path), by_ffmpeg_alone(monkeypatch, path)
    assert ours[1][:-1] == theirs[1][: len(ours[1]) - 1]
    assert [log.truncated for log in ours[3::3]] == [True, True]


@pytest.mark.usefixtures("easily_long")
@pytest.mark.parametrize(
    ("name", "sound", "options"),
    [
        ("a.mp4", {}, {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", {}, {}),
        ("a.avi", {"codec": "libmp3lame"}, {}),
    ],
)
def test_what_has_no_such_tables_is_left_alone(
    name: str, sound: dict[str, Any], options: dict[str, str], write: Callable[..., Path]
) -> None:
    assert shorten(write(name, {}, sound, options)) is None


@pytest.mark.usefixtures("easily_long")
def test_what_an_edit_list_cuts_is_left_to_ffmpeg(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.mp4", *WRITINGS["reordered pictures"])
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12
    content[at : at + 4] = (2000).to_bytes(4, "big")  # milliseconds of the picture
    path.write_bytes(content)
    short = shorten(path)
    assert short
    with short, av.open(short, "r") as opened:
        assert sum(packet.size > 0 for packet in opened.demux(video=0)) > 50
    assert everything(path) == by_ffmpeg_alone(monkeypatch, path)


def test_a_short_file_is_left_alone(write: Callable[..., Path]) -> None:
    assert shorten(write("a.mp4", *WRITINGS["reordered pictures"])) is None


@pytest.mark.usefixtures("easily_long")
@pytest.mark.parametrize("seed", range(60))
def test_damage_is_an_error_of_ours_or_none(seed: int, write: Callable[..., Path], studio: Any) -> None:
    path = write("a.mp4", *WRITINGS["tables in front"])
    content, random = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in random.integers(0, content.index(b"mdat"), random.integers(1, 12)):
        content[place] = random.integers(0, 256)
    path.write_bytes(content)
    for decode in (studio.hear, studio.see):
        with suppress(HalfgigError):
            decode(path)


def test_blocks_are_read_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "BLOCK", 16)
    content = bytes(range(100))
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb", buffering=0) as file:
        blocks = Blocks(file)
        for at, size in ((0, 5), (5, 11), (10, 50), (70, 3), (90, 20), (0, 100), (200, 4)):
            assert blocks.read(at, size) == content[at : at + size]


READ = """
import os, sys
from halfgig.media.container import open_container, read_packets
from halfgig.media.source import open_source
from halfgig.memory.allocator import trim
from halfgig.memory.meter import tree_anonymous
from halfgig.records import DecodeLog
from halfgig.settings import Settings

def read(path):
    with open_container(open_source(path, Settings())) as container:
        for number, packet in enumerate(read_packets(container, container.streams[0], DecodeLog())):
            if number % 10_000 == 500:
                trim()
                yield tree_anonymous(os.getpid())

max(read(sys.argv[1]))
print(max(read(sys.argv[2])) - max(read(sys.argv[1])))
"""


def test_an_hour_of_samples_holds_no_more_than_a_minute(studio: Any, tmp_path: Path) -> None:
    minute = studio.write(tmp_path / "minute.mp4", studio.picture(seconds=60.0, fps=30, size=(16, 16)))
    hour = tmp_path / "hour.mp4"
    with av.open(str(minute)) as once, av.open(str(hour), "w") as out:
        target = out.add_stream_from_template(once.streams.video[0])
        packets = [packet for packet in once.demux(video=0) if packet.dts is not None]
        for number in range(60):
            for packet in packets:
                again = av.Packet(bytes(packet))
                shift = number * 60 * int(1 / packet.time_base)
                again.dts, again.pts = (packet.dts or 0) + shift, (packet.pts or 0) + shift
                again.time_base = packet.time_base
                again.stream = target
                out.mux(again)
    answer = subprocess.run(
        [sys.executable, "-c", READ, str(minute), str(hour)], capture_output=True, text=True, check=True
    )
    assert int(answer.stdout) < 1_000_000  # bytes; FFmpeg's index of this file has 5 million


@pytest.mark.cgroup
def test_what_was_read_does_not_stay_in_the_working_set(tmp_path: Path, run_in_cgroup: Callable[..., Run]) -> None:
    path = tmp_path / "noise.mp4"
    write_noise(path, seconds=900)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # the pages are to be read by the command
    done = run_in_cgroup([sys.executable, "-c", READ, str(path), str(path)])
    assert done.ok, done.stderr
    assert path.stat().st_size > 40_000_000
    assert done.peak - done.peak_held < 16_000_000


def write_noise(path: Path, seconds: int) -> None:
    """Pictures that cannot be compressed, the same ten seconds again and again."""
    random = np.random.default_rng(5)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"g": "30", "bf": "0"})
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        pictures = (av.VideoFrame.from_ndarray(random.integers(0, 255, (64, 64, 3), np.uint8)) for _ in range(300))
        packets = [packet for picture in pictures for packet in stream.encode(picture)] + stream.encode(None)
        for number in range(seconds // 10):
            for place, packet in enumerate(packets):
                again = av.Packet(bytes(packet))
                again.stream, again.time_base = stream, packet.time_base
                again.dts = again.pts = (300 * number + place) * round(1 / (30 * packet.time_base))
                out.mux(again)
