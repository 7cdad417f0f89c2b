"""The bell: whoever waits for news of a job, or of the queue, is woken when it is rung. For one event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.records import Seconds

QUEUE = ""  # the name under which news of the whole queue are rung


class Bell:
    """Rings by name: a job's id, or QUEUE. A ring that nobody waits for is lost; who waits looks before and after."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def ring(self, *names: str) -> None:
        """Wake all who wait for one of these names. Must be called in the event loop's thread."""
        for name in names:
            for future in self._waiting.pop(name, ()):
                if not future.done():
                    future.set_result(None)

    async def wait(self, name: str, timeout: Seconds) -> bool:
        """Wait for a ring; False where none came in time."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[name].add(future)
        try:
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            return False
        finally:
            self._forget(name, future)
        return True

    def _forget(self, name: str, future: asyncio.Future[None]) -> None:
        if name in self._waiting:
            self._waiting[name].discard(future)
            if not self._waiting[name]:
                del self._waiting[name]
