"""The job queue on a thread of its own: a database waits for disks and networks, and an event loop must not."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from halfgig.jobs.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.store.database import Where

Told = TypeVar("Told")


class QueueThread:
    """A job queue, and the one thread on which it is asked."""

    def __init__(self, where: Where) -> None:
        self._thread = ThreadPoolExecutor(1, "job-queue")
        try:
            self._queue = self._thread.submit(JobQueue, where).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def ask(self, question: Callable[[JobQueue], Told]) -> Told:
        """What `question` says of the queue; its errors are raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._queue)

    def ask_now(self, question: Callable[[JobQueue], Told]) -> Told:
        """The same, for another thread than the event loop's: it waits."""
        return self._thread.submit(question, self._queue).result()

    def close(self) -> None:
        """Finish what was asked, and close the queue."""
        self._thread.submit(self._queue.close).result()
        self._thread.shutdown()
