"""Events in the library's Postgres: what is seen in sources, found by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.records import Passage
from halfgig.retrieval.events import MOST_WORDS
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found
from halfgig.retrieval.moments import MOTION
from halfgig.retrieval.postgres_library import Inside
from halfgig.retrieval.postgres_tables import add_words, alone
from halfgig.retrieval.reps import Event
from halfgig.retrieval.tsearch import condition, every_word, lexemes, query_of, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.retrieval.line import Session
    from halfgig.retrieval.postgres_library import Home
    from halfgig.retrieval.words import Question

_FORGET = "DELETE FROM motion_events WHERE source_id = %(source_id)s"
_ADD = 'COPY motion_events (source_id, number, "start", "end", text, told, words) FROM STDIN'
_EVENTS = 'SELECT number, "start", "end", text, told FROM motion_events WHERE source_id = %(source_id)s ORDER BY number'
_COUNT = "SELECT count(*) FROM motion_events WHERE %(source_id)s::text IS NULL OR source_id = %(source_id)s"
# All hold every word that is asked for: the fewer others one has, the better it fits.
_MATCHING = """SELECT source_id, number, "start", "end", text, ts_rank(words, %(expression)s::tsquery)
 FROM motion_events WHERE words @@ %(expression)s::tsquery {within}
 ORDER BY length(told), source_id, number LIMIT %(k)s"""


class PostgresEvents:
    """Events by source, on the library's database."""

    def __init__(self, home: Home) -> None:
        self._line = Inside(home)

    def replace(self, source_id: str, events: Iterable[Event]) -> int:
        """Put these in the place of all events that the source had, in one transaction; returns how many they are."""
        rows = list(events)
        self._line.write(lambda session: _replace(session, source_id, rows))
        return len(rows)

    def events(self, source_id: str) -> Iterator[Event]:
        """Yield the source's events, in order."""
        return (Event(*row) for row in self._line.ask(_EVENTS, source_id=source_id))

    def remove(self, source_id: str) -> int:
        """Forget the source's events, and return how many they were."""
        return self._line.write(lambda session: session.do(_FORGET, source_id=source_id))

    def matching(self, question: Question, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k events that hold every phrase and every word of the question, those that say least besides first."""
        if len(question.choices) > MOST_WORDS:
            return []
        where = condition(bounds)
        statement = _MATCHING.format(within=f"AND {where}" if where else "")
        rows = self._line.ask(statement, expression=_expression(question), k=k, **values_of(bounds))
        return [Found(row[0], Passage(*row[1:5]), row[5], kind=MOTION) for row in rows]

    def count(self, source_id: str | None = None) -> int:
        """How many events the source, or the whole library, has."""
        return int(self._line.ask(_COUNT, source_id=source_id)[0][0])


def _replace(session: Session, source_id: str, rows: list[Event]) -> None:
    # Another name than for its passages: who puts those in place comes to the source's row after it, and we before.
    alone(session, f"events {source_id}")
    session.do(_FORGET, source_id=source_id)
    session.copy(_ADD, (_row(source_id, one) for one in rows))
    add_words(session, set().union(*(every_word(told, set()) for told in {one.words for one in rows})))


def _row(source_id: str, one: Event) -> tuple[str, int, float, float, str, str, str]:
    return source_id, one.number, one.start, one.end, one.text, one.words, lexemes(one.words)


def _expression(question: Question) -> str:
    """Every phrase, and for every word one of those that may stand for it."""
    choices = (" | ".join(f"({query_of(run)})" for run in choice) for choice in question.choices)
    return " & ".join(f"({part})" for part in (*map(query_of, question.phrases), *choices))
