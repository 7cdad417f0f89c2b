"""The supervisor and the searcher of a server, put together: they share one governor of memory."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from halfgig.api.upkeep import see_to_end
from halfgig.jobs.live import LiveSessions
from halfgig.jobs.searcher import open_searcher
from halfgig.jobs.supervisor import Supervisor
from halfgig.memory.governor import Governor
from halfgig.memory.meter import tree_anonymous
from halfgig.memory.standing import standings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from halfgig.api.services import Services
    from halfgig.jobs.searcher import Searcher
    from halfgig.memory.governor import Lease
    from halfgig.records import Bytes


def make_supervisor(services: Services) -> Supervisor:
    """The supervisor of these services; their searcher is made with it, for jobs may take its embedder's memory."""
    settings = services.settings
    governor = Governor(lambda: standings(settings), tree_anonymous)

    def lend(kind: str, needs: Bytes) -> AbstractContextManager[Lease] | None:
        return governor.lend(kind, needs, time.monotonic())

    services.searcher = open_searcher(settings, lend)
    supervisor = Supervisor(
        settings,
        services.ask,
        services.bell,
        governor,
        relief=partial(take_back, services.searcher),
        ended=partial(see_to_end, services),
        home=services.home,
    )
    services.live = LiveSessions(settings, supervisor.lend)
    return supervisor


async def take_back(searcher: Searcher) -> bool:
    """Have the query embedder give its memory back; False where it held none."""
    held = searcher.embedder.pid is not None
    await searcher.embedder.release()
    return held
