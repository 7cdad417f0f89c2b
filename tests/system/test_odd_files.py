"""Files that are odd, broken or absent: a correct result, or one line with a remedy and the exit code of its kind."""

from __future__ import annotations

import os
import signal
import struct
import wave
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from benchmarks.serving import answering

from halfgig import cli
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMANDS = ("transcribe", "index", "reps")
READ, STREAM, LARGE = 3, 4, 5  # exit codes


@pytest.fixture
def halfgig(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """halfgig(*arguments) -> exit code, standard output and error; with the models at hand and a new library."""
    data = tmp_path_factory.mktemp("data")
    models = Settings.from_environment().models_dir
    if models.is_dir():
        (data / "models").symlink_to(models)
    monkeypatch.setenv("HALFGIG_DATA", str(data))
    monkeypatch.setenv("HALFGIG_OFFLINE", "1")
    monkeypatch.setenv("THREADS", "1")
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    yield run
    for number, handler in zip((signal.SIGTERM, signal.SIGHUP), before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def refused(halfgig: Callable[..., tuple[int, str, str]], tmp_path: Path) -> Callable[..., None]:
    """refused(source, code, words): every command ends so, in one line, and leaves nothing behind."""

    def check(source: object, code: int, words: str, commands: tuple[str, ...] = COMMANDS) -> None:
        before = sorted(tmp_path.rglob("*"))
        for command in commands:
            got, out, err = halfgig(command, source)
            assert (got, out, err.count("\n")) == (code, "", 1), f"{command}: {got} {out} {err}"
            assert err.startswith("halfgig: ")
            assert err.rstrip().endswith(".")
            assert words in err
        assert sorted(tmp_path.rglob("*")) == before
        assert halfgig("library", "list", "--json")[1] == "[]\n"

    return check


def sound(path: Path, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * int(16_000 * seconds)))
    return path


def pictures(path: Path, size: tuple[int, int] = (64, 48), frames: int = 5) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        grey = np.full((size[1], size[0], 3), 99, np.uint8)
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return path


def huge_picture(path: Path) -> Path:
    """A PNG that says it is 20,000 x 20,000 pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = part(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + part(b"IDAT", zlib.compress(bytes(60_001))) + part(b"IEND", b""))
    return path


# --- generated -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"These are only words.\n" * 50, "is text"),
        (bytes(range(256)) * 99, "is not audio or video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
    ],
)
def test_what_is_no_media(tmp_path: Path, refused: Callable[..., None], content: bytes, words: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    refused(tmp_path / "a.mp4", READ, words)


def test_what_is_no_file(tmp_path: Path, refused: Callable[..., None]) -> None:
    refused(tmp_path, READ, "is a folder")
    refused(tmp_path / "none.mp4", READ, "does not exist")
    refused("", READ, "is a folder")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", READ, "is not a regular file")
    refused("ftp://example.org/a.mp4", READ, "ftp addresses are not read")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path, refused: Callable[..., None]) -> None:
    sound(tmp_path / "a.wav").chmod(0)
    refused(tmp_path / "a.wav", READ, "may not be read")


@pytest.mark.parametrize("name", ["a b.mp4", "ä🙂.mp4", "-dash.mp4", ".hidden.mp4", "new\nline.mp4", "caf\udce9.mp4"])
def test_names_of_all_kinds_are_told_in_one_line(tmp_path: Path, refused: Callable[..., None], name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    refused(tmp_path / name, READ, "is empty")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_mp4_without_its_end(tmp_path: Path, refused: Callable[..., None], part: float) -> None:
    content = pictures(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: int(part * len(content))])
    refused(tmp_path / "a.mp4", READ, "mp4")


def test_sound_alone_and_pictures_alone(tmp_path: Path, refused: Callable[..., None]) -> None:
    refused(sound(tmp_path / "a.wav"), STREAM, "has no moving picture", ("reps",))
    refused(pictures(tmp_path / "a.mp4"), STREAM, "has no sound", ("transcribe", "index"))


def test_a_picture_of_400_megapixels(tmp_path: Path, refused: Callable[..., None]) -> None:
    refused(huge_picture(tmp_path / "a.png"), LARGE, "the limit is 40 megapixels", ("reps",))


def test_addresses_that_do_not_answer(refused: Callable[..., None]) -> None:
    refused("http://127.0.0.1:9/a.mp4", READ, "could not be fetched")


def test_an_address_that_is_not_there(refused: Callable[..., None]) -> None:
    class NotHere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), NotHere)) as address:
        refused(f"{address}/a%20b.mp4", READ, "a b.mp4 was refused by its server")


# --- with models ---------------------------------------------------------------------------------------


@pytest.mark.models
def test_silence_is_transcribed_to_nothing(
    tmp_path: Path, halfgig: Callable[..., tuple[int, str, str]], model_store: Path
) -> None:
    assert halfgig("transcribe", sound(tmp_path / "a.wav"), "--language", "en") == (0, "", "")


@pytest.mark.models
def test_sound_that_cannot_be_decoded_leaves_no_row(
    tmp_path: Path, refused: Callable[..., None], model_store: Path
) -> None:
    with av.open(str(tmp_path / "a.flac"), "w") as container:
        stream = container.add_stream("flac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.random.default_rng(0).integers(-99, 99, (1, 64_000), "i2"), "s16", "mono")
        frame.sample_rate = 16_000
        for part in (frame, None):
            container.mux(stream.encode(part))
    content = (tmp_path / "a.flac").read_bytes()
    head = len(content) // 20
    (tmp_path / "a.flac").write_bytes(content[:head] + bytes(len(content) - head))
    refused(tmp_path / "a.flac", READ, "could be decoded", ("transcribe", "index"))


@pytest.mark.models
@pytest.mark.parametrize(("size", "frames"), [((64, 48), 1), ((7680, 4320), 1)])
def test_one_frame_of_any_size_holds_no_repetition(
    tmp_path: Path,
    halfgig: Callable[..., tuple[int, str, str]],
    model_store: Path,
    size: tuple[int, int],
    frames: int,
) -> None:
    code, out, err = halfgig("reps", pictures(tmp_path / "a.mp4", size, frames))
    assert code == 0
    assert "0 repetitions" in out
    assert "INFO" not in err


ODD = {  # exit codes of transcribe and of reps
    "odd_audio_only_1.mp4": (0, STREAM),
    "odd_black_1.mp4": (STREAM, 0),
    "odd_lfs_pointer_1.mp4": (READ, READ),
    "odd_single_frame_1.mp4": (STREAM, 0),
    "odd_testpattern_noperson_1.mp4": (STREAM, 0),
    "odd_text_not_video_1.mp4": (READ, READ),
    "odd_truncated_faststart_1.mp4": (0, 0),
    "odd_truncated_nomoov_1.mp4": (READ, READ),
    "odd_zero_bytes_1.mp4": (READ, READ),
}


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_recordings(
    name: str, shared_data: Path, halfgig: Callable[..., tuple[int, str, str]], model_store: Path
) -> None:
    source = shared_data / "reps" / name
    heard, counted = ODD[name]
    for command, expected in (("transcribe", heard), ("reps", counted)):
        code, out, err = halfgig(command, source, *(("--language", "en") if command == "transcribe" else ()))
        assert code == expected, err
        assert err.count("\n") <= 1
        assert "INFO" not in err
        assert ("ends before its stated length" in out + err) == ("truncated_faststart" in name)


@pytest.mark.shared
def test_every_odd_recording_is_listed(shared_data: Path) -> None:
    assert {path.name for path in (shared_data / "reps").glob("odd_*")} == set(ODD)
