"""The query embedder as the server sees it: started when a question comes, and stopped when a job wants its memory.

For one event loop, in a thread that lives as long as the server (a child dies with the thread that started it).
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import os
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from halfgig.jobs.child import line_of
from halfgig.jobs.process import kill
from halfgig.memory import budget
from halfgig.memory.governor import Lease
from halfgig.retrieval.query import Meaning

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from halfgig.records import Bytes, Seconds
    from halfgig.retrieval.index import EmbeddingModel

    Lend = Callable[[str, Bytes], AbstractContextManager[Lease] | None]

KIND = "search"
NEEDS: Final[Bytes] = budget.cost(KIND, "minilm").needs  # of the model that is taken where no other is named
HUNG: Seconds = 60.0  # without an answer, after which the child is taken for dead when the next question comes
MAX_WAITING = 32  # questions at a time; who comes later is answered by keyword at once
LONGEST_PAUSE: Seconds = 60.0
LAST_BREATH: Seconds = 5.0  # that a child which has closed its end may take to end itself

NO_ROOM = "The embedding model does not fit beside the work that is running; ask again when it has ended."
RELEASED = "The memory of the embedding model was wanted for a job; ask again when it has ended."
TOO_SLOW = "The embedding model was not ready within {patience:g} seconds; ask again in a moment."
CROWDED = "Too many questions wait for the embedding model; ask again in a moment."
ENDED = "The embedding model's process ended unexpectedly ({code}); ask again in a moment."
BROKEN = "The embedding model's process cannot start; it is tried again in {pause} seconds, and the log says more."
CHANGED = "The library is embedded with another model now; ask again."
CLOSED = "The server is stopping."


class NoMeaning(Exception):
    """A question could not be embedded now; `str()` says why, in a sentence for the person who asked."""


class Ended(Exception):
    """The child ended before it answered. `why` is empty where it ended of itself: nobody had asked for a while."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Child:
    """How the child is started: its command, what its environment holds besides ours, and the bytes a model needs."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: Callable[[str], Bytes] = lambda _: NEEDS


def lend_freely(kind: str, needs: Bytes) -> AbstractContextManager[Lease]:
    """A lease that asks nobody, for a server without a governor."""
    return nullcontext(Lease(kind, needs))


def pause_after(failures: int) -> Seconds:
    """Seconds before the next start, after so many in a row that gave no answer: none after the first."""
    return min(LONGEST_PAUSE, 2.0 ** (failures - 1)) if failures > 1 else 0.0


class Conversation:
    """One child, from its start to its end: questions go out by number, and answers come back."""

    def __init__(self, process: Process, leased: ExitStack, model: str = "") -> None:
        self.process, self.model = process, model
        self.why = ""  # set where we end it
        self._answers = 0
        self._leased = leased
        self._numbers = count()
        self._waiting: dict[int, tuple[Seconds, asyncio.Future[dict[str, Any]]]] = {}
        self.ended = asyncio.create_task(self._listen())

    async def ask(self, model: str, text: str) -> dict[str, Any]:
        """What the child answers. Raises Ended, and NoMeaning where too many wait already."""
        if len(self._waiting) >= MAX_WAITING:
            raise NoMeaning(CROWDED)
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._waiting[number] = loop.time(), future
        try:
            await self._send({"id": number, "model": model, "text": text})
            if self.ended.done() and not future.done():
                raise Ended(self._farewell())
            return await future
        finally:
            future.cancel()

    async def stop(self, why: str) -> None:
        """Kill the child, and return when it has ended."""
        self.why = self.why or why
        kill(self.process)
        await asyncio.shield(self.ended)

    @property
    def failed(self) -> bool:
        """Whether the child ended of itself, not well, and without one answer."""
        return not self.why and bool(self.process.returncode) and not self._answers

    def is_hung(self, now: Seconds) -> bool:
        """Whether a question has waited for longer than any takes."""
        return any(now - since > HUNG for since, _ in self._waiting.values())

    async def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(ConnectionError):  # it has ended, as `_listen` is about to tell
            self.process.stdin.write(line_of(message))
            await self.process.stdin.drain()

    async def _listen(self) -> None:
        """Hand out answers until the child closes its end."""
        assert self.process.stdout is not None
        try:
            async for line in self.process.stdout:
                self._settle(json.loads(line))
        except (ValueError, KeyError):
            self.why = ENDED.format(code="what it sent is no answer")
            kill(self.process)
        finally:
            await self._bury()

    def _settle(self, answer: dict[str, Any]) -> None:
        self._answers += 1
        _, future = self._waiting.pop(answer.pop("id"))
        if not future.done():  # who asked may have lost patience
            future.set_result(answer)

    async def _bury(self) -> None:
        """Let the child end, or make it; then its lease ends, and who still waits is told."""
        try:
            await asyncio.wait_for(self.process.wait(), LAST_BREATH)
        except TimeoutError:
            kill(self.process)
            await self.process.wait()
        self._leased.close()
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(Ended(self._farewell()))
        self._waiting.clear()

    def _farewell(self) -> str:
        return self.why or ("" if self.process.returncode == 0 else ENDED.format(code=told(self.process)))


def told(process: Process) -> str:
    """How a process ended, for a person."""
    code = process.returncode or 0
    return f"signal {-code}" if code < 0 else f"exit code {code}"


class RemoteEmbedder:
    """Turns questions into vectors by a child that is started on demand, one at a time, if its memory is lent.

    `lend` gives a lease for the child's memory, or None where there is no room; `patience` is what a question may wait.
    """

    def __init__(self, child: Child, lend: Lend = lend_freely, *, patience: Seconds = 10.0) -> None:
        self._child, self._lend, self._patience = child, lend, patience
        self._lock = asyncio.Lock()
        self._talk: Conversation | None = None
        self._failures, self._not_before = 0, float("-inf")
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's id, None where none runs."""
        return self._talk.process.pid if self._talk and not self._talk.ended.done() else None

    async def meaning(self, model: EmbeddingModel, text: str) -> Meaning:
        """The meaning of a question by this model. Raises NoMeaning where it cannot be had within `patience`."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._ask(model.name, text)
        except TimeoutError:
            raise NoMeaning(TOO_SLOW.format(patience=self._patience)) from None
        if "vector" not in answer:
            raise NoMeaning(f"{answer['detail']} {answer['remedy']}".strip())
        return Meaning(model, memoryview(base64.b64decode(answer["vector"])).cast("f"))

    async def release(self) -> None:
        """Stop the child at once, for its memory is wanted; it has ended on return. The next question may start it."""
        async with self._lock:
            if self._talk is not None:
                await self._talk.stop(RELEASED)

    async def close(self) -> None:
        """Stop the child for good."""
        self._closed = True
        async with self._lock:  # one that is being started is stopped too
            if self._talk is not None:
                await self._talk.stop(CLOSED)

    async def _ask(self, model: str, text: str) -> dict[str, Any]:
        """Ask once more where the child left of itself just as the question came."""
        try:
            return await (await self._conversation(model)).ask(model, text)
        except Ended as ended:
            if ended.why:
                raise NoMeaning(ended.why) from None
        try:
            return await (await self._conversation(model)).ask(model, text)
        except Ended as ended:
            raise NoMeaning(ended.why or ENDED.format(code="exit code 0")) from None

    async def _conversation(self, model: str) -> Conversation:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._talk is not None and self._talk.is_hung(now):
                await self._talk.stop(ENDED.format(code="no answer"))
            if self._talk is not None and self._talk.model != model:  # what it holds was lent for another
                await self._talk.stop(CHANGED)
            if self._talk is None or self._talk.ended.done():
                self._talk = await self._start(now, model)
            return self._talk

    async def _start(self, now: Seconds, model: str) -> Conversation:
        self._look_back(now)
        with ExitStack() as stack:
            loan = self._lend(KIND, self._child.needs(model))
            if loan is None:
                raise NoMeaning(NO_ROOM)
            lease = stack.enter_context(loan)
            process = await self._spawn()
            lease.pid = process.pid
            return Conversation(process, stack.pop_all(), model)

    async def _spawn(self) -> Process:
        pipe, environment = asyncio.subprocess.PIPE, {**os.environ, **self._child.environment}
        try:
            return await asyncio.create_subprocess_exec(*self._child.command, stdin=pipe, stdout=pipe, env=environment)
        except OSError as error:
            raise NoMeaning(ENDED.format(code=error)) from error

    def _look_back(self, now: Seconds) -> None:
        """Reckon with how the last child ended. Raises NoMeaning while it is too early for the next."""
        last, self._talk = self._talk, None
        if last is not None:
            self._failures = self._failures + 1 if last.failed else 0
            self._not_before = now + pause_after(self._failures)
        if self._closed:
            raise NoMeaning(CLOSED)
        if now < self._not_before:
            raise NoMeaning(BROKEN.format(pause=math.ceil(self._not_before - now)))
