"""What every database of ours does, in a file and in a Postgres; and what only a Postgres has to bear."""

from __future__ import annotations

import threading
from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING, Any, cast

import pytest

from halfgig.errors import BadRequest, DatabaseAway, LibraryError
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.table import DESIGN
from halfgig.store import postgres_database, postgres_line
from halfgig.store.opening import open_database
from halfgig.store.postgres_database import PostgresDatabase
from halfgig.store.postgres_schema import version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.store.database import Database, Where

NOTES = "CREATE TABLE notes (id INTEGER PRIMARY KEY, told TEXT)"


@pytest.fixture
def database(where: Where) -> Iterator[Database]:
    with closing(open_database(where, DESIGN)) as opened:
        opened.execute(NOTES)
        yield opened


@pytest.fixture
def line(postgres_url: str) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(postgres_url, DESIGN)) as opened:
        opened.execute(NOTES)
        yield opened


def note(database: Database, number: int, told: str | None = "a") -> None:
    database.execute("INSERT INTO notes VALUES (:id, :told)", {"id": number, "told": told})


def notes(database: Database) -> list[int]:
    return [number for (number,) in database.execute("SELECT id FROM notes ORDER BY id")]


class Stop(Exception):
    """Ends a block."""


class TestDatabase:
    def test_values_stand_by_name_and_by_place(self, database: Database) -> None:
        note(database, 1, "it's 100 % :true? \\ 'so'")
        rows = database.execute("SELECT id, told, '%:a?' FROM notes WHERE id = ? AND told LIKE '%so%'", (1,))
        assert rows.fetchone() == (1, "it's 100 % :true? \\ 'so'", "%:a?")
        assert rows.fetchone() is None
        assert database.execute("SELECT told FROM notes WHERE :none IS NULL OR id = :none", {"none": None}).get
        assert database.execute("SELECT told FROM notes WHERE id = 9").get is None

    def test_a_change_says_how_many_rows_it_changed(self, database: Database) -> None:
        database.executemany("INSERT INTO notes VALUES (?, ?)", [(n, "x") for n in range(5)])
        assert notes(database) == [0, 1, 2, 3, 4]
        database.execute("UPDATE notes SET told = 'y' WHERE id > ?", (1,))
        assert database.changes() == 3
        assert database.execute("DELETE FROM notes WHERE id < 2 RETURNING id").fetchall() == [(0,), (1,)]

    def test_a_transaction_is_written_whole_or_not_at_all(self, database: Database) -> None:
        def note_and_stop() -> None:
            with database.transaction():
                note(database, 1)
                assert database.in_transaction
                raise Stop

        with pytest.raises(Stop):
            note_and_stop()
        assert not database.in_transaction
        assert notes(database) == []

    def test_a_part_of_a_transaction_may_fail_by_itself(self, database: Database) -> None:
        with database.transaction():
            note(database, 1)
            with suppress(Stop), database.transaction():
                note(database, 2)
                raise Stop
            note(database, 3)
        assert notes(database) == [1, 3]

    def test_what_is_owed_to_a_transaction_is_seen_by_what_follows_and_written_with_it(
        self, database: Database
    ) -> None:
        with database.transaction():
            database.later("INSERT INTO notes VALUES (?, ?)", (1, "a"))
            assert notes(database) == [1]
            with suppress(Stop), database.transaction():
                database.later("INSERT INTO notes VALUES (?, ?)", (2, "a"))
                raise Stop
            with database.transaction():
                database.later("INSERT INTO notes VALUES (?, ?)", (3, "a"))
            database.later("INSERT INTO notes VALUES (?, ?)", (4, "it's ?"))
        assert notes(database) == [1, 3, 4]
        with database.transaction():
            database.later("INSERT INTO notes VALUES (5, 'alone')")
        assert notes(database) == [1, 3, 4, 5]

    def test_a_transaction_whose_debt_is_refused_is_not_written(self, database: Database) -> None:
        note(database, 1)

        def note_twice() -> None:
            with database.transaction():
                note(database, 2)
                database.later("INSERT INTO notes VALUES (1, 'a')")

        with pytest.raises(LibraryError):
            note_twice()
        assert not database.in_transaction
        note(database, 3)
        assert notes(database) == [1, 3]

    def test_one_state_is_read_whatever_others_write(self, database: Database, where: Where) -> None:
        other = open_database(where, DESIGN)
        with database.reading():
            assert notes(database) == []
            with other.transaction():
                note(other, 1)
            assert notes(database) == []
        assert notes(database) == [1]
        other.close()

    def test_what_the_dialects_say_differently_means_the_same(self, database: Database) -> None:
        note(database, 1, '{"a": {"b": 1}, "c": "x", "long": [1, 2]}')
        note(database, 2, '{"c": "y\\u0000"}')

        def ask(statement: str, values: Any = ()) -> list[Any]:
            return [value for (value,) in database.execute(database.dialect.spell(statement), values)]

        assert ask("SELECT {inside[told.c]} FROM notes WHERE id = 1 {lock}") == ["x"]
        assert ask("SELECT id FROM notes WHERE {inside[told.c]} = 'x'") == [1]
        assert ask("SELECT id FROM notes WHERE {inside[told.c]} IN ({each[:named]})", {"named": '["z", "x"]'}) == [1]
        assert ask("SELECT {greater}(id, 7) FROM notes WHERE id = 1") == [7]
        (rest,) = ask("SELECT {without[told.a.long]} FROM notes WHERE id = 1")
        assert rest.replace(" ", "") == '{"c":"x"}'
        assert ask("SELECT {inside[told.none]} FROM notes WHERE id = 1") == [None]

    def test_its_size_is_that_of_what_it_holds(self, database: Database) -> None:
        before = database.size()
        database.executemany("INSERT INTO notes VALUES (?, ?)", [(n, "x" * 1_000) for n in range(200)])
        assert before + 200_000 < database.size() < before + 1_000_000

    def test_errors_are_ours(self, database: Database) -> None:
        note(database, 1)

        def note_twice() -> None:
            with database.transaction():
                note(database, 2)
                note(database, 1)

        with pytest.raises(LibraryError):
            note_twice()
        assert notes(database) == [1]

    def test_the_schema_is_applied_once_by_however_many(self, where: Where) -> None:
        failed: list[BaseException] = []

        def open_and_close() -> None:
            try:
                open_database(where, DESIGN).close()
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=open_and_close) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


class TestPostgres:
    def test_others_are_told_of_what_was_committed_and_of_nothing_else(
        self, line: PostgresDatabase, postgres_url: str
    ) -> None:
        import psycopg

        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("LISTEN halfgig")
            with suppress(Stop), line.transaction():
                line.announce("undone")
                note(line, 1)
                raise Stop
            with line.transaction():
                note(line, 2)
                line.announce("it's")
                line.announce("it's")
            with line.transaction():
                note(line, 3)
                line.announce("last")
            assert [told.payload for told in other.notifies(timeout=60, stop_after=2)] == ["it's", "last"]

    def test_of_events_of_an_older_halfgig_the_database_tells_itself(
        self, line: PostgresDatabase, postgres_url: str
    ) -> None:
        import psycopg

        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("LISTEN halfgig")
            with JobQueue(postgres_url) as queue:
                job, _ = queue.create("reps", {"url": "http://a/b"}, {})
            other.execute(f"INSERT INTO halfgig.events VALUES ('{job.id}', 2, 'note', '1')".encode())
            told = [told.payload for told in other.notifies(timeout=60, stop_after=2)]
        assert told == [f"{job.id} state", f"{job.id} note"]

    def test_a_line_that_broke_while_idle_is_no_trouble(self, line: PostgresDatabase, postgres_url: str) -> None:
        cut(postgres_url)
        assert notes(line) == []
        cut(postgres_url)
        note(line, 1)
        cut(postgres_url)
        with line.transaction():
            note(line, 2)
        assert notes(line) == [1, 2]

    def test_a_line_that_breaks_within_a_transaction_leaves_nothing(
        self, line: PostgresDatabase, postgres_url: str
    ) -> None:
        def note_twice() -> None:
            with line.transaction():
                note(line, 1)
                cut(postgres_url)
                note(line, 2)

        with pytest.raises(DatabaseAway):
            note_twice()
        assert notes(line) == []

    @pytest.mark.parametrize("arrives", [True, False])
    def test_a_commit_is_never_in_doubt(
        self, line: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, *, arrives: bool
    ) -> None:
        """The line breaks before the server has read COMMIT, or before its answer has come."""
        with nullcontext() if arrives else pytest.raises(DatabaseAway), line.transaction():
            note(line, 1)
            break_at_commit(line, arrives=arrives, monkeypatch=monkeypatch)
        assert notes(line) == ([1] if arrives else [])

    def test_a_commit_that_cannot_be_asked_after_is_not_said_to_be_undone(
        self, line: PostgresDatabase, postgres_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres_database, "FATE", 0.1)

        def note_and_lose_the_server() -> None:
            with line.transaction():
                note(line, 1)
                break_at_commit(line, arrives=True, monkeypatch=monkeypatch)
                monkeypatch.setattr(line, "_url", "postgresql://127.0.0.1:1/x")

        with pytest.raises(LibraryError, match=r"not known.*Look before") as raised:
            note_and_lose_the_server()
        assert not raised.value.retryable
        monkeypatch.setattr(line, "_url", postgres_url)
        assert notes(line) == [1]

    def test_what_cannot_be_sent_is_refused_where_it_is_owed(self, line: PostgresDatabase) -> None:
        def owe(*, begun: bool) -> None:
            with line.transaction():
                if begun:
                    note(line, 1)
                with pytest.raises(LibraryError, match="adapt"):
                    line.later("INSERT INTO notes VALUES (2, ?)", (object(),))
                raise Stop

        for begun in (False, True):
            with pytest.raises(Stop):
                owe(begun=begun)
        assert notes(line) == []

    def test_news_that_cannot_be_told_undo_the_transaction_at_once(
        self, line: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The line stands, and so nobody has to be asked what became of it."""
        monkeypatch.setattr(line, "_came_through", None)
        with pytest.raises(LibraryError, match="adapt"):
            note_and_tell(line, cast("str", object()))
        note(line, 2)
        assert notes(line) == [2]

    def test_what_ends_a_commit_by_force_leaves_no_transaction_open(
        self, line: PostgresDatabase, postgres_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stop(*_: object) -> None:
            raise Stop

        with monkeypatch.context() as patched:
            patched.setattr(postgres_database, "_telling", stop)
            with pytest.raises(Stop):
                note_and_tell(line, "news")
        assert not line.in_transaction
        note(line, 2)
        with closing(PostgresDatabase(postgres_url, DESIGN)) as other:
            assert notes(other) == [2]

    def test_text_that_is_no_unicode_is_kept_without_what_is_none(self, line: PostgresDatabase) -> None:
        with line.transaction():
            note(line, 1, "a\ud83d\0b")
            line.later("INSERT INTO notes VALUES (?, ?)", (2, "\udfffc"))
            line.announce("\ud800")
        assert line.execute("SELECT told FROM notes ORDER BY id").fetchall() == [("a\ufffd\ufffdb",), ("\ufffdc",)]

    def test_what_only_reads_begins_no_transaction(
        self, line: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The end of one waits for the disk."""
        connection, asked = line._connection, list[str]()
        assert connection is not None
        execute = connection.execute

        def noting(query: Any, *values: Any) -> Any:
            asked.append(str(query))
            return execute(query, *values)

        monkeypatch.setattr(connection, "execute", noting)
        line.execute("SELECT id FROM notes")
        line.execute("WITH RECURSIVE\n a (n) AS (SELECT 1) SELECT n FROM a")
        assert len(asked) == 2
        line.execute("WITH a AS (SELECT 1) UPDATE notes SET told = 'b'")
        assert len(asked) == 4

    def test_its_clock_is_the_servers(self, line: PostgresDatabase) -> None:
        theirs = float(line.execute("SELECT extract(epoch FROM clock_timestamp())::float8").get)
        assert abs(line.now() - theirs) < 1

    def test_a_newer_schema_is_used_where_it_may_be(self, line: PostgresDatabase, postgres_url: str) -> None:
        line.execute("UPDATE halfgig_schema SET version = 9, compatible_with = ?", (DESIGN.postgres,))
        PostgresDatabase(postgres_url, DESIGN).close()
        assert version(line, DESIGN) == (9, DESIGN.postgres)
        line.execute("UPDATE halfgig_schema SET compatible_with = 9")
        with pytest.raises(LibraryError, match="Upgrade halfgig"):
            PostgresDatabase(postgres_url, DESIGN)

    @pytest.mark.parametrize(
        ("change", "kind", "told"),
        [
            (lambda url: url.replace("/postgres?", "/nowhere?"), LibraryError, "no such database"),
            (lambda url: url.replace("postgres:@", "stranger:secret@"), LibraryError, "name or the password"),
            (lambda url: "postgresql://a:secret@127.0.0.1:1/x", DatabaseAway, "cannot be reached"),
            *(
                (lambda url, wrong=wrong: wrong, LibraryError, "no address of Postgres.*%40")
                for wrong in (
                    "postgresql://a:secret@h/x?nonsense=1",
                    "postgresql://u:p@secret@127.0.0.1:1/x",
                    "postgresql://u:sec/secret@127.0.0.1:1/x",
                    "postgresql://u:secret/x",
                    "postgresql://u:secret%zz@127.0.0.1:1/x",
                    "postgresql://[::1/secret",
                    "host=127.0.0.1 port=1 password=secret user=u",
                )
            ),
        ],
    )
    def test_what_is_wrong_is_told_with_a_remedy(
        self, postgres_url: str, change: Callable[[str], str], kind: type[LibraryError], told: str
    ) -> None:
        with pytest.raises(LibraryError, match=told) as raised:
            PostgresDatabase(change(postgres_url), DESIGN)
        assert type(raised.value) is kind
        assert "DATABASE_URL" in str(raised.value)
        assert "secret" not in str(raised.value)

    def test_without_psycopg_that_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres_line, "find_spec", lambda _: None)
        with pytest.raises(BadRequest, match=r"halfgig\[postgres\]"):
            PostgresDatabase("host=h", DESIGN)

    def test_who_holds_a_row_for_too_long_is_told_of(self, line: PostgresDatabase, postgres_url: str) -> None:
        other = PostgresDatabase(postgres_url, DESIGN)
        note(line, 1)
        with line.transaction():
            line.execute("SELECT id FROM notes FOR UPDATE")
            other.execute("SET lock_timeout = '10ms'")
            with pytest.raises(DatabaseAway, match="waiting"):
                other.execute("UPDATE notes SET told = 'b'")
        other.close()


def cut(url: str) -> None:
    """Have the server end every other line, and wait until they are gone."""
    import psycopg

    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {others}".encode())


def note_and_tell(line: PostgresDatabase, news: str) -> None:
    with line.transaction():
        note(line, 1)
        line.announce(news)


def break_at_commit(line: PostgresDatabase, *, arrives: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the line break while it commits, before or after the server has heard of it."""
    import psycopg

    connection = line._connection
    assert connection is not None
    execute = connection.execute

    def breaking(query: Any, *values: Any) -> Any:
        if b"COMMIT" in query:
            if arrives:
                execute(query)
            connection.close()
            raise psycopg.OperationalError("the line broke")
        return execute(query, *values)

    monkeypatch.setattr(connection, "execute", breaking)
