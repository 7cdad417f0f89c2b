"""Events in the library's SQLite file: what is seen in sources, found by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.records import Passage
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found
from halfgig.retrieval.moments import MOTION
from halfgig.retrieval.reps import Event
from halfgig.retrieval.tables import prepare
from halfgig.retrieval.texts import bound_values, conditions, quoted
from halfgig.retrieval.vocabulary import SqliteVocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

    from halfgig.retrieval.words import Question

MOST_WORDS = 8  # of a question; whoever asks for more asks for what is said
_FORGET = (
    "DELETE FROM event_words WHERE rowid IN (SELECT id FROM events WHERE source_id = :source_id)",
    "DELETE FROM events WHERE source_id = :source_id",
)
_ADD = """INSERT INTO events (source_id, number, "start", "end", text, words) VALUES (?, ?, ?, ?, ?, ?)"""
_ADD_WORDS = "INSERT INTO event_words (rowid, words) SELECT id, words FROM events WHERE source_id = ?"
_EVENTS = 'SELECT number, "start", "end", text, words FROM events WHERE source_id = ? ORDER BY number'
_COUNT = "SELECT count(*) FROM events WHERE :source_id IS NULL OR source_id = :source_id"
# All hold every word that is asked for: the fewer others one has, the better it fits.
_MATCHING = """SELECT e.source_id, e.number, e."start", e."end", e.text, -w.rank
 FROM event_words w JOIN events e ON e.id = w.rowid WHERE w.event_words MATCH :expression {within}
 ORDER BY length(e.words), e.source_id, e.number LIMIT :k"""


class EventIndex:
    """Events by source, on a connection of the library."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        prepare(connection, None)
        self._vocabulary = SqliteVocabulary(connection)

    def replace(self, source_id: str, events: Iterable[Event]) -> int:
        """Put these in the place of all events that the source had, in one transaction; returns how many they are."""
        rows = [(source_id, one.number, one.start, one.end, one.text, one.words) for one in events]
        with self._connection:
            self._forget(source_id)
            self._connection.executemany(_ADD, rows)
            self._connection.execute(_ADD_WORDS, (source_id,))
            self._vocabulary.add(self._vocabulary.unknown(" ".join({row[-1] for row in rows}), set()))
        return len(rows)

    def events(self, source_id: str) -> Iterator[Event]:
        """Yield the source's events, in order."""
        return (Event(*row) for row in self._connection.execute(_EVENTS, (source_id,)))

    def remove(self, source_id: str) -> int:
        """Forget the source's events, and return how many they were."""
        with self._connection:
            events = self.count(source_id)
            self._forget(source_id)
        return events

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k events that hold every phrase and every word of the question, those that say least besides first."""
        if len(question.choices) > MOST_WORDS:
            return []
        condition = conditions(bounds)
        statement = _MATCHING.format(within=f"AND {condition}" if condition else "")
        rows = self._connection.execute(statement, bound_values(bounds, expression=_expression(question), k=k))
        return [Found(row[0], Passage(*row[1:5]), row[5], kind=MOTION) for row in rows]

    def count(self, source_id: str | None = None) -> int:
        """How many events the source, or the whole library, has."""
        return int(self._connection.execute(_COUNT, {"source_id": source_id}).get)

    def _forget(self, source_id: str) -> None:
        for statement in _FORGET:
            self._connection.execute(statement, {"source_id": source_id})


def _expression(question: Question) -> str:
    """Every phrase, and for every word one of those that may stand for it."""
    choices = (" OR ".join(map(quoted, choice)) for choice in question.choices)
    return " AND ".join([*map(quoted, question.phrases), *(f"({choice})" for choice in choices)])
