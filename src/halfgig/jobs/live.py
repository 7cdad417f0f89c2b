"""Live sessions as the server sees them: each has a child of its own, whose memory is lent as a job's is.

For one event loop, in a thread that lives as long as the server (a child dies with the thread that started it).
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB, Busy, Conflict, HalfgigError
from halfgig.jobs.child import line_of
from halfgig.jobs.coach import coach_command
from halfgig.jobs.process import kill
from halfgig.memory import budget
from halfgig.memory.governor import Lease
from halfgig.operations.admission import check_pose_model

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from halfgig.memory.budget import Cost
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings

    Lend = Callable[[str, Sequence[Cost]], AbstractAsyncContextManager[Lease | None]]

KIND = "live"
HUNG: Seconds = 60.0  # without an answer, after which the child is taken for dead; the first one waits for its model
PATIENCE: Seconds = 3.0  # for a session that is ending, by who wants the next one
MOST_WAITING = 1  # for a session that is ending: each has a line open, which holds a message unread
LONGEST_ANSWER: Bytes = 64 * 1024


class CoachLost(HalfgigError):
    """The child of a session has ended, or hangs."""

    status, retryable = 503, True


class Session:
    """One session with its child: a message is answered before the next one is sent."""

    def __init__(self, process: Process, model: str) -> None:
        self.process, self.model = process, model

    async def ask(self, message: Mapping[str, str]) -> dict[str, Any]:
        """What the child answers. CoachLost where it does not."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(HUNG):
                with suppress(ConnectionError):  # it has ended, as the empty line tells
                    self.process.stdin.write(line_of(dict(message)))
                    await self.process.stdin.drain()
                line = await self.process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line.endswith(b"\n"):
            raise CoachLost(
                "The process that counts has ended, or hangs.", "Begin again; the log of the server says more."
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def lend_freely(kind: str, costs: Sequence[Cost]) -> AsyncIterator[Lease | None]:
    """A lease that asks nobody, for a server without a supervisor."""
    yield Lease(kind, costs[0].needs)


class LiveSessions:
    """Opens sessions, as many at a time as LIVE_SESSIONS says, each where its memory is lent.

    `patience` is what a session waits for one that is ending; `command` starts the child, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        lend: Lend = lend_freely,
        command: Callable[[], list[str]] = coach_command,
        *,
        patience: Seconds = PATIENCE,
    ) -> None:
        self._settings, self._lend, self._command = settings, lend, command
        self._patience = patience
        self._open: set[Process] = set()
        self._waiting = 0
        self._places = asyncio.Semaphore(settings.live_sessions)

    @property
    def pids(self) -> list[int]:
        """The ids of the children that are alive."""
        return [process.pid for process in self._open if process.returncode is None]

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Session]:
        """A session that ends with its block, and its child with it.

        Busy where there are as many as may be, or one waits already, or others hold the memory; DoesNotFit where there
        can never be so much; Conflict where there may be none; BadRequest for a POSE_MODEL that there is not.
        """
        if not self._settings.live_sessions:
            raise Conflict("This server counts nobody live.", "Set LIVE_SESSIONS to 1 or more.")
        check_pose_model(self._settings)
        await self._find_place()
        try:
            costs = budget.at_most(KIND, self._settings.pose_model)
            async with self._lend(KIND, costs) as lease:
                if lease is None:
                    needs = costs[-1].needs // MIB
                    raise Busy(f"Counting live needs {needs} MB of memory, and jobs hold the rest.", "Try again later.")
                async with self._child(lease) as process:
                    yield Session(process, budget.choose(costs, lease.granted).variant)
        finally:
            self._places.release()

    async def _find_place(self) -> None:
        """Take a place; one that is being left is waited for, by `MOST_WAITING` at a time."""
        if self._places.locked() and self._waiting >= MOST_WAITING:
            raise _crowded()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise _crowded() from None
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _child(self, lease: Lease) -> AsyncIterator[Process]:
        process = await self._start()
        lease.pid = process.pid
        self._open.add(process)
        try:
            yield process
        finally:
            kill(process)
            await process.wait()
            self._open.discard(process)

    async def _start(self) -> Process:
        pipe = asyncio.subprocess.PIPE
        environment = {**os.environ, **self._settings.as_environment(), "MALLOC_ARENA_MAX": "1"}
        try:
            return await asyncio.create_subprocess_exec(
                *self._command(), stdin=pipe, stdout=pipe, env=environment, limit=LONGEST_ANSWER
            )
        except OSError as error:
            raise CoachLost(
                f"No process could be started: {error.strerror or error}.", "Try again in a moment."
            ) from error

    async def close(self) -> None:
        """End every child; their sessions learn it."""
        for process in tuple(self._open):
            kill(process)
            await process.wait()


def _crowded() -> Busy:
    return Busy(
        "Somebody else is being counted live, and there is room for no more.", "Try again when they have ended."
    )
