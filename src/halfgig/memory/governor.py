"""Who may start: leases of memory against what every limit leaves. Arithmetic only: readings come as arguments.

The supervisor has one governor, and uses it from one thread:

    governor = Governor(lambda: standings(settings), tree_anonymous)          # memory.standing, memory.meter
    if is_pressed(before, pressure()): governor.press(now)                    # memory.pressure, every few seconds
    cost = learned.adjusted(budget.cost("transcribe", "base"), now)           # memory.learned
    lease = governor.grant("transcribe", wanted=cost.needs, least=small.needs, now=now)
    if lease is None: ...                                                     # wait, and stop the query embedder
    variant = budget.choose(candidates, lease.granted)
    governor.shrink(lease, variant.needs)                                     # others may have what it does not need
    lease.pid = child.pid                                                     # from here on, what it holds is read
    governor.release(lease)                                                   # when the child has ended

A lease is for what a process needs, the pages of its code included (`Cost.needs`). What its holder already holds stands
in the reading of the limits; only the part that is not used yet has to be kept free for it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from halfgig.records import Bytes, Seconds

RESERVE = 16 * MIB  # that no lease may take: the server's own growth, sockets, counters that lag behind
CALM: Seconds = 10.0  # without pressure before the next lease
DOUBT: Seconds = 60.0  # of pressure without a break, after which one lease is granted all the same


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit in bytes, and what is held under it that the kernel cannot drop: by us, and by others there."""

    limit: Bytes
    held: Bytes


@dataclass(slots=True, eq=False)
class Lease:
    """The right of one process to hold `granted` bytes. `pid` is the holder's, None before it has started."""

    kind: str
    granted: Bytes
    pid: int | None = None


class Governor:
    """The leases that are out, and what they leave.

    `limits` reads every limit's standing, `used` the bytes that a process holds and the kernel cannot drop.
    """

    def __init__(
        self,
        limits: Callable[[], Iterable[Standing]],
        used: Callable[[int], Bytes],
        *,
        reserve: Bytes = RESERVE,
        calm: Seconds = CALM,
    ) -> None:
        self._limits, self._used = limits, used
        self.reserve = reserve
        self._calm = calm
        self._leases: list[Lease] = []
        self._pressed_at: Seconds = float("-inf")  # since when, or the last lease that was granted all the same
        self._calm_at: Seconds = float("-inf")

    @property
    def leases(self) -> tuple[Lease, ...]:
        """The leases that are out, oldest first."""
        return tuple(self._leases)

    def headroom(self) -> Bytes:
        """Bytes that a new lease could have: the least that any limit leaves. Negative where too much is held.

        Holders are read before the limits: what one takes between the two readings counts twice, and never not at all.
        """
        promised = sum(self.unused(lease) for lease in self._leases)
        return min(standing.limit - standing.held for standing in self._limits()) - promised - self.reserve

    def unused(self, lease: Lease) -> Bytes:
        """What the lease's holder may still come to hold."""
        return max(0, lease.granted - (0 if lease.pid is None else self._used(lease.pid)))

    def grant(self, kind: str, wanted: Bytes, least: Bytes, now: Seconds) -> Lease | None:
        """A lease of between `least` and `wanted` bytes, as many as there are; None where there are fewer, or under
        pressure.
        """
        if self.is_pressed(now):
            return None
        granted = min(wanted, self.headroom())
        if granted < least:
            return None
        lease = Lease(kind, granted)
        self._leases.append(lease)
        self._doubt_again(now)
        return lease

    def extend(self, lease: Lease, wanted: Bytes, least: Bytes, now: Seconds) -> bool:
        """Let a holder that goes on hold between `least` and `wanted` bytes in all; False where there are fewer."""
        if self.is_pressed(now):
            return False
        own = lease.granted if lease.pid is None else max(lease.granted, self._used(lease.pid))
        granted = min(wanted, self.headroom() + own)
        if granted < least:
            return False
        lease.granted = granted
        self._doubt_again(now)
        return True

    def lend(self, kind: str, needs: Bytes, now: Seconds) -> AbstractContextManager[Lease] | None:
        """A lease of `needs` bytes that is released at the end of its block; None where it cannot be granted."""
        lease = self.grant(kind, needs, needs, now)
        return None if lease is None else self._lent(lease)

    @contextmanager
    def _lent(self, lease: Lease) -> Iterator[Lease]:
        try:
            yield lease
        finally:
            self.release(lease)

    def shrink(self, lease: Lease, granted: Bytes) -> None:
        """Give back what is more than `granted` bytes."""
        lease.granted = min(lease.granted, granted)

    def release(self, lease: Lease) -> None:
        """End the lease; what its holder still holds stays in the reading of the limits. Ending it twice is once."""
        self._leases = [other for other in self._leases if other is not lease]

    def press(self, now: Seconds) -> None:
        """Memory is short although the sums say otherwise: grant nothing until this has been over for a while.

        Pressure that does not end may come from what no lease can help, the page cache of a long upload or another
        program: then the sums are believed again, for one lease in every minute, so that no job waits for ever.
        """
        if now >= self._calm_at:
            self._pressed_at = now
        self._calm_at = now + self._calm

    def is_pressed(self, now: Seconds) -> bool:
        """Whether pressure was seen so lately that nothing is granted."""
        return now < self._calm_at and now - self._pressed_at < DOUBT

    def _doubt_again(self, now: Seconds) -> None:
        """A lease was granted: under pressure, the next one waits its time as well."""
        if now < self._calm_at:
            self._pressed_at = now
