"""What the routes work with: the queue on its own thread, the bell, the uploads, and whatever serves the rest."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Request

from halfgig.api.tally import Tally
from halfgig.jobs.bell import Bell
from halfgig.jobs.queue import JobQueue
from halfgig.settings import Settings
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from halfgig.memory.governor import Lease
    from halfgig.records import Bytes

Told = TypeVar("Told")


class QueueThread:
    """A job queue, and the one thread on which it is asked. SQLite waits for disks; the event loop must not."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, "job-queue")
        try:
            self._queue = self._thread.submit(JobQueue, path).result()
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


class Supervision(Protocol):
    """What runs the jobs, as far as the server minds: jobs.supervisor.Supervisor, or a test's."""

    restarts: dict[str, int]  # failed attempts by reason

    @property
    def leases(self) -> Sequence[Lease]:
        """The leases of memory that are out."""

    async def run(self) -> None:
        """Claim jobs and watch over them until `stop`."""

    async def stop(self) -> None:
        """Start nothing more, and end every child."""


@dataclass(slots=True)
class Services:
    """Everything that a route may use; one for the app, at `app.state.halfgig` while it runs."""

    settings: Settings
    queue: QueueThread
    bell: Bell
    uploads: UploadStore
    supervisor: Supervision | None = None
    supervision: asyncio.Task[None] | None = None  # the supervisor at work
    searcher: Any = None
    tally: Tally = field(default_factory=Tally)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0  # of events, that are open

    async def ask(self, question: Callable[[JobQueue], Told]) -> Told:
        """What `question` says of the job queue, on the queue's thread."""
        return await self.queue.ask(question)

    async def uses(self, upload_id: str) -> bool:
        """Whether a job needs this upload."""
        return await self.ask(lambda queue: queue.uses(upload_id))

    def uses_now(self, upload_id: str) -> bool:
        """The same, for another thread than the event loop's."""
        return self.queue.ask_now(lambda queue: queue.uses(upload_id))

    def supervising(self) -> bool:
        """Whether the supervisor is at work."""
        return self.supervision is not None and not self.supervision.done()

    def leases(self) -> dict[str, Bytes]:
        """Memory that is granted to children, by kind."""
        granted: Counter[str] = Counter()
        for lease in self.supervisor.leases if self.supervisor else ():
            granted[lease.kind] += lease.granted
        return dict(granted)

    def close(self) -> None:
        """Close everything; what was asked before is finished."""
        self.queue.close()


def services_of(request: Request) -> Services:
    """The services of the app that serves this request."""
    services: Services = request.app.state.halfgig
    return services


Given = Annotated[Services, Depends(services_of)]
