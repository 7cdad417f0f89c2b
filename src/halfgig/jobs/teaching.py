"""What finished jobs have taught about memory, kept in a file beside the queue."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.memory import budget
from halfgig.memory.learned import Learned, from_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from halfgig.records import Bytes

NOTE = "costs.json"
BUDGET_KINDS = {
    "transcript": "transcribe",
    "part": "transcribe",
    "index": "transcribe",
    "reps": "reps",
    "reindex": "search",
    "drawing": "drawing",
}


class Teaching:
    """The lessons of one data folder; a file that cannot be read or written only means less knowledge."""

    def __init__(self, data_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = data_dir / NOTE, clock
        self.learned = Learned()
        with suppress(OSError, ValueError):
            self.learned = from_json(self._path.read_text(encoding="utf-8"))

    def learn(self, kind: str, variant: str, measured: Bytes, expected: Bytes) -> None:
        """One more job has ended well: what it held at most, and what was expected of it."""
        if not variant:
            return
        usual = next((row.peak for row in budget.TABLE if (row.kind, row.variant) == (BUDGET_KINDS[kind], variant)), 0)
        now = self._clock()
        self.learned = self.learned.with_peak(BUDGET_KINDS[kind], variant, measured, expected, now, usual=usual)
        draft = self._path.with_suffix(".draft")
        with suppress(OSError):
            draft.write_text(self.learned.as_json(), encoding="utf-8")
            draft.replace(self._path)
