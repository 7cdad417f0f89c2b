"""A server with real workers for a browser to visit: it may be killed, and comes back at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PATIENCE", "Site", "free_port", "running", "until"]


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Site:
    """A server over a folder of data, with the models of another; `environment` are its settings."""

    data: Path
    models: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Site:
        """Start it, and wait until it answers."""
        own = {"HALFGIG_DATA": str(self.data), "MODELS_PATH": str(self.models), "PORT": str(self.port)}
        settings = {**os.environ, **own, "HALFGIG_OFFLINE": "1", "LOG_FORMAT": "text", **self.environment}
        with (self.data / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "halfgig", "serve"]
            self.process = subprocess.Popen(command, env=settings, stderr=log)
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.data / "server.log").read_text()[-2000:]
        try:
            return httpx.get(f"{self.address}/healthz", timeout=10).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """End it as a power cut would; its workers end with it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)

    def get(self, path: str) -> Any:
        """What it answers there."""
        answer = httpx.get(f"{self.address}{path}", timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def workers(self) -> list[int]:
        """The ids of its workers that are at a job."""
        return [worker["pid"] for worker in self.get("/operations")["workers"] if worker["job"]]


@contextmanager
def running(data: Path, models: Path, **environment: str) -> Iterator[Site]:
    """A server that runs as long as the block lasts."""
    data.mkdir(exist_ok=True)
    site = Site(data, models, environment)
    try:
        yield site.start()
    finally:
        site.stop()
