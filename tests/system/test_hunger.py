"""A worker that takes all memory there is, under a server that others are using."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from halfgig.memory.jail import can_make_cgroups, cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.memory.jail import Cell

SERVER = Path(__file__).with_name("fake_server.py")
LIMIT = 256 * 1024 * 1024
PATIENCE = 60.0  # seconds that anything may take on a busy machine
LATE = 5.0  # seconds; on a machine of its own an answer takes milliseconds


@contextmanager
def starving_server(folder: Path, walls: Cell) -> Iterator[str]:
    """The address of a server whose workers' first attempts grow without bounds; it must end well."""
    own = {"HALFGIG_DATA": str(folder), "PORT": "0", "LOG_FORMAT": "json", "HALFGIG_OFFLINE": "1", "FIRST": "hungry"}
    command = walls.enter([sys.executable, str(SERVER)])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **own}, stderr=log)
    try:
        yield listening(folder / "log")
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def listening(log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            entry = json.loads(line)
            if "address" in entry:
                return str(entry["address"])
        time.sleep(0.05)
    raise AssertionError(f"the server does not listen: {log.read_text()}")


class Visitor:
    """Asks whether the server lives, again and again, on a thread; `times` are the seconds of the answers."""

    def __init__(self, address: str) -> None:
        self.address, self.times, self.left = address, list[float](), threading.Event()

    def visit(self) -> None:
        with httpx.Client(base_url=self.address, timeout=PATIENCE) as client:
            while not self.left.wait(0.02):
                begun = time.monotonic()
                client.get("/healthz").raise_for_status()
                self.times.append(time.monotonic() - begun)


@contextmanager
def visited(address: str) -> Iterator[list[float]]:
    visitor = Visitor(address)
    thread = threading.Thread(target=visitor.visit)
    thread.start()
    try:
        yield visitor.times
    finally:
        visitor.left.set()
        thread.join()


def done(address: str) -> dict[str, Any]:
    """The job, once it has ended."""
    wish = {"kind": "reps", "source": {"url": "https://example.invalid/never.mp4"}}
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        place = client.post("/jobs", json=wish).json()["links"]["self"]
        deadline = time.monotonic() + PATIENCE
        while (job := client.get(place).json())["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
    return dict(job)


@pytest.mark.cgroup
def test_a_worker_that_takes_everything_dies_alone_and_the_server_answers_throughout(tmp_path: Path) -> None:
    if not can_make_cgroups():
        pytest.skip("this system lets us make no memory cgroup")
    with (
        cell(LIMIT, strict=True) as walls,
        starving_server(tmp_path, walls) as address,
        visited(address) as times,
    ):
        job = done(address)
        assert walls.killed()
    [failure] = job["failures"]
    assert (job["state"], job["attempt"], failure["reason"]) == ("succeeded", 2, "out_of_memory")
    assert "memory ran out" in failure["detail"]
    assert len(times) > 10
    assert max(times) < LATE
