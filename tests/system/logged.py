"""Commands of halfgig that run until they are ended, and log in JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 120.0  # seconds; only a test that fails waits so long


class Logged:
    """A command that has started: its process, its address, its log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.log = process, list[dict[str, Any]]()
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == "started":
                break
        self.address = next((entry["address"] for entry in self.log if "address" in entry), "")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(json.loads(line) for line in self.process.stderr)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, when it has ended upon this signal."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def close(self) -> None:
        """Kill what has not ended, and wait for its log to end."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def running(command: str, folder: Path, **environment: str) -> Iterator[Logged]:
    """`halfgig COMMAND` on a free port of loopback with its data in `folder`, as long as the block lasts."""
    own = {"HALFGIG_DATA": str(folder), "PORT": "0", "LOG_FORMAT": "json", **environment}
    arguments = [sys.executable, "-m", "halfgig", command]
    process = subprocess.Popen(arguments, env={**os.environ, **own}, stderr=subprocess.PIPE, text=True)
    logged = Logged(process)
    try:
        yield logged
    finally:
        logged.close()
