"""A line to Postgres: one connection, opened when it is wanted and anew where it broke; its errors get a remedy."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from halfgig.errors import ServerRefuses, ServerTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from halfgig.records import Seconds

T = TypeVar("T")

CONNECT = 5  # seconds
ASKING: tuple[Seconds, ...] = (0.1,)  # before each repetition of what somebody waits for,
WRITING: tuple[Seconds, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)  # and of what is written
LONGEST_ANSWER = "30s"  # of one statement that somebody waits for,
LONGEST_WORK = "10min"  # and of one that writes
# Where the other side is gone without a word, this tells so within half a minute; an address may say otherwise.
LIVELINESS = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4", "tcp_user_timeout": "30000"}

# By the beginning of SQLSTATE, where the server gives one; else by what it says while a connection is made.
_CODES = {
    "28": ("refuses the name or the password", "Correct them in INDEX_URL."),
    "3D": ("has no such database", "Create it, or correct its name in INDEX_URL."),
    "42501": ("refuses what the index needs", "Grant the role to create tables, and the extension vector."),
    "0A000": ("has no pgvector", "Install pgvector 0.8 or newer for this server."),
    "58P01": ("has no pgvector", "Install pgvector 0.8 or newer for this server."),
    "42704": ("has no pgvector that will do", "Install pgvector 0.8 or newer for this server."),
    "53": ("takes no more for now", "Give it more room or connections, and try again."),
    "22": ("refuses what was sent", "Compare the index's dimension with the embedding model's."),
}
_SAID = {"too many": "53", "remaining": "53", "password": "28", "pg_hba": "28", 'database "': "3D", 'role "': "28"}


class Line:
    """One connection, for one thread at a time."""

    def __init__(self, url: str, shown: str, *, sleep: Callable[[Seconds], object] = time.sleep) -> None:
        self.shown = shown
        self._url, self._sleep = url, sleep
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def run(
        self, work: Callable[[Session], T], *, pauses: Sequence[Seconds] = ASKING, longest: str = LONGEST_ANSWER
    ) -> T:
        """What `work` returns, in one transaction; all of it again where the line breaks, so it must bear that.

        Errors: ServerTrouble where there is no line or one statement takes longer than the `longest`, ServerRefuses
        where the server says no.
        """
        return self._again(lambda connection: _in_transaction(connection, work, longest), pauses)

    def write(self, work: Callable[[Session], T]) -> T:
        """The same for what is written, which may take its time."""
        return self.run(work, pauses=WRITING, longest=LONGEST_WORK)

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, which changes nothing."""
        return self.run(lambda session: session.ask(statement, **values))

    def _again(self, attempt: Callable[[psycopg.Connection[tuple[Any, ...]]], T], pauses: Sequence[Seconds]) -> T:
        import psycopg

        for pause in (*pauses, None):
            try:
                return attempt(self._opened())
            except psycopg.Error as error:
                trouble = self._trouble(error, broken=self._is_broken())
                if not trouble.retryable or not self._is_broken() or pause is None:
                    raise trouble from None
                self.close()
                self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _is_broken(self) -> bool:
        return self._connection is None or self._connection.broken or self._connection.closed

    def close(self) -> None:
        """Close the connection; the next work opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        if self._connection is None or self._connection.closed:
            try:  # Nothing is prepared on the server, so that a pooler may stand between.
                told: dict[str, Any] = {**LIVELINESS, **psycopg.conninfo.conninfo_to_dict(self._url)}
                told |= {"connect_timeout": CONNECT, "client_encoding": "utf8"}
                self._connection = psycopg.connect(**told, autocommit=True, prepare_threshold=None)
            except psycopg.ProgrammingError:  # of the address itself, and tells parts of it that may be secret
                raise ServerRefuses(
                    f"The address of {self.shown} is none of Postgres'.", "Correct INDEX_URL."
                ) from None
        return self._connection

    def _trouble(self, error: psycopg.Error, *, broken: bool) -> ServerTrouble:
        """The error with a remedy; what a server says names no password."""
        said = " ".join(str(error).split())[:300]
        code = error.sqlstate or next((code for word, code in _SAID.items() if word in said.lower()), "")
        known = next((told for start, told in _CODES.items() if code.startswith(start)), None)
        if known is not None:
            return ServerRefuses(f"{self.shown} {known[0]} ({said}).", known[1])
        if broken:
            return ServerTrouble(f"{self.shown} cannot be reached: {said}.", "Try again when it can be.")
        return ServerTrouble(f"{self.shown} has a fault: {said}.", "Try again; look into the log of the server.")


def _in_transaction(connection: psycopg.Connection[tuple[Any, ...]], work: Callable[[Session], T], longest: str) -> T:
    """The limit goes with the transaction, since a pooler may give the session to somebody else afterwards."""
    import psycopg

    connection.execute(f"BEGIN; SET LOCAL statement_timeout = '{longest}'")
    try:
        made = work(Session(connection))
    except BaseException:
        with suppress(psycopg.Error):  # the first error is the one that tells
            connection.rollback()
        raise
    connection.commit()
    return made


class Session:
    """Statements within a transaction. Values stand in them as `%(name)s`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Every row."""
        return self._connection.execute(statement, values).fetchall()

    def one(self, statement: str, **values: Any) -> Any:
        """The first column of the first row; None where there is none."""
        row = self._connection.execute(statement, values).fetchone()
        return row[0] if row else None

    def do(self, statement: str, **values: Any) -> int:
        """Run a statement, and return how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def script(self, text: str) -> None:
        """Run several statements, which take no values."""
        self._connection.execute(text)

    def copy(self, statement: str, rows: Any) -> None:
        """Bring rows in by COPY, as they come."""
        with self._connection.cursor() as cursor, cursor.copy(statement) as copying:
            for row in rows:
                copying.write_row(row)
