"""The commands as a person runs them: child processes, their streams, signals and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
from tests.system.commands import read_until
from tests.system.talk import write_beginning
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.commands import Command

pytestmark = [pytest.mark.models]

SECONDS = 12  # of the talk that are used
Run = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demo's talk as WAV."""
    return write_beginning(tmp_path_factory.mktemp("speech") / "talk.wav", SECONDS)


@pytest.fixture
def environment(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A library of its own beside the models that are there."""
    data = tmp_path_factory.mktemp("data")
    (data / "models").symlink_to(model_store)
    own = {"HALFGIG_DATA": str(data), "HALFGIG_OFFLINE": "1", "THREADS": "1", "WHISPER_LANGUAGE": "en"}
    return {**os.environ, **own}


@pytest.fixture
def halfgig(environment: dict[str, str]) -> Callable[..., Run]:
    """halfgig(*arguments, **options of subprocess.run) -> what became of it."""

    def run(*arguments: object, **options: Any) -> Run:
        command = [sys.executable, "-m", "halfgig", *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": PATIENCE, **options}
        return subprocess.run(command, env=environment, check=False, **options)

    return run


# --- results -------------------------------------------------------------------------------------------


def test_text_goes_to_standard_output_and_nothing_else_does(halfgig: Callable[..., Run], speech: Path) -> None:
    done = halfgig("transcribe", speech)
    assert done.returncode == 0
    assert b"gigabyte" in done.stdout
    assert done.stderr == b""


def test_a_file_gets_the_format_of_its_ending(halfgig: Callable[..., Run], speech: Path, tmp_path: Path) -> None:
    done = halfgig("transcribe", speech, "-o", tmp_path / "talk.srt")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "talk.srt").read_text().startswith("1\n00:00:0")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.srt"]


def test_words_are_told_with_their_times(halfgig: Callable[..., Run], speech: Path) -> None:
    told = json.loads(halfgig("transcribe", speech, "--words", "--format", "verbose_json").stdout)
    words = [word["word"].strip(".,").lower() for word in told["words"]]
    assert "gigabyte" in words
    assert " ".join(word["word"] for word in told["words"]) == told["text"]
    assert told["duration"] == pytest.approx(SECONDS, abs=0.1)


def test_a_source_is_indexed_once_and_found(halfgig: Callable[..., Run], speech: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.wav").write_bytes(speech.read_bytes())
    done = halfgig("index", speech, tmp_path / "none.wav", tmp_path / "copy.wav")
    assert done.returncode == 3
    assert b"talk.wav indexed: 1 passage" in done.stdout
    assert b"is indexed already" in done.stdout
    assert done.stderr.count(b"\n") == 1
    hits = json.loads(halfgig("search", "how much memory", "--json").stdout)["hits"]
    assert [hit["title"] for hit in hits] == ["talk.wav"]


# --- standard input ------------------------------------------------------------------------------------


def in_mp4(speech: Path, path: Path, options: dict[str, str]) -> Path:
    with av.open(str(speech)) as container, av.open(str(path), "w", options=options) as out:
        stream = out.add_stream("aac", rate=16_000, layout="mono")
        for frame in container.decode(audio=0):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_sound_comes_through_a_pipe(halfgig: Callable[..., Run], speech: Path) -> None:
    done = halfgig("transcribe", "-", input=speech.read_bytes())
    assert done.stdout == halfgig("transcribe", speech).stdout


def test_an_mp4_that_can_be_streamed_comes_through_a_pipe(
    halfgig: Callable[..., Run], speech: Path, tmp_path: Path
) -> None:
    path = in_mp4(speech, tmp_path / "a.mp4", {"movflags": "+faststart"})
    assert b"gigabyte" in halfgig("transcribe", "-", input=path.read_bytes()).stdout


def test_an_mp4_whose_index_is_at_its_end_cannot_and_says_so(
    halfgig: Callable[..., Run], speech: Path, tmp_path: Path
) -> None:
    path = in_mp4(speech, tmp_path / "a.mp4", {})
    done = halfgig("transcribe", "-", input=path.read_bytes())
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"faststart" in done.stderr
    with path.open("rb") as file:  # redirected, it can be read in any order
        assert b"gigabyte" in halfgig("transcribe", "-", stdin=file).stdout


@pytest.mark.parametrize(("content", "words"), [(b"", b"is empty"), (b"only words\n", b"is text")])
def test_nothing_of_use_through_a_pipe(halfgig: Callable[..., Run], content: bytes, words: bytes) -> None:
    done = halfgig("transcribe", "-", input=content)
    assert (done.returncode, done.stdout) == (3, b"")
    assert words in done.stderr


# --- places that cannot be written ---------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("transcribe", "SPEECH"), ("models", "list")])
def test_a_full_disk_is_one_line(halfgig: Callable[..., Run], speech: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = halfgig(*(speech if word == "SPEECH" else word for word in arguments), stdout=full)
    assert done.returncode in {1, 2}
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


def test_a_reader_that_goes_away_ends_it_in_silence(
    started: Callable[..., Command], environment: dict[str, str], speech: Path
) -> None:
    child = started(environment, "-v", "transcribe", speech, "--format", "srt")
    assert child.stdout
    child.stdout.close()  # long before the model is loaded, so that every write finds the reader gone
    assert child.wait(PATIENCE) == 141
    assert child.stderr
    assert "Error" not in child.stderr.read()


def test_a_folder_that_is_not_there_is_told_before_the_work(
    halfgig: Callable[..., Run], speech: Path, tmp_path: Path
) -> None:
    done = halfgig("transcribe", speech, "-o", tmp_path / "none" / "a.txt")
    assert done.returncode == 2
    assert b"No such file or directory" in done.stderr


def test_what_was_there_is_kept_when_the_source_fails(halfgig: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.wav").write_bytes(
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80>\0\0\0}\0\0\x02\0\x10\0data\0\0\0\0"
    )
    assert halfgig("transcribe", tmp_path / "a.wav", "-o", tmp_path / "a.txt").returncode == 3
    assert (tmp_path / "a.txt").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a.txt", "a.wav"}


# --- signals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "halfgig: interrupted\n"), (signal.SIGTERM, 143, "")]
)
def test_a_signal_in_mid_work_leaves_nothing(
    started: Callable[..., Command],
    environment: dict[str, str],
    speech: Path,
    tmp_path: Path,
    number: int,
    code: int,
    said: str,
) -> None:
    """The pipe falls silent after the sound has begun, as a stuck download would."""
    (tmp_path / "a.txt").write_text("old")
    child = started(environment, "-v", "transcribe", "-", "-o", tmp_path / "a.txt")
    assert child.stdin
    with open(child.stdin.fileno(), "wb", closefd=False) as pipe:
        pipe.write(speech.read_bytes()[:200_000])
    read_until(child.stderr, "model loaded")
    child.send_signal(number)
    assert child.wait(PATIENCE) == code  # its input is still open, and would have kept it
    assert child.stderr
    assert child.stderr.read() == said
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_a_killed_index_goes_on_and_ends_as_if_nothing_had_been(
    started: Callable[..., Command], environment: dict[str, str], halfgig: Callable[..., Run], speech: Path
) -> None:
    child = started(environment, "-v", "index", speech)
    read_until(child.stderr, "model loaded")
    child.kill()
    child.wait(PATIENCE)
    assert b"indexed: 1 passage" in halfgig("index", speech).stdout
    [source] = json.loads(halfgig("library", "list", "--json").stdout)
    assert source["state"] == "ready"
