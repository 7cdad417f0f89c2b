"""What finished work has taught about costs: by how much this machine's peaks differ from the table of `budget`.

Each kind and variant has one share: measured peak over expected peak. A higher one is believed at once, a lower one
slowly, and both are forgotten in days, so that one odd job does not keep work out for ever.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.memory.budget import Cost
    from halfgig.records import Bytes, Seconds

FALL = 0.1  # of the way towards a lower share, with each job
LEAST, MOST = 0.8, 1.5  # shares of the table's figure; past these it is the measuring that is in doubt
HALF_LIFE: Seconds = 7 * 86_400.0  # after which half of what a share tells is forgotten
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A share of the table's peak, and when it was last measured, in unix seconds."""

    share: float
    at: Seconds

    def now(self, now: Seconds) -> float:
        """The share as it counts at `now`: the older, the nearer to 1; within its bounds."""
        kept: float = 0.5 ** (max(0.0, now - self.at) / HALF_LIFE)
        return min(max(1 + (self.share - 1) * kept, LEAST), MOST)


@dataclass(frozen=True, slots=True)
class Learned:
    """All lessons, by kind and variant."""

    lessons: Mapping[tuple[str, str], Lesson] = field(default_factory=dict)

    def adjusted(self, cost: Cost, now: Seconds) -> Cost:
        """The table's row with the peak that this machine's jobs suggest."""
        lesson = self.lessons.get((cost.kind, cost.variant))
        if lesson is None:
            return cost
        share = lesson.now(now)
        return replace(cost, peak=round(cost.peak * share), window=round(cost.window * share))

    def with_peak(
        self, kind: str, variant: str, measured: Bytes, expected: Bytes, now: Seconds, *, usual: Bytes = 0
    ) -> Learned:
        """What is known after one more job has ended well.

        `measured` is the most that its process held and the kernel could not drop; `expected` is what the table said
        for just this source (`Cost.likely`, and for reps what the decoder holds), not what was learned. What was held
        beyond that is reckoned as a share of `usual`, what the table says of a long source: a short one in a worker
        that is warm holds some MB more than it would by itself, and that is no reason to multiply.
        """
        if measured <= 0 or expected <= 0:
            return self
        share, known = 1 + (measured - expected) / max(expected, usual), self.lessons.get((kind, variant))
        if known is not None and share < (before := known.now(now)):
            share = before + FALL * (share - before)
        lesson = Lesson(min(max(share, LEAST), MOST), now)
        return Learned({**self.lessons, (kind, variant): lesson})

    def as_json(self) -> str:
        """One JSON object: kind/variant to its share and time."""
        rows = {SEPARATOR.join(key): {"share": one.share, "at": one.at} for key, one in self.lessons.items()}
        return json.dumps(rows, indent=1, sort_keys=True)


def from_json(text: str) -> Learned:
    """What `as_json` wrote; lessons that make no sense are left out."""
    try:
        rows = json.loads(text)
    except ValueError:
        return Learned()
    rows = rows.items() if isinstance(rows, dict) else ()
    read = {_key(name): _lesson(row) for name, row in rows if SEPARATOR in name}
    return Learned({key: lesson for key, lesson in read.items() if lesson is not None})


def _key(name: str) -> tuple[str, str]:
    kind, _, variant = name.partition(SEPARATOR)
    return kind, variant


def _lesson(row: object) -> Lesson | None:
    try:
        share, at = float(row["share"]), float(row["at"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
    return Lesson(share, at) if math.isfinite(at) and LEAST <= share <= MOST else None
