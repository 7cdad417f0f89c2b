"""What runs beside the routes: the supervisor, the end of each job, and the deletion of what is not needed any more."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi.concurrency import run_in_threadpool

from halfgig.api.history import INTERVAL, now_held
from halfgig.errors import HalfgigError
from halfgig.jobs.bell import ENDS
from halfgig.jobs.courier import Courier
from halfgig.jobs.job import PART, State
from halfgig.jobs.posting import connect_guarded, post
from halfgig.jobs.webhooks import read_secret
from halfgig.media.addresses import AllowList
from halfgig.store.edits import Edits
from halfgig.store.home import is_there, open_store
from halfgig.store.library import Library
from halfgig.store.uploads import DAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
    from pathlib import Path

    from halfgig.api.services import Services, Supervision
    from halfgig.jobs.job import Job
    from halfgig.records import Seconds
    from halfgig.settings import Settings

    MakeSupervisor: TypeAlias = Callable[[Services], Supervision]

log = logging.getLogger("halfgig.api")

LAST_DELIVERIES: Seconds = 5.0  # that webhooks may take to be sent when the server ends
SWEEP: Seconds = 300.0  # between two looks for uploads that are past their time


@asynccontextmanager
async def running(services: Services, supervise: MakeSupervisor | None) -> AsyncIterator[None]:
    """The supervisor as a task beside the routes, until the block ends or the server begins to stop."""
    if supervise is None:
        yield
        return
    services.supervisor = supervise(services)
    services.supervision = asyncio.create_task(services.supervisor.run(services.stopping), name="supervisor")
    services.supervision.add_done_callback(tell_crash)
    try:
        yield
    finally:
        services.stop()
        await asyncio.wait([services.supervision])


def tell_crash(task: asyncio.Task[None]) -> None:
    """Log that a task which should run as long as the server has ended with an error."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s crashed", task.get_name(), exc_info=error)


@asynccontextmanager
async def hearing(services: Services) -> AsyncIterator[None]:
    """Hear of what other machines do, where they share the queue, until the block ends."""
    if not services.settings.database_url:
        yield
        return
    from halfgig.jobs.listening import hearing_others

    async with hearing_others(services.settings.database_url, services.bell):
        yield


@asynccontextmanager
async def delivering(services: Services) -> AsyncIterator[None]:
    """Send what callback addresses are owed, until the block ends; the rest is sent after the next start."""
    send = partial(post, connect_guarded(AllowList.parse(services.settings.allowed_hosts)))
    courier = Courier(services.ask, send, read_secret(services.settings.webhook_secret))
    async with _beside(courier.run(services.stopping, partial(services.bell.wait, ENDS)), "courier") as task:
        try:
            yield
        finally:
            services.stop()
            await asyncio.wait([task], timeout=LAST_DELIVERIES)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Work as a task, which is cancelled when the block ends."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(tell_crash)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def sampling(services: Services) -> AsyncIterator[None]:
    """Note what is held, at once and every few seconds, until the block ends."""
    async with _beside(_sample(services), "memory sampler"):
        yield


async def _sample(services: Services) -> None:
    while True:
        services.history.note(*await run_in_threadpool(now_held))
        await asyncio.sleep(INTERVAL)


@asynccontextmanager
async def cleaning(services: Services) -> AsyncIterator[None]:
    """Delete uploads that are past their time, and what ended jobs have left, at once and now and then."""
    async with _beside(_sweep(services), "sweeper"):
        yield


async def _sweep(services: Services) -> None:
    await _swept("stale", partial(index_stale, services))
    while True:
        await _swept("uploads", partial(services.uploads.expire, services.uses_now))
        await _swept("fetched", partial(remove_fetched, services))
        await _swept("drafts", partial(remove_drafts, services))
        await _swept("pictures", partial(remove_homeless, services))
        await asyncio.sleep(SWEEP)


async def _swept(what: str, sweep: Callable[[], list[str]]) -> None:
    try:
        gone = await run_in_threadpool(sweep)
    except (HalfgigError, OSError) as error:
        log.warning("%s not swept", what, extra={"facts": {"detail": str(error)}})
    else:
        if gone:
            log.info("%s swept", what, extra={"facts": {"removed": len(gone)}})


def index_stale(services: Services) -> list[str]:
    """Queue again what a killed server had not: sources whose text was changed, and not indexed since; blocking."""
    if not is_there(services.settings):
        return []
    with open_store(services.settings, create=False) as connection:
        library = Library(connection)
        found = [library.source(source_id) for source_id in Edits(connection).stale()]
    for source in filter(None, found):
        services.queue.ask_now(lambda queue: queue.reindex(source.id, source.title))  # noqa: B023  # asked at once
    return [source.id for source in found if source]


def remove_fetched(services: Services) -> list[str]:
    """Remove what was fetched for jobs that have ended or are gone, and say for which; blocking.

    A worker removes it itself, and `see_to_end` what a killed one left, unless the server was killed as well. A file
    that lies among the folders is what `halfgig db move` sends, and is left over when it is a day old.
    """
    folder = services.settings.fetched_dir
    there = sorted(folder.iterdir()) if folder.exists() else []
    folders = [one for one in there if one.is_dir()]
    ended = [one for one in folders if not services.works_now(one.name)]  # asked afterwards: a folder follows its job
    for one in ended:
        shutil.rmtree(one, ignore_errors=True)
    left = [one for one in there if _is_left(one)]
    for one in left:
        one.unlink(missing_ok=True)
    return [one.name for one in (*ended, *left)]


def _is_left(path: Path) -> bool:
    """Whether this is a file that got its name a day ago or more: it may be a link to one that is older."""
    with suppress(FileNotFoundError):
        return path.is_file() and path.stat().st_ctime <= time.time() - DAY
    return False


def remove_homeless(services: Services) -> list[str]:
    """Remove pictures, poses and drawings of what neither the library nor a job knows, as of a deleted failed job."""
    there = services.belongings.sources()
    if not there:
        return []
    known = services.queue.ask_now(lambda queue: queue.mentioned(there))  # first: a job comes before its source
    gone = sorted(there - known - _filed(services.settings, there))
    for source_id in gone:
        services.belongings.forget(source_id)
    return gone


def remove_drafts(services: Services) -> list[str]:
    """Remove what killed workers had begun to write of poses, a day ago or more; blocking."""
    return services.belongings.poses.drop_drafts(time.time() - DAY)


def _filed(settings: Settings, source_ids: Iterable[str]) -> set[str]:
    """Those of the sources that the library knows."""
    if not is_there(settings):
        return set()
    with open_store(settings, create=False) as connection:
        library = Library(connection)
        return {source_id for source_id in source_ids if library.source(source_id) is not None}


async def see_to_end(services: Services, job: Job) -> None:
    """Count a job that has ended, and delete its upload where it is needed no more: a failed job may be retried.

    What was fetched for it goes in any case: its worker may have been killed before it could see to that.
    """
    if job.kind != PART:
        services.tally.ended(job.kind, sum(job.timings.values()), job.peak)
    await run_in_threadpool(shutil.rmtree, services.settings.fetched_dir / job.id, ignore_errors=True)
    if job.state is State.SUCCEEDED and "upload" in job.source and job.kind != PART:
        await drop_upload(services, job.source["upload"])


async def drop_upload(services: Services, upload_id: str) -> None:
    """Delete an upload that no job needs."""
    if not await services.uses(upload_id):
        with suppress(HalfgigError):  # it has gone already, or is written to and will expire
            await services.storage.ask(services.uploads.remove, upload_id)
