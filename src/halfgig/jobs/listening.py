"""News from other machines: Postgres tells of each event, and the bell is rung for it."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError
from halfgig.jobs.bell import ELSEWHERE, ENDS
from halfgig.jobs.job import State
from halfgig.jobs.table import RUNNABLE
from halfgig.store.postgres_line import listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from halfgig.jobs.bell import Bell
    from halfgig.records import Seconds

log = logging.getLogger("halfgig")

SPREAD: Seconds = (
    0.2  # within which the machines look that hear of a job: far longer than one of them takes to begin it
)
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
    failures, news = 0, News(bell)
    while True:
        try:
            async for told in listen(url):
                failures = 0
                news.hear(told)
        except LibraryError as error:
            log.warning("news of other machines are late: %s", error)
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
        failures += 1


class News:
    """Rings `bell` for what is told: "JOB WORD", or nothing where news may have been missed. For one event loop.

    A job that anybody may begin is news for all machines, and one of them gets it. So each waits a moment of its own
    before it rings ELSEWHERE, and does not where it hears meanwhile that the job was begun.
    """

    def __init__(self, bell: Bell, chance: Callable[[], float] = random.random) -> None:
        self._bell, self._chance = bell, chance
        self._waiting: set[str] = set()  # jobs that nobody has begun, as far as we have heard

    def hear(self, told: str) -> None:
        """Something was told."""
        job_id, _, word = told.partition(" ")
        if not job_id:
            self._bell.ring_all()
            return
        self._bell.ring(job_id)
        if word == RUNNABLE:
            self._expect(job_id)
        elif word in set(State):
            self._waiting.discard(job_id)
            if State(word).final:
                self._bell.ring(ENDS)

    def _expect(self, job_id: str) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_later(self._chance() * SPREAD, self._tell)
        self._waiting.add(job_id)

    def _tell(self) -> None:
        if self._waiting:
            self._waiting.clear()
            self._bell.ring(ELSEWHERE)
