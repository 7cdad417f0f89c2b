"""A worker process as its supervisor sees it: what it does, what it holds, what it last said, and how it ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from halfgig.jobs.child import line_of
from halfgig.memory.meter import tree_anonymous

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from halfgig.jobs.job import Job
    from halfgig.memory.governor import Lease
    from halfgig.records import Bytes, Seconds

log = logging.getLogger("halfgig")

LONGEST_LINE = 1 << 20  # bytes of a message; no worker says more at once
LAST_WORDS = 20  # lines of standard error that are kept to explain a crash


@dataclass(slots=True, eq=False)
class Child:
    """One worker. While `job` is None it is idle; times are on the supervisor's own clock.

    `peak` is the most that it was seen to hold since its job began, `heard_at` when it last gave a sign of life.
    """

    kind: str
    process: asyncio.subprocess.Process
    lease: Lease
    heard_at: Seconds
    job: Job | None = None
    began_at: Seconds = 0.0
    beaten_at: Seconds = 0.0  # when its job was last told that it lives
    progress: dict[str, Any] | None = None
    variant: str = ""
    expected: Bytes = 0
    peak: Bytes = 0
    stages: dict[str, Seconds] = field(default_factory=dict)
    stage: tuple[str, Seconds] = ("", 0.0)
    silent: Seconds | None = None  # after which it was ended for a hang
    unwanted: bool = False  # it is ended on purpose, or ends itself, and gets no more jobs
    dismissed_at: Seconds | None = None
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    @property
    def is_idle(self) -> bool:
        """Whether it could take a job."""
        return self.job is None and not self.unwanted

    def begin(self, job: Job, now: Seconds) -> None:
        """It is given a job."""
        self.job, self.began_at, self.heard_at, self.beaten_at = job, now, now, now
        self.progress, self.variant, self.expected, self.peak = None, "", 0, 0
        self.stages, self.stage = {}, ("starting", now)

    def rest(self, now: Seconds) -> None:
        """Its job has ended; it waits for the next."""
        self.enter("", now)
        self.job, self.heard_at = None, now

    def enter(self, stage: str, now: Seconds) -> None:
        """It has come to another stage; the time in the one before is added up."""
        name, since = self.stage
        if name and name != stage:
            self.stages[name] = self.stages.get(name, 0.0) + now - since
        if name != stage:
            self.stage = (stage, now)

    def sample(self) -> None:
        """Note what it holds now."""
        self.peak = max(self.peak, tree_anonymous(self.pid))

    async def send(self, message: Mapping[str, Any]) -> None:
        """Tell it something; where it has gone, its end tells so."""
        assert self.process.stdin is not None
        with suppress(ConnectionError):
            self.process.stdin.write(line_of(dict(message)))
            await self.process.stdin.drain()

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """What it says, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                log.warning("worker %d said something that is no message", self.pid)
                continue
            yield message

    async def listen_to_errors(self) -> None:
        """Keep the end of its standard error, and log it."""
        assert self.process.stderr is not None
        with suppress(ValueError):  # a line without end is not worth keeping
            async for line in self.process.stderr:
                text = line.decode(errors="replace").rstrip()
                self.last_words.append(text)
                log.info("worker %d: %s", self.pid, text)

    def kill(self) -> None:
        """End it at once; the kernel ends what it started."""
        kill(self.process)

    def dismiss(self, now: Seconds) -> None:
        """Let it end by itself: there is no more to do."""
        self.unwanted, self.dismissed_at = True, now
        if self.process.stdin is not None:
            self.process.stdin.close()


def kill(process: asyncio.subprocess.Process) -> None:
    """End a process at once, if it has not ended.

    Not by `process.kill`, which asks for the exit code first and so takes it from the event loop.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


async def start_child(
    command: Sequence[str], kind: str, lease: Lease, environment: Mapping[str, str], now: Seconds
) -> Child:
    """Start a worker. To be called in the thread of the event loop, with which it dies."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        limit=LONGEST_LINE,
    )
    lease.pid = process.pid
    return Child(kind, process, lease, heard_at=now)
