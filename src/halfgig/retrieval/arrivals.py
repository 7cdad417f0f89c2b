"""Passages with their vectors that wait, in a file of one connection alone, until the last of them has arrived."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from halfgig.records import Passage
from halfgig.retrieval.index import check_vector
from halfgig.retrieval.words import spaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import apsw

    from halfgig.records import Floats
    from halfgig.retrieval.index import Embedded, EmbeddingModel

    Unknown = Callable[[str, set[str]], set[str]]

# It needs no lock while they are embedded, and nothing is left of it when the process dies.
_OPEN = """CREATE TEMP TABLE IF NOT EXISTS arrivals (
 number INTEGER PRIMARY KEY, "start" REAL, "end" REAL, text TEXT, words TEXT, vector BLOB)"""
_CLEAR = "DELETE FROM temp.arrivals"
_ARRIVE = "INSERT INTO temp.arrivals VALUES (?, ?, ?, ?, ?, ?)"
_ALL = 'SELECT number, "start", "end", text, vector FROM temp.arrivals ORDER BY number'


class Arrivals:
    """What has arrived, in `temp.arrivals`; `words` are those of its texts that the vocabulary had not."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.words: set[str] = set()
        self.count = 0

    def take(self, embedded: Embedded, model: EmbeddingModel | None, unknown: Unknown) -> None:
        """Take in every passage. BadRequest for a vector that is none of the model's."""
        for passage, vector in embedded:
            check_vector(vector, model)
            self._connection.execute(_ARRIVE, _row(passage, vector))
            self.words |= unknown(passage.text, self.words)
            self.count += 1

    def rows(self) -> Iterator[tuple[Passage, Floats]]:
        """Yield what has arrived, in order."""
        for row in self._connection.execute(_ALL):
            yield Passage(*row[:4]), memoryview(row[4]).cast("f")


@contextmanager
def arrived(
    connection: apsw.Connection, embedded: Embedded, model: EmbeddingModel | None, unknown: Unknown
) -> Iterator[Arrivals]:
    """All that `embedded` yields, as long as the block lasts."""
    connection.execute(_OPEN)
    connection.execute(_CLEAR)
    arrivals = Arrivals(connection)
    try:
        arrivals.take(embedded, model, unknown)
        yield arrivals
    finally:
        connection.execute(_CLEAR)


def _row(passage: Passage, vector: Floats) -> tuple[int, float, float, str, str, bytes]:
    return passage.number, passage.start, passage.end, passage.text, spaced(passage.text), blob(vector)


def blob(vector: Floats) -> bytes:
    """The vector as SQLite keeps it: float32 in this machine's order."""
    return memoryview(cast("memoryview[float]", vector)).tobytes()
