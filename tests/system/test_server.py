"""`halfgig serve` as a process: how soon it is there, what it holds, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.system.logged import PATIENCE, Logged, running

from halfgig.memory.meter import rss

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

READY = 2.0  # processor seconds within which a server is there; with a machine of its own, that is the time it takes
SLOW = 3  # times as many they may be on a slow processor
IDLE = 60 * 1024 * 1024  # bytes: a MB is 1,048,576 bytes here, as in every figure and setting
HEAVY = ("numpy", "av", "ctranslate2", "tokenizers", "ai_edge_litert", "yt_dlp", "faster_whisper", "h11")


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., AbstractContextManager[Logged]]:
    """serve(**environment) -> a server on a free port of loopback, as long as the block lasts."""

    return partial(running, "serve", tmp_path, HALFGIG_OFFLINE="1")


def processor_seconds(pid: int) -> float:
    """What a process has taken so far; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    user, system = stat.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_server_is_there_soon_and_holds_little(serve: Any) -> None:
    with serve() as server:
        assert processor_seconds(server.process.pid) < SLOW * READY
        assert httpx.get(f"{server.address}/readyz", timeout=PATIENCE).json() == {"status": "ok"}
        assert rss(server.process.pid) < IDLE
        if Path("/proc/self/maps").exists():
            maps = Path(f"/proc/{server.process.pid}/maps").read_text()
            assert [name for name in HEAVY if re.search(rf"/site-packages/{name}[/.]", maps)] == []
        assert server.end() == 0
        assert [entry["event"] for entry in server.log if entry["event"] in {"stopping", "stopped"}] == [
            *("stopping", "stopped")
        ]


def test_a_server_imports_nothing_heavy() -> None:
    code = f"import sys, halfgig.cli, halfgig.api.server; print(*sorted(set(sys.modules) & {set(HEAVY)!r}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_though_somebody_watches(serve: Any, number: signal.Signals) -> None:
    with serve(WORKERS="1", ALLOWED_HOSTS="203.0.113.1") as server:
        wish = {"kind": "reps", "source": {"url": "http://203.0.113.1/never.mp4"}}
        job = httpx.post(f"{server.address}/jobs", json=wish, timeout=PATIENCE).json()
        with httpx.stream("GET", f"{server.address}{job['links']['events']}", timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            assert server.end(number) == 0
            assert list(lines)[-1] == ""  # the stream has come to its end; it was not cut


def test_what_was_accepted_is_there_again(serve: Any) -> None:
    wish = {"kind": "transcript", "source": {"url": "https://example.invalid/a.mp4"}}
    with serve() as server:
        job = httpx.post(f"{server.address}/jobs", json=wish, timeout=PATIENCE).json()
        server.process.kill()
        server.process.wait()
    with serve() as server:
        told = httpx.get(f"{server.address}/jobs/{job['id']}", timeout=PATIENCE)
        assert (told.status_code, told.json()["id"]) == (200, job["id"])
        assert server.end() == 0


def test_keys_guard_it(serve: Any) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "halfgig", "serve", "--new-key"], capture_output=True, text=True, check=True
    ).stdout
    key, line = re.findall(r"^  (\S+)$", printed, re.MULTILINE)
    with serve(API_KEYS=line.removeprefix("API_KEYS=")) as server:
        assert httpx.get(f"{server.address}/jobs", timeout=PATIENCE).status_code == 401
        told = httpx.get(f"{server.address}/jobs", headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE)
        assert told.status_code == 200
        assert server.end() == 0
        assert key not in json.dumps(server.log)


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--host", "0.0.0.0"], {}, "API_KEYS"),
        (["--port", "70000"], {}, "--port"),
        ([], {"API_KEYS": "short"}, "--new-key"),
        ([], {"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ([], {"HALFGIG_DATA": "/proc/nowhere"}, "HALFGIG_DATA"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], told: str
) -> None:
    command = [sys.executable, "-m", "halfgig", "serve", *arguments]
    own = {**os.environ, "HALFGIG_DATA": str(tmp_path), "PORT": "0", "LOG_FORMAT": "text", **environment}
    ended = subprocess.run(command, env=own, capture_output=True, text=True, timeout=PATIENCE, check=False)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("halfgig: ")]
    assert ended.returncode in {2, 7}
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in ended.stderr
