"""What the routes work with: the queue on its own thread, the bell, the uploads, and whatever serves the rest."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

from fastapi import Depends, Request

from halfgig.api.history import History
from halfgig.api.storage import StorageThreads
from halfgig.api.tally import Tally
from halfgig.jobs.bell import ENDS, QUEUE, Bell
from halfgig.jobs.live import LiveSessions
from halfgig.jobs.queue_thread import QueueThread
from halfgig.jobs.searcher import Searcher, open_searcher
from halfgig.settings import Settings
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from halfgig.jobs.job import Job
    from halfgig.jobs.library import LibraryThread
    from halfgig.jobs.queue import JobQueue
    from halfgig.memory.governor import Lease
    from halfgig.records import Bytes
    from halfgig.store.belongings import Belongings

Told = TypeVar("Told")


class AtWork(Protocol):
    """A child that does a kind of job, or waits for one: jobs.process.Child."""

    kind: str
    job: Job | None

    @property
    def pid(self) -> int:
        """The id of its process."""


class Supervision(Protocol):
    """What runs the jobs, as far as the server minds: jobs.supervisor.Supervisor, or a test's."""

    restarts: dict[str, int]  # failed attempts by reason

    @property
    def leases(self) -> Sequence[Lease]:
        """The leases of memory that are out."""

    @property
    def children(self) -> Sequence[AtWork]:
        """The workers that are alive."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Claim jobs and watch over them until `stopping` is set; then end every child, and return."""


@dataclass(slots=True)
class Services:
    """Everything that a route may use; one for the app, at `app.state.halfgig` while it runs."""

    settings: Settings
    queue: QueueThread
    bell: Bell
    uploads: UploadStore
    belongings: Belongings
    belonging: Callable[[], Bytes]  # how many bytes these have
    supervisor: Supervision | None = None
    supervision: asyncio.Task[None] | None = None  # the supervisor at work
    searcher: Searcher | None = None
    live: LiveSessions | None = None
    tally: Tally = field(default_factory=Tally)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0  # of events, that are open
    history: History = field(default_factory=History)
    home: str = ""  # of this server, where machines share a queue: uploads here are nowhere else
    storage: StorageThreads = field(default_factory=StorageThreads)
    started: float = field(default_factory=time.monotonic)

    async def ask(self, question: Callable[[JobQueue], Told]) -> Told:
        """What `question` says of the job queue, on the queue's thread."""
        return await self.queue.ask(question)

    def searching(self) -> Searcher:
        """What answers questions; without a supervisor's, one that asks nobody for its memory."""
        if self.searcher is None:
            self.searcher = open_searcher(self.settings)
        return self.searcher

    def counting_live(self) -> LiveSessions:
        """What counts live; without a supervisor's, sessions that ask nobody for their memory."""
        if self.live is None:
            self.live = LiveSessions(self.settings)
        return self.live

    def shelf(self) -> LibraryThread:
        """The library, on its thread."""
        return self.searching().library

    async def uses(self, upload_id: str) -> bool:
        """Whether a job needs this upload."""
        return await self.ask(lambda queue: queue.uses(upload_id))

    def uses_now(self, upload_id: str) -> bool:
        """The same, for another thread than the event loop's."""
        return self.queue.ask_now(lambda queue: queue.uses(upload_id))

    def works_now(self, job_id: str) -> bool:
        """Whether there is such a job, and it has not ended; for another thread than the event loop's."""
        job = self.queue.ask_now(lambda queue: queue.outline(job_id))
        return job is not None and not job.state.final

    def at_work(self) -> list[str]:
        """The jobs that workers are at."""
        children = self.supervisor.children if self.supervisor else ()
        return [child.job.id for child in children if child.job is not None]

    def supervising(self) -> bool:
        """Whether the supervisor is at work."""
        return self.supervision is not None and not self.supervision.done()

    def leases(self) -> dict[str, Bytes]:
        """Memory that is granted to children, by kind."""
        granted: Counter[str] = Counter()
        for lease in self.supervisor.leases if self.supervisor else ():
            granted[lease.kind] += lease.granted
        return dict(granted)

    def stop(self) -> None:
        """Let the supervisor and the streams of events come to their end."""
        self.stopping.set()
        self.bell.ring(QUEUE, ENDS)

    async def close(self) -> None:
        """Close everything; what was asked before is finished."""
        if self.live is not None:
            await self.live.close()
        if self.searcher is not None:
            await self.searcher.close()
        self.queue.close()
        self.storage.close()


def services_of(request: Request) -> Services:
    """The services of the app that serves this request."""
    services: Services = request.app.state.halfgig
    return services


Given = Annotated[Services, Depends(services_of)]
