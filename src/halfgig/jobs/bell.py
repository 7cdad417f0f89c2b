"""The bell: whoever waits for news of a job, or of the queue, is woken when it is rung. For one event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Seconds

QUEUE = ""  # the name under which news of the whole queue are rung, as this machine makes them
ELSEWHERE = " elsewhere"  # that another machine has queued a job which nobody has begun yet
ENDS = " ends"  # that a job has ended, here or elsewhere


class Ear:
    """Hears every ring from when it was made; one that came since the last `wait` ends the next one at once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def hear(self) -> None:
        """It has been rung."""
        self._rung.set()

    async def wait(self, timeout: Seconds) -> bool:
        """Wait for a ring; False where none came in time. Who looks after it returns misses nothing."""
        try:
            await asyncio.wait_for(self._rung.wait(), timeout)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Bell:
    """Rings by name: a job's id, or QUEUE. A ring for which there is no ear is lost."""

    def __init__(self) -> None:
        self._ears: defaultdict[str, set[Ear]] = defaultdict(set)

    def ring(self, *names: str) -> None:
        """Wake all who wait for one of these names. Must be called in the event loop's thread."""
        for name in names:
            for ear in self._ears.get(name, ()):
                ear.hear()

    def ring_all(self) -> None:
        """Wake everybody, as where news may have been missed."""
        self.ring(*list(self._ears))

    @contextmanager
    def listening(self, *names: str) -> Iterator[Ear]:
        """An ear for these names, as long as the block lasts: who looks inside it, and then waits, misses nothing."""
        ear = Ear()
        for name in names:
            self._ears[name].add(ear)
        try:
            yield ear
        finally:
            for name in names:
                self._forget(name, ear)

    async def wait(self, name: str, timeout: Seconds, *others: str) -> bool:
        """Wait for a ring from now on, by one of these names; False where none came in time."""
        with self.listening(name, *others) as ear:
            return await ear.wait(timeout)

    def _forget(self, name: str, ear: Ear) -> None:
        self._ears[name].discard(ear)
        if not self._ears[name]:
            del self._ears[name]
