"""The process that answers, as the server does it: without numpy and without the model.

`python -m benchmarks.answering LIBRARY QUESTIONS` asks each question with its vector, by meaning, by keyword and by
both, and prints JSON: times, what was found by meaning, the peak. `--cold` drops the file from the page cache first.
"""

from __future__ import annotations

import json
import os
import sys
import time
from array import array
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB
from halfgig.memory.meter import peak_rss
from halfgig.records import Query
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.query import Meaning, search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from halfgig.store.sqlite_database import SqliteDatabase


BEST = 10
POOL = 50  # of the nearest, as many as a search asks for


class Asking:
    """Questions to one library; each opens the index anew, as a request does."""

    def __init__(self, connection: SqliteDatabase, asked: Sequence[dict[str, Any]]) -> None:
        self._connection, self._asked = connection, asked

    def both(self, number: int) -> object:
        """What a person gets: by meaning and keyword, fused, marked, with links."""
        index = SqliteIndex(self._connection)
        assert index.model is not None
        return self._search(number, Meaning(index.model, self._vector(number)))

    def keyword(self, number: int) -> object:
        """The same by keyword only."""
        return self._search(number, None)

    def meaning(self, number: int) -> list[tuple[str, int]]:
        """The nearest passages alone."""
        found = SqliteIndex(self._connection).nearest(self._vector(number), POOL)
        return [(one.source_id, one.passage.number) for one in found[:BEST]]

    def _search(self, number: int, meaning: Meaning | None) -> object:
        library, events = Library(self._connection), EventIndex(self._connection)
        return search(Query(self._asked[number]["text"]), SqliteIndex(self._connection), meaning, library, events)

    def _vector(self, number: int) -> array[float]:
        return array("f", self._asked[number]["vector"])


def timed(ask: Callable[[int], object], count: int) -> dict[str, float]:
    """Milliseconds of the clock and of the processor; the first question is told apart."""
    times, work = [], []
    for number in range(count):
        begun, busy = time.perf_counter(), time.process_time()
        ask(number)
        times.append(1000 * (time.perf_counter() - begun))
        work.append(1000 * (time.process_time() - busy))
    return {
        "first_ms": times[0],
        "p50_ms": median(times[1:]),
        "p95_ms": quantiles(times[1:], n=20)[-1],
        "cpu_ms": median(work[1:]),
    }


def drop_from_cache(path: Path) -> None:
    """Have the kernel forget what it keeps of a file, where it can be told to."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(library: Path, questions: Path, *, cold: bool) -> dict[str, Any]:
    """Figures by way, what is nearest to each question, and MiB at the peak."""
    asked = json.loads(questions.read_text())
    if cold:
        drop_from_cache(library)
    with open_library(library) as connection:
        asking = Asking(connection, asked)
        ways = {"both": asking.both, "keyword": asking.keyword, "meaning": asking.meaning}
        told: dict[str, Any] = {way: timed(ask, len(asked)) for way, ask in ways.items()}
        told["found"] = [asking.meaning(number) for number in range(len(asked))]
    assert "numpy" not in sys.modules
    told["peak_mib"] = peak_rss() / MIB
    return told


if __name__ == "__main__":
    where, what, *options = sys.argv[1:]
    print(json.dumps(measure(Path(where), Path(what), cold="--cold" in options)))
