"""The index in the library's own Postgres: passages are put in place by the transaction that confirms their source."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from halfgig.errors import LibraryError, Locked
from halfgig.retrieval.index import accept, check_vector
from halfgig.retrieval.line import LONGEST_WORK, Session
from halfgig.retrieval.postgres_passages import PAGE, PostgresPassages
from halfgig.retrieval.postgres_tables import add_words, adopt, alone, bring, clear, forget, put_in_place, recorded
from halfgig.retrieval.tsearch import every_word
from halfgig.retrieval.vocabulary import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import psycopg

    from halfgig.records import Floats, Passage
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel

T = TypeVar("T")

# Takes no snapshot: what is read after it is of after whatever was waited for.
_PRESENT = "LOCK TABLE halfgig_facts IN ACCESS SHARE MODE"
_LIMIT = f"SET LOCAL statement_timeout = '{LONGEST_WORK}'"
_STALE = """DELETE FROM halfgig_arrivals WHERE at < now() - interval '1 day'"""  # of a process that died
_HOMELESS = """SELECT DISTINCT source_id FROM (SELECT source_id FROM {table}) AS kept
 WHERE source_id NOT IN (SELECT id FROM sources) ORDER BY source_id"""
_GAPS = """SELECT source_id FROM halfgig_passages GROUP BY source_id
 HAVING max(number) + 1 != count(*) OR min(number) != 0 ORDER BY source_id"""
PASSAGES, EVENTS = "halfgig_passages", "motion_events"


class Home(Protocol):
    """The library's Postgres: `store.postgres_database.PostgresDatabase` is one."""

    def transaction(self) -> AbstractContextManager[None]:
        """A block that is written whole or not at all."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """A block that reads one state of the database."""
        ...

    def line(self) -> AbstractContextManager[psycopg.Connection[tuple[Any, ...]]]:
        """The connection, for a block whose errors become the library's."""
        ...


class Inside:
    """The way to the library's own Postgres: within its transaction, where there is one."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def run(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, which asks for something."""
        with self._home.reading(), self._home.line() as connection:
            return work(Session(connection))

    def write(self, work: Callable[[Session], T]) -> T:
        """The same for what is written, which may take its time."""
        with self._home.transaction(), self._home.line() as connection:
            connection.execute(_LIMIT)
            return work(Session(connection))

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, which changes nothing."""
        return self.run(lambda session: session.ask(statement, **values))


class Spelled:
    """Words of no text that no mending may change."""

    def knows(self, word: str) -> bool:
        """Whether it is a number: the eleventh is not a slip for the seventh, where only ten are."""
        return word in NUMBERS

    def beginning(self, prefix: str, limit: int) -> list[str]:  # noqa: ARG002
        """None."""
        return []

    def resembling(self, word: str, limit: int) -> list[str]:  # noqa: ARG002
        """None."""
        return []


class LibraryIndex(PostgresPassages):
    """The index port on the library's database. BadRequest where it was made with another model and holds passages."""

    def __init__(self, home: Home, model: EmbeddingModel | None = None) -> None:
        self._home, self._line, self._elsewhere = home, Inside(home), Spelled()
        self.model = self._line.run(_present)
        if model is not None and model != self.model:
            self.model = self._line.write(lambda session: adopt(session, model))
        self._holding = (PASSAGES, EVENTS) if self.model else (EVENTS,)

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Have the passages wait until the last of them is there, and put them in place as the library confirms it."""
        edition = uuid4().hex[:16]
        try:
            passages = self._bring(edition, embedded)
            with self._home.transaction():
                self._line.write(lambda session: self._settle(session, source_id, edition, passages))
                confirm()
        except BaseException:
            self._abandon(edition)
            raise
        return passages

    def _bring(self, edition: str, embedded: Embedded) -> int:
        """Have them wait, a page at a time, since what embeds them may read in the same database between two."""
        rows, passages = iter(embedded), 0
        while page := list(islice(rows, PAGE)):
            for _, vector in page:
                check_vector(vector, self.model)
            self._line.write(lambda session, page=page: _wait(session, edition, page))  # type: ignore[misc]
            passages += len(page)
        return passages

    def _settle(self, session: Session, source_id: str, edition: str, passages: int) -> None:
        """Locked where the index has another model by now, or somebody has swept what waits."""
        if self.model is None:
            return
        alone(session, source_id)
        if recorded(session) != self.model or not put_in_place(session, source_id, edition, passages):
            raise Locked("The index was made anew or swept meanwhile.", "Try again.")

    def _abandon(self, edition: str) -> None:
        if self.model is not None:
            with suppress(LibraryError):  # the first error is the one that tells; what waits is swept after a day
                self._line.write(lambda session: clear(session, edition))

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages and return how many they were."""
        with self._home.transaction():
            passages = self._line.write(lambda session: forget(session, source_id)) if self.model else 0
            confirm()
        return passages

    def tidy(self) -> int:
        """Sweep what has waited for longer than a day; nothing else is left of what is removed."""
        if self.model is not None:
            self._line.write(lambda session: session.do(_STALE))
        return 0

    def find_faults(self) -> Iterator[str]:
        """Yield what in the tables does not agree; nothing where all is well."""
        for table in self._holding:
            for (source_id,) in self._line.ask(_HOMELESS.format(table=table)):
                yield f"passages or events belong to no source: {source_id}"
        yield from (f"passages of {source_id} are missing" for (source_id,) in self._ask(_GAPS))

    def _ask_words(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._line.ask(statement, **values)  # there are words of events before there is a model


def _present(session: Session) -> EmbeddingModel | None:
    """The model of the index, which no other takes the place of before the transaction ends."""
    session.script(_PRESENT)
    return recorded(session)


def _wait(session: Session, edition: str, page: list[tuple[Passage, Floats]]) -> None:
    bring(session, edition, page)
    add_words(session, set().union(*(every_word(passage.text, set()) for passage, _ in page)))
