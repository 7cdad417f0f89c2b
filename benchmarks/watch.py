"""Watches a live server from outside while something loads it: what its control group holds, and how it answers."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from benchmarks.live import GONE, HOST
from halfgig.memory.cgroup import read
from halfgig.memory.meter import anonymous, group_anonymous, group_working_set, rss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.memory.jail import Group
    from halfgig.records import Bytes, Seconds

GLANCE: Seconds = 0.05  # between two readings of the group
TRACE: Seconds = 1.0  # between two lines of the trace
PULSE: Seconds = 0.25  # between two questions whether it lives
MISSED: Seconds = 10.0  # without an answer


class Watcher(Protocol):
    """Looks every `pause` seconds."""

    @property
    def pause(self) -> Seconds:
        """Seconds between two looks."""

    def look(self) -> None:
        """Look once."""


@contextmanager
def watching(*watchers: Watcher) -> Iterator[None]:
    """Each looks on a thread of its own, as long as the block lasts."""
    over = threading.Event()

    def go_on(watcher: Watcher) -> None:
        while not over.wait(watcher.pause):
            watcher.look()

    threads = [threading.Thread(target=go_on, args=(watcher,), name=type(watcher).__name__) for watcher in watchers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@dataclass
class Gauge:
    """The highest that a group and the server in it were seen to hold; `trace` gets a JSON line a second."""

    group: Group
    server: int
    trace: Path | None = None
    working: Bytes = 0
    held: Bytes = 0  # without any page cache: what no room can be made of
    resident: Bytes = 0
    pause: Seconds = GLANCE
    _began: float = field(default_factory=time.monotonic)
    _traced: float = 0.0

    def look(self) -> None:
        """Read the group's account and the server's."""
        version, folder = self.group.version, self.group.folder
        working, held = group_working_set(version, folder) or 0, group_anonymous(version, folder) or 0
        resident = rss(self.server)
        self.working, self.held = max(self.working, working), max(self.held, held)
        self.resident = max(self.resident, resident)
        if self.trace and time.monotonic() - self._traced > TRACE:
            self._traced = time.monotonic()
            self._note({"working": working, "held": held, "server": resident})

    def _note(self, figures: dict[str, Bytes]) -> None:
        assert self.trace is not None
        facts: dict[str, Any] = {name: count >> 20 for name, count in figures.items()}
        stat = read(self.group.folder / "memory.stat").splitlines()
        wanted = ("total_cache", "file", "total_mapped_file", "file_mapped", "total_dirty", "file_dirty")  # v1 and v2
        facts |= {name: int(value) >> 20 for name, _, value in (line.partition(" ") for line in stat) if name in wanted}
        facts["at"] = round(self._traced - self._began, 1)
        facts["children"] = {_name(pid): anonymous(pid) >> 20 for pid in self.group.pids() if pid != self.server}
        with self.trace.open("a") as file:
            file.write(json.dumps(facts) + "\n")


def _name(pid: int) -> str:
    words = read_words(pid)
    return f"{words[2].rpartition('.')[2]}-{words[4] if len(words) == 5 else ''}-{pid}" if len(words) > 2 else str(pid)


def read_words(pid: int) -> list[str]:
    """The command of a process, word by word; nothing where it has gone."""
    from pathlib import Path

    return [word for word in read(Path(f"/proc/{pid}/cmdline")).split("\0") if word]


@dataclass
class Pulse:
    """Asks /healthz on one connection that is kept, and counts what was late or not answered."""

    port: int
    pause: Seconds = PULSE
    asked: int = 0
    missed: int = 0
    times: list[Seconds] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def look(self) -> None:
        """Ask once."""
        self.asked += 1
        began = time.monotonic()
        try:
            self._ask()
        except GONE:
            self.missed += 1
            self.close()
        self.times.append(time.monotonic() - began)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _ask(self) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self.port, timeout=MISSED)
        self._connection.request("GET", "/healthz")
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")


@dataclass
class Seeker:
    """Asks one question after another, and counts how it was answered."""

    port: int
    questions: tuple[str, ...]
    pause: Seconds
    by_meaning: int = 0
    by_keyword: int = 0
    found: int = 0  # answers with a hit
    why: dict[str, int] = field(default_factory=dict)  # the notes, and how often each came
    times: list[Seconds] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Ask once."""
        began = time.monotonic()
        question = self.questions[len(self.times) % len(self.questions)]
        try:
            answer = self._ask(question)
        except (*GONE, ValueError) as error:
            self.faults.append(f"search: {type(error).__name__}: {error}")
            return
        finally:
            self.times.append(time.monotonic() - began)
        self.found += bool(answer["hits"])
        if answer["notes"]:
            self.by_keyword += 1
            self.why[answer["notes"][-1]] = self.why.get(answer["notes"][-1], 0) + 1
        else:
            self.by_meaning += 1

    def _ask(self, question: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("GET", f"/search?{urlencode({'q': question})}")
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}: {body[:300]!r}")
        told: dict[str, Any] = json.loads(body)
        return told
