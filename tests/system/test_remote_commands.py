"""Commands that have a real server do their work: the same output as here, and a clear line where it cannot be."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

import av
import pytest
from tests.pipeline.media.conftest import serving
from tests.system.commands import read_until
from tests.system.talk import write_beginning
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.pipeline.media.conftest import Request
    from tests.system.commands import Command

SECONDS = 40  # of the talk that are used; two windows or more
FIRST = 700_000  # bytes of them that a slow server sends at once; the first window is among them
KEY = "hg_a-key-for-tests"
Run = subprocess.CompletedProcess[str]


class Server:
    """`halfgig serve` on loopback, with a data folder of its own; `start` may be called again after `kill`."""

    def __init__(self, data: Path, **environment: str) -> None:
        own = {"HALFGIG_DATA": str(data), "HALFGIG_OFFLINE": "1", "THREADS": "1", "WORKERS": "1"}
        own |= {"WHISPER_LANGUAGE": "en", "LOG_FORMAT": "json", "ALLOWED_HOSTS": "127.0.0.1"}
        self.environment = {**os.environ, **own, **environment}
        self._log = data / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def surroundings(self) -> dict[str, str]:
        """What is set for a command that has this server."""
        return {**self.environment, "HALFGIG_SERVER": self.address}

    def start(self) -> None:
        command = [sys.executable, "-m", "halfgig", "serve", "--port", str(self.port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self.environment, stderr=log)
        until(lambda: '"started"' in self._log.read_text() or self._process is None)
        self.port = int(re.findall(r'"address": "http://127\.0\.0\.1:(\d+)"', self._log.read_text())[0])

    def kill(self) -> None:
        """End it at once; its children end with it."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demo's talk as WAV."""
    return write_beginning(tmp_path_factory.mktemp("speech") / "talk.wav", SECONDS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, model_store: Path) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "models").symlink_to(model_store)
    return folder


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    """A server with the models that are there."""
    started = Server(data)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """own_server(**environment) -> a server of the test's own, without jobs or models."""
    servers: list[Server] = []

    def start(**environment: str) -> Server:
        servers.append(Server(tmp_path, **environment))
        servers[-1].start()
        return servers[-1]

    yield start
    for one in servers:
        one.stop()


def halfgig(server: Server, *arguments: object, **environment: str) -> Run:
    """A command that ends, in the surroundings of the server; HALFGIG_SERVER names it."""
    command, env = [sys.executable, "-m", "halfgig", *map(str, arguments)], {**server.surroundings, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


class SlowWeb:
    """A recording on a web server, whose first half minute comes at once, and the rest when `go_on` is set."""

    def __init__(self, path: Path) -> None:
        self.go_on, self.url = threading.Event(), ""
        self._content = path.read_bytes()

    def answer(self, request: Request) -> None:
        asked = re.match(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if asked and int(asked[1]) > FIRST:
            self.go_on.wait(PATIENCE)
        request.give(self._content, Content_Type="audio/wav")


@pytest.fixture
def slow_web(speech: Path) -> Iterator[SlowWeb]:
    """The recording as a source of jobs that run for as long as a test wants."""
    web = SlowWeb(speech)
    with serving(web.answer) as served:
        web.url = f"{served.address}/talk.wav"
        try:
            yield web
        finally:
            web.go_on.set()


def running_job(server: Server) -> str:
    """The id of the job that runs, once one does."""

    def look() -> list[dict[str, Any]]:
        return list(json.loads(halfgig(server, "jobs", "list", "--state", "running", "--json").stdout))

    return str(until(look)[0]["id"])


def asked(server: Server, path: str) -> str:
    with urllib.request.urlopen(f"{server.address}{path}", timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def heard(server: Server, job: str) -> str:
    """What a job has heard so far, and goes on after."""
    return asked(server, f"/jobs/{job}/transcript?format=txt")


def streams(server: Server) -> int:
    """How many follow a job."""
    return int(float(re.findall(r"^halfgig_event_streams (\S+)$", asked(server, "/metrics"), re.MULTILINE)[0]))


# --- the same output -----------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--words",), ("--format", "json"), ("--format", "srt")])
def test_a_transcript_is_what_it_would_be_here(server: Server, speech: Path, options: tuple[str, ...]) -> None:
    here = halfgig(server, "transcribe", speech, *options)
    there = halfgig(server, "transcribe", speech, *options, "--server", server.address)
    assert (there.returncode, there.stdout) == (0, here.stdout)
    assert "gigabyte" in there.stdout


@pytest.mark.models
@pytest.mark.slow
def test_a_file_is_written_as_it_would_be_here(server: Server, speech: Path, tmp_path: Path) -> None:
    for name, options in (("here.srt", ()), ("there.srt", ("--server",))):
        done = halfgig(server, "transcribe", speech, "-o", tmp_path / name, *options)
        assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "here.srt").read_bytes() == (tmp_path / "there.srt").read_bytes()


@pytest.mark.models
@pytest.mark.slow
def test_what_a_server_indexes_it_finds(server: Server, speech: Path) -> None:
    done = halfgig(server, "index", speech, "--server")
    assert done.returncode == 0
    assert re.fullmatch(r"talk\.wav indexed: \d+ passages?, id [0-9a-f]{12}\n", done.stdout)
    for options in (("--keyword-only",), ()):
        found = halfgig(server, "search", "gigabyte", "-k", "1", "--json", *options, "--server")
        assert found.returncode == 0
        (hit,) = json.loads(found.stdout)["hits"]
        assert "gigabyte" in hit["text"]


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--json",), ("--csv",)])
def test_reps_are_what_they_would_be_here(server: Server, shared_data: Path, options: tuple[str, ...]) -> None:
    video = shared_data / "reps" / "jump_squat_adityav1810_1.mp4"
    here = halfgig(server, "reps", video, *options)
    there = halfgig(server, "reps", video, *options, "--server")
    assert (there.returncode, there.stdout) == (0, here.stdout)


# --- jobs ----------------------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.slow
def test_a_job_is_cancelled_and_retried_from_where_it_was(
    server: Server, speech: Path, slow_web: SlowWeb, started: Callable[..., Command]
) -> None:
    waiting = started(server.surroundings, "transcribe", slow_web.url, "--translate", "--server")
    job = running_job(server)
    until(lambda: heard(server, job))
    cancelled = halfgig(server, "jobs", "cancel", job[:16])
    assert "cancelled" in cancelled.stdout
    _, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1
    assert "halfgig: The job is cancelled." in said
    assert halfgig(server, "jobs", "watch", job).returncode == 1
    assert halfgig(server, "jobs", "result", job).returncode == 1
    slow_web.go_on.set()
    assert json.loads(halfgig(server, "jobs", "retry", job, "--json").stdout)["state"] == "queued"
    watched = halfgig(server, "jobs", "watch", job)
    assert watched.returncode == 0
    assert re.search(r"^\[00:0\d-00:\d\d\] .*gigabyte", watched.stdout, re.MULTILINE)
    told = halfgig(server, "jobs", "result", job).stdout
    assert told == halfgig(server, "transcribe", speech, "--translate").stdout
    assert "language en" in halfgig(server, "jobs", "show", job).stdout
    assert halfgig(server, "jobs", "delete", job).stdout == f"Deleted {job}.\n"
    assert halfgig(server, "jobs", "show", job).returncode == 2


@pytest.mark.models
@pytest.mark.slow
def test_whoever_is_interrupted_leaves_the_job_and_is_told_how_to_come_back(
    server: Server, slow_web: SlowWeb, tmp_path: Path, started: Callable[..., Command]
) -> None:
    target = tmp_path / "talk.json"
    waiting = started(
        server.surroundings, "transcribe", slow_web.url, "--words", "--model", "tiny.en", "-o", target, "--server"
    )
    job = running_job(server)
    until(lambda: streams(server) == 1)  # it follows; an interruption before that is another test's
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 130
    assert f"halfgig jobs watch {job} --server {server.address}" in said
    assert f"halfgig jobs cancel {job} --server {server.address}" in said
    assert list(tmp_path.iterdir()) == []
    slow_web.go_on.set()
    assert halfgig(server, "jobs", "watch", job).returncode == 0


@pytest.mark.models
@pytest.mark.slow
def test_watching_survives_a_server_that_is_killed(
    model_store: Path,
    tmp_path: Path,
    speech: Path,
    slow_web: SlowWeb,
    own_server: Callable[..., Server],
    started: Callable[..., Command],
) -> None:
    (tmp_path / "models").symlink_to(model_store)
    server = own_server()
    sending = started(server.surroundings, "transcribe", slow_web.url, "--server")
    job = running_job(server)
    watching = started(server.surroundings, "jobs", "watch", job, "--json")
    read_until(watching.stdout, '"running"')
    until(lambda: streams(server) == 2 and heard(server, job))
    server.kill()
    server.start()
    slow_web.go_on.set()
    told, said = watching.communicate(timeout=PATIENCE)
    events = [json.loads(line) for line in told.splitlines()]
    assert watching.returncode == 0, said
    numbers = [event["id"] for event in events if "id" in event]
    assert numbers == sorted(set(numbers))
    text, _ = sending.communicate(timeout=PATIENCE)
    assert text == halfgig(server, "transcribe", speech).stdout
    assert "gigabyte" in text


# --- what goes wrong -----------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(tmp_path)
        server.port = listener.getsockname()[1]
    (tmp_path / "talk.mp4").write_bytes(b"sound")
    for command in (("jobs", "list"), ("search", "why", "--server"), ("transcribe", tmp_path / "talk.mp4", "--server")):
        done = halfgig(server, *command)
        assert (done.returncode, done.stdout) == (8, "")
        line = f"halfgig: No server can be reached at {server.address}: Connection refused. Start it with halfgig serve"
        assert done.stderr.startswith(line)
        assert done.stderr.count("\n") == 1


def test_a_wrong_key_is_one_line_and_nothing_is_accepted(own_server: Callable[..., Server], tmp_path: Path) -> None:
    server = own_server(API_KEYS=KEY)
    (tmp_path / "talk.mp4").write_bytes(b"sound" * 1_000_000)
    for key, told in (("", "This needs an API key."), ("hg_another-key", "This is no API key of the server.")):
        done = halfgig(server, "transcribe", tmp_path / "talk.mp4", "--server", HALFGIG_API_KEY=key)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"halfgig: {told}")
        assert done.stderr.count("\n") == 1
    done = halfgig(server, "jobs", "list", HALFGIG_API_KEY=KEY)
    assert (done.returncode, done.stdout) == (0, "There are no such jobs.\n")


@pytest.mark.models
def test_a_broken_file_is_one_line_with_the_exit_code_that_it_has_here(server: Server, tmp_path: Path) -> None:
    broken = tmp_path / "talk.mp4"
    broken.write_text("<!doctype html>" + "no video" * 1000)
    here = halfgig(server, "transcribe", broken)
    there = halfgig(server, "transcribe", broken, "-o", tmp_path / "talk.txt", "--server")
    assert (there.returncode, there.stdout) == (here.returncode, "")
    assert here.stderr == there.stderr
    assert not (tmp_path / "talk.txt").exists()


@pytest.mark.models
def test_a_mute_file_is_told_from_a_broken_one(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(20):
            out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    there = halfgig(server, "transcribe", path, "--server")
    assert (there.returncode, there.stdout) == (4, "")
    assert there.stderr == halfgig(server, "transcribe", path).stderr


def test_what_the_server_refuses_is_one_line(own_server: Callable[..., Server], tmp_path: Path) -> None:
    server = own_server()
    (tmp_path / "talk.mp4").write_bytes(b"sound")
    done = halfgig(server, "reps", tmp_path / "talk.mp4", "--exercise", "sleeping", "--server")
    assert done.returncode == 2
    assert "sleeping" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["transcribe", "-", "--server"], ["jobs", "list", "--server", "ftp://a"]])
def test_what_cannot_be_sent_is_refused_here(tmp_path: Path, arguments: list[str]) -> None:
    assert halfgig(Server(tmp_path), *arguments).returncode == 2
