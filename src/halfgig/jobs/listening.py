"""News from other machines: Postgres tells of each event, and the bell is rung for it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.jobs.bell import QUEUE
from halfgig.store.postgres_line import listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from halfgig.jobs.bell import Bell
    from halfgig.records import Seconds

log = logging.getLogger("halfgig")

PAUSES: tuple[Seconds, ...] = (0.1, 0.5, 1.0, 2.0, 5.0)  # before a line that broke is opened anew, then the last again


@asynccontextmanager
async def hearing_others(url: str, bell: Bell) -> AsyncIterator[None]:
    """Ring `bell` for what happens to jobs at `url`, whichever machine does it, until the block ends.

    Nothing is lost where the line breaks, for whoever waits looks from time to time by himself; it only comes later.
    """
    task = asyncio.create_task(_listen(url, bell), name="listener")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen(url: str, bell: Bell) -> None:
    failures = 0
    while True:
        try:
            async for told in listen(url):
                failures = 0
                _ring(bell, told)
        except LibraryError as error:
            log.warning("news of other machines are late: %s", error)
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
        failures += 1


def _ring(bell: Bell, told: str) -> None:
    """Ring for "JOB TYPE"; for everybody where nothing is told, since news may have been missed."""
    job_id, _, kind = told.partition(" ")
    if not job_id:
        bell.ring_all()
    elif kind == "state":
        bell.ring(job_id, QUEUE)
    else:
        bell.ring(job_id)
