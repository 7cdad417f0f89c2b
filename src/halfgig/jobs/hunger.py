"""Whether the kernel has just killed something of ours for want of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.memory.oom import oom_kills

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Seconds

LATELY: Seconds = 2.0  # between a kill and the end of the process that we hear of


class Hunger:
    """Looks at the kernel's count of kills, often enough to know when one came.

    Whose death it was is not told: of processes that end within two seconds of a kill, all are taken for its victims.
    """

    def __init__(self, clock: Callable[[], float], count: Callable[[], int | None] = oom_kills) -> None:
        self._clock, self._count = clock, count
        self._known = count()
        self._risen_at: float | None = None

    def look(self) -> None:
        """Note whether the count has risen since the last look."""
        now = self._count()
        if now is not None and self._known is not None and now > self._known:
            self._risen_at = self._clock()
        self._known = now

    def killed_lately(self) -> bool | None:
        """Whether there was a kill within the last two seconds; None where the kernel does not count."""
        self.look()
        if self._known is None:
            return None
        return self._risen_at is not None and self._clock() - self._risen_at <= LATELY
