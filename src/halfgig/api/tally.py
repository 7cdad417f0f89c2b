"""The tally: what this process has counted since it started, for /metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.records import Bytes, Seconds

BUCKETS: tuple[Seconds, ...] = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Seen:
    """The jobs of one kind that have ended: how many took up to each of BUCKETS, and what the largest held."""

    within: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    count: int = 0
    seconds: Seconds = 0.0
    peak: Bytes = 0


class Tally:
    """What this process has counted since it started."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()  # by method, route and status
        self.request_seconds: dict[str, Seconds] = {}  # by route
        self.jobs: dict[str, Seen] = {}  # by kind

    def count(self, method: str, route: str, status: int, seconds: Seconds) -> None:
        """A request that was answered; status 0 where its client left before."""
        method = method if method in METHODS else "other"
        self.requests[method, route, str(status)] += 1
        self.request_seconds[route] = self.request_seconds.get(route, 0.0) + seconds

    def ended(self, kind: str, seconds: Seconds, peak: Bytes | None) -> None:
        """A job that ended after `seconds` of work."""
        seen = self.jobs.setdefault(kind, Seen())
        seen.count += 1
        seen.seconds += seconds
        seen.peak = max(seen.peak, peak or 0)
        for place, bound in enumerate(BUCKETS):
            seen.within[place] += seconds <= bound
