"""A worker without a server: a machine that does jobs of a shared queue, and tells nobody but its health port."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.errors import BadRequest, HalfgigError, LibraryError
from halfgig.jobs.bell import QUEUE, Bell
from halfgig.jobs.health import TEXT, Told, health_port
from halfgig.jobs.home import home_of
from halfgig.jobs.listening import hearing_others
from halfgig.jobs.queue_thread import QueueThread
from halfgig.jobs.sole import sole_server
from halfgig.jobs.supervisor import Supervisor
from halfgig.memory.governor import Governor
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import rss, tree_anonymous
from halfgig.memory.standing import standings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.jobs.job import Job
    from halfgig.records import Seconds
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")

PART = "worker"  # of its home, beside a server's
ANSWER: Seconds = 3.0  # that the database has to answer in, for who asks whether we are ready: less than its port's
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def work(settings: Settings) -> None:
    """Do jobs until SIGINT, SIGTERM or SIGHUP; those that run then have a grace to reach a checkpoint, and are queued.

    Errors: BadRequest without DATABASE_URL, and where its port cannot be listened on; LibraryError where another
    worker uses the folder, or the database cannot be used.
    """
    if not settings.database_url:
        detail = "A worker takes its jobs from a database, and DATABASE_URL is not set."
        raise BadRequest(detail, "Set it to postgresql://USER@HOST/NAME, or run halfgig serve.")
    with sole_server(settings.data_dir, PART):
        queue = QueueThread(settings.jobs_at)
        try:
            asyncio.run(Standalone(settings, queue).run())
        finally:
            queue.close()


class Standalone:
    """A supervisor with the queue, the bell and the port that it needs."""

    def __init__(self, settings: Settings, queue: QueueThread) -> None:
        self._settings, self._queue = settings, queue
        self._bell, self._stopping = Bell(), asyncio.Event()
        governor = Governor(lambda: standings(settings), tree_anonymous)
        ended = partial(clear_away, settings)
        home = _home(settings)
        self._supervisor = Supervisor(settings, queue.ask, self._bell, governor, ended=ended, home=home, part=PART)

    async def run(self) -> None:
        """Work until a signal comes."""
        settings = self._settings
        routes = {"/healthz": self.health, "/readyz": self.readiness, "/metrics": self.metrics}
        async with (
            hearing_others(settings.database_url, self._bell),
            health_port(settings.host, settings.port, routes) as address,
        ):
            self._heed_signals()
            facts = {
                "version": __version__,
                "address": address,
                "memory_bytes": rss(),
                "at_once": self._supervisor.most,
            }
            log.info("started", extra={"facts": facts})
            if not settings.blob_url:
                log.info("jobs on uploads are left to the machines that have these; BLOB_URL would share them")
            await self._supervisor.run(self._stopping)
        log.info("stopped", extra={"facts": {"memory_bytes": rss()}})

    def stop(self) -> None:
        """Claim nothing more, and end."""
        log.info("stopping", extra={"facts": {"jobs": len(self._at_work())}})
        self._stopping.set()
        self._bell.ring(QUEUE)

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)

    async def health(self) -> Told:
        """That the event loop turns."""
        return _status("ok")

    async def readiness(self) -> Told:
        """Whether it takes jobs: it is not stopping, and its database answers."""
        if self._stopping.is_set():
            return _status("stopping", 503)
        try:
            async with asyncio.timeout(ANSWER):
                await self._queue.ask(lambda queue: queue.touch())
        except (HalfgigError, TimeoutError) as error:
            log.warning("not ready", extra={"facts": {"detail": str(error) or f"no answer in {ANSWER:g} s"}})
            return _status("the database does not answer", 503)  # whoever asks may be anybody
        return _status("ok")

    async def metrics(self) -> Told:
        """Figures for Prometheus of this machine; those of the queue are told by servers."""
        return Told("".join(f"{line}\n" for line in self._figures()), media_type=TEXT)

    def _figures(self) -> Iterator[str]:
        yield f'halfgig_build_info{{version="{__version__}"}} 1'
        yield f"halfgig_memory_resident_bytes {rss()}"
        yield f"halfgig_memory_limit_bytes {memory_limit(self._settings).bytes}"
        for kind, count in sorted(Counter(job.kind for job in self._at_work()).items()):
            yield f'halfgig_worker_jobs{{kind="{kind}"}} {count}'
        for reason, count in sorted(self._supervisor.restarts.items()):
            yield f'halfgig_worker_restarts_total{{reason="{reason}"}} {count}'

    def _at_work(self) -> list[Job]:
        return [child.job for child in self._supervisor.children if child.job is not None]


async def clear_away(settings: Settings, job: Job) -> None:
    """Remove what was fetched for a job that has ended: its child may have been killed before it could."""
    await asyncio.to_thread(shutil.rmtree, settings.fetched_dir / job.id, ignore_errors=True)


def _home(settings: Settings) -> str:
    try:
        return home_of(settings.data_dir)
    except OSError as error:
        detail = f"The folder {settings.data_dir} cannot be used: {error.strerror or error}."
        raise LibraryError(detail, "Check its rights and its disk, or set HALFGIG_DATA to another.") from error


def _status(text: str, status: int = 200) -> Told:
    return Told(json.dumps({"status": text, "version": __version__}), status)
