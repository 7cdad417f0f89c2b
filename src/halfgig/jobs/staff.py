"""The workers that are alive, and the memory they have: who may take the next job, and who must go for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from halfgig.memory import budget
from halfgig.memory.meter import tree_anonymous

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from halfgig.jobs.process import Child
    from halfgig.memory.budget import Cost
    from halfgig.memory.governor import Governor, Lease
    from halfgig.records import Bytes, Seconds

PATIENCE: Seconds = 5.0  # for a process to go, or for others to give memory back
LAST_BREATH: Seconds = 10.0  # that a worker which was dismissed has to end by itself
SEARCH = "search"  # the kind of lease that the query embedder has; it gives way to any job


class Staff:
    """The children of one supervisor, whose memory `governor` grants.

    `relief` has others give their memory back, and says whether any did. Times are on `clock`.
    """

    def __init__(
        self, governor: Governor, relief: Callable[[], Awaitable[object]] | None, clock: Callable[[], float]
    ) -> None:
        self.governor = governor
        self._relief, self._clock = relief, clock
        self._children: dict[int, Child] = {}

    @property
    def children(self) -> tuple[Child, ...]:
        """The workers that are alive."""
        return tuple(self._children.values())

    @property
    def busy(self) -> int:
        """How many of them have a job."""
        return sum(child.job is not None for child in self.children)

    def add(self, child: Child) -> None:
        """One more worker is alive."""
        self._children[child.pid] = child

    def remove(self, child: Child) -> None:
        """A worker has ended; its lease ends with it."""
        self._children.pop(child.pid, None)
        self.governor.release(child.lease)

    async def lease(self, kind: str, costs: Sequence[Cost], spare: Bytes = 0) -> tuple[Child | None, Lease | None]:
        """An idle worker of the kind with its lease extended, or a new lease; no lease where memory is short now.

        Before anything smaller than the best variant, the first of `costs`, is taken, what idles elsewhere is ended:
        other workers, and where that is not enough, what `relief` ends, which somebody may be waiting for. `spare`
        bytes come on top where there is room.
        """
        for offered in (costs[:1], costs):
            child, lease = self._grant(kind, offered, spare)
            for give_way in (self._end_idle, self._be_relieved):
                if lease is None and self._would_help(kind, offered[-1].needs) and await give_way(kind):
                    child, lease = self._grant(kind, offered, spare)
            if lease is not None:
                break
        return child, lease

    def _grant(self, kind: str, costs: Sequence[Cost], spare: Bytes) -> tuple[Child | None, Lease | None]:
        wanted, least, now = costs[0].needs + spare, costs[-1].needs, self._clock()
        idle = next((child for child in self.children if child.kind == kind and child.is_idle), None)
        if idle is not None:
            lease = idle.lease if self.governor.extend(idle.lease, wanted, least, now) else None
        else:
            lease = self.governor.grant(kind, wanted, least, now)
        if lease is not None and lease.granted < costs[0].needs:
            self.governor.shrink(lease, budget.choose(costs, lease.granted).needs)
        return idle, lease

    def _would_help(self, kind: str, needs: Bytes) -> bool:
        """Whether a job of this kind could have `needs` bytes if all that idles gave way."""
        return not self.governor.is_pressed(self._clock()) and self._could_have(kind) >= needs

    def _could_have(self, kind: str) -> Bytes:
        own = [child.lease for child in self.children if child.is_idle and child.kind == kind][:1]
        others = [child.lease for child in self._idle_elsewhere(kind)]
        embedder = [lease for lease in self.governor.leases if lease.kind == SEARCH]
        return self.governor.headroom() + sum(map(self._held, (*own, *others, *embedder)))

    def _held(self, lease: Lease) -> Bytes:
        return lease.granted if lease.pid is None else max(lease.granted, tree_anonymous(lease.pid))

    def _idle_elsewhere(self, kind: str) -> list[Child]:
        return [child for child in self.children if child.is_idle and child.kind != kind]

    async def _end_idle(self, kind: str) -> bool:
        """End the workers that idle on other kinds; False where there are none."""
        ended = [await self._end(child) for child in self._idle_elsewhere(kind)]
        return any(ended)

    async def _be_relieved(self, _: str) -> bool:
        """Have what else can give its memory back; False where nothing could."""
        if self._relief is None:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                return bool(await self._relief())
        except TimeoutError:
            return False

    async def _end(self, child: Child) -> bool:
        """End an idle worker, and see it go; False where it does not in time."""
        child.unwanted = True
        child.kill()
        try:
            async with asyncio.timeout(PATIENCE):
                await child.process.wait()
        except TimeoutError:
            return False
        self.remove(child)
        return True

    def give_back(self, child: Child | None, lease: Lease) -> None:
        """A lease was granted, and no job came of it."""
        if child is None:
            self.governor.release(lease)
        else:
            self.rest(child)

    def rest(self, child: Child) -> None:
        """A worker has no job any more: it keeps its model, and the memory that it holds."""
        child.rest(self._clock())
        self.governor.shrink(child.lease, tree_anonymous(child.pid))

    def dismiss_idle(self, after: Seconds) -> None:
        """Let workers go that have been idle for `after` seconds, and end those that were told and have not gone."""
        now = self._clock()
        for child in self.children:
            if child.is_idle and now - child.heard_at > after:
                child.dismiss(now)
            elif child.dismissed_at is not None and now - child.dismissed_at > LAST_BREATH:
                child.kill()
