"""A model behind a server that holds clients to OpenAI's contract of POST /v1/embeddings, and misbehaves on demand."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.serving import answering
from tests.unit.models.made import Maker

from halfgig.commands import reindex
from halfgig.errors import BadRequest, DoesNotFit, ServerRefuses, ServerTrouble
from halfgig.jobs.searcher import open_searcher
from halfgig.operations.embedders import model_name, open_embedder, reopen_embedder
from halfgig.operations.indexing import check_index, file_transcript
from halfgig.operations.renewal import renew
from halfgig.operations.searching import search
from halfgig.records import Query, Segment, StoredSource
from halfgig.retrieval import exchange
from halfgig.retrieval.renewal import coming
from halfgig.retrieval.served import ServedEmbedder, exchange_with
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.settings import Settings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-test-0123"
NAME = "toy-embedding-3"
WORDS = ("bridge", "rainbow", "egg", "sugar", "fever", "medicine")
TALK = ("the rainbow is a bridge of the gods", "whisk the eggs with sugar", "the fever went down with the medicine")


@dataclass
class Server:
    """`script` holds what the next requests get: (status, headers, body), a callable on the answer, or seconds."""

    script: list[Any] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    peers: list[Any] = field(default_factory=list)
    address: str = ""
    dim: int = 6


def embedding(text: str, dim: int) -> list[float]:
    counts = [3.0 * text.lower().count(word) + 0.1 for word in WORDS]
    return [*counts, *[0.1] * dim][:dim]


def breaches(path: str, headers: dict[str, str], body: dict[str, Any]) -> Iterator[str]:
    """What in a request is against the contract: CreateEmbeddingRequest of OpenAI's API."""
    if path != "/v1/embeddings":
        yield f"path {path}"
    if headers.get("content-type") != "application/json" or headers.get("authorization") != f"Bearer {KEY}":
        yield f"headers {headers}"
    if not set(body) <= {"model", "input", "encoding_format", "dimensions", "user"} or body["model"] != NAME:
        yield f"fields {sorted(body)}"
    if not (1 <= len(body["input"]) <= 2048 and all(isinstance(one, str) and one for one in body["input"])):
        yield f"input {body['input']}"
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        yield "encoding_format"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Server

    def do_POST(self) -> None:
        server = self.server_of
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.asked.append(body)
        server.peers.append(self.client_address)
        server.broken += breaches(self.path, headers, body)
        act = server.script.pop(0) if server.script else None
        rows = [
            {"object": "embedding", "index": n, "embedding": embedding(text, server.dim)}
            for n, text in enumerate(body["input"])
        ]
        told = {"object": "list", "data": rows, "model": NAME, "usage": {"prompt_tokens": 9, "total_tokens": 9}}
        if act == "hang up":
            self.close_connection = True
            return
        if isinstance(act, tuple):
            self.send(*act)
        else:
            self.send(200, {}, act(told) if act else told)

    def send(self, status: int, headers: dict[str, str], told: Any) -> None:
        data = json.dumps(told).encode() if not isinstance(told, bytes) else told
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data)), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    kept = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Answer,), {"server_of": kept}))
    with answering(http) as kept.address:
        yield kept


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as kept:
        yield kept
    assert kept.broken == []


@contextmanager
def served(server: Server, pauses: list[float], **prefixes: str) -> Iterator[ServedEmbedder]:
    """An embedder whose pauses are noted and not slept."""
    talk = exchange_with(server.address, KEY)
    talk._sleep = pauses.append
    embedder = ServedEmbedder(talk, NAME, **prefixes)
    yield embedder
    embedder.close()


def settings_of(server: Server, tmp_path: Path, **values: Any) -> Settings:
    given = {"embedding_url": server.address, "embedding_model": NAME, "embedding_api_key": KEY} | values
    return Settings(data_dir=tmp_path, threads=1, **given)


def says(status: int, message: str = "no", **headers: str) -> tuple[int, dict[str, str], Any]:
    return status, headers, {"error": {"message": message, "type": "x", "param": None, "code": None}}


def test_texts_go_in_one_request_and_come_back_as_unit_vectors(server: Server) -> None:
    with served(server, []) as embedder:
        vectors = embedder.embed(TALK)
    assert [one["input"] for one in server.asked] == [list(TALK)]
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 3)
    assert (embedder.dim, embedder.model, list(embedder.words())) == (6, f"served:{NAME}", [])
    assert len(server.asked) == 1  # the dim is known by then


def test_the_order_of_the_answer_does_not_matter(server: Server) -> None:
    with served(server, []) as embedder:
        wanted = [list(vector) for vector in embedder.embed(TALK)]
        server.script = [lambda told: told | {"data": told["data"][::-1]}]
        assert [list(vector) for vector in embedder.embed(TALK)] == wanted


def test_a_known_family_gets_what_its_card_wants(server: Server, tmp_path: Path) -> None:
    with served(server, [], query="query: ", passage="passage: ") as embedder:
        embedder.embed(["one"])
        embedder.embed_question("two")
    assert [one["input"] for one in server.asked] == [["passage: one"], ["query: two"]]
    named = settings_of(server, tmp_path, embedding_model="intfloat/multilingual-e5-small")
    other = reopen_embedder(model_name(named), named)
    assert isinstance(other, ServedEmbedder)
    assert (other._query, other._passage) == ("query: ", "passage: ")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/embeddings"])
def test_an_address_may_be_the_root_or_the_endpoint(server: Server, path: str) -> None:
    embedder = ServedEmbedder(exchange_with(server.address + path, KEY), NAME)
    embedder.embed(["one"])
    embedder.close()
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["localhost:80", "ftp://a/v1", "http://", "http://key@host/v1", "http://host/v1?key=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="EMBEDDING_URL"):
        exchange_with(url, "")


def test_a_connection_is_kept(server: Server) -> None:
    with served(server, []) as embedder:
        for _ in range(3):
            embedder.embed(["one"])
    assert len(server.asked) == 3
    assert len(set(server.peers)) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_when_it_says(server: Server, status: int) -> None:
    pauses: list[float] = []
    server.script = [says(status, **{"Retry-After": "7"}), says(status)]
    with served(server, pauses) as embedder:
        assert len(embedder.embed(TALK)) == 3
    assert pauses == [7.0, 1.0]


def test_retry_after_may_be_a_date(server: Server) -> None:
    pauses: list[float] = []
    server.script = [says(503, **{"Retry-After": formatdate(time.time() + 40, usegmt=True)})]
    with served(server, pauses) as embedder:
        embedder.embed(TALK)
    assert 20 < pauses[0] <= 41


def test_a_connection_that_breaks_is_opened_again(server: Server) -> None:
    server.script = ["hang up", "hang up"]
    with served(server, []) as embedder:
        assert len(embedder.embed(TALK)) == 3
    assert len(server.asked) == 3


def test_a_server_that_stays_away_is_given_up(server: Server) -> None:
    pauses: list[float] = []
    server.script = [says(503, "overloaded")] * 9
    with served(server, pauses) as embedder, pytest.raises(ServerTrouble, match="overloaded") as trouble:
        embedder.embed(TALK)
    assert trouble.value.retryable
    assert len(server.asked) == len(exchange.WRITING.pauses) + 1
    assert sum(pauses) < 60


def test_somebody_who_waits_for_an_answer_does_not_wait_long(server: Server) -> None:
    pauses: list[float] = []
    server.script = [says(429, **{"Retry-After": "30"})] * 3
    with served(server, pauses) as embedder, pytest.raises(ServerTrouble):
        embedder.embed_question("why")
    assert (len(server.asked), pauses) == (1, [])


def test_a_server_that_is_not_there_is_told() -> None:
    nowhere = Server(address="http://127.0.0.1:9")
    with served(nowhere, []) as embedder, pytest.raises(ServerTrouble, match=r"127\.0\.0\.1:9 cannot be reached"):
        embedder.embed_question("why")


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (401, "Incorrect API key", "EMBEDDING_API_KEY"),
        (403, "not yours", "EMBEDDING_API_KEY"),
        (404, "no such model", "EMBEDDING_MODEL"),
        (400, "maximum context length", "EMBEDDING_BATCH_SIZE"),
        (413, "too large", "EMBEDDING_BATCH_SIZE"),
        (307, "", "EMBEDDING_URL"),
        (429, "You exceeded your current quota", "Raise it"),
    ],
)
def test_a_refusal_says_what_to_do(server: Server, status: int, message: str, remedy: str) -> None:
    server.script = [says(status, message)] * 9
    with served(server, []) as embedder, pytest.raises(ServerRefuses) as refusal:
        embedder.embed(TALK)
    assert remedy in refusal.value.remedy
    assert message in refusal.value.detail
    assert KEY not in str(refusal.value)
    assert not refusal.value.retryable


def row(index: int, numbers: Any) -> dict[str, Any]:
    return {"index": index, "embedding": numbers}


@pytest.mark.parametrize(
    "answer",
    [
        lambda told: told | {"data": told["data"][:-1]},
        lambda told: told | {"data": [*told["data"][:-1], told["data"][0]]},
        lambda told: told | {"data": [row(0, [1.0, math.nan]), row(1, [1.0, 0.0]), row(2, [1.0, 0.0])]},
        lambda told: told | {"data": [row(0, [0.0, 0.0]), row(1, [1.0, 0.0]), row(2, [1.0, 0.0])]},
        lambda told: told | {"data": [row(0, "AAAA"), row(1, "AAAA"), row(2, "AAAA")]},
        lambda told: told | {"data": [row(0, [1.0]), row(1, [1.0, 0.0]), row(2, [1.0, 0.0])]},
        lambda told: {"embeddings": []},
        lambda told: [],
        lambda told: b"<html>welcome</html>",
    ],
    ids=["too few", "twice", "not a number", "nothing", "text", "other lengths", "other fields", "a list", "a page"],
)
def test_an_answer_that_is_none_is_told(server: Server, answer: Any) -> None:
    server.script = [answer] * 9
    with served(server, []) as embedder, pytest.raises(ServerTrouble) as told:
        embedder.embed(TALK)
    assert told.value.remedy


def test_another_length_than_before_is_told(server: Server) -> None:
    with served(server, []) as embedder:
        embedder.embed(TALK)
        server.dim = 5
        with pytest.raises(ServerRefuses, match="5 numbers for toy-embedding-3 where it had sent 6"):
            embedder.embed(TALK)


def test_a_server_without_a_model_name_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no model of that server"):
        open_embedder(settings_of(server, tmp_path, embedding_model="minilm"), lambda _: None)


# --- used -------------------------------------------------------------------------------------------


def fill(settings: Settings) -> None:
    known = StoredSource("talk", "/talk.mp4", "Talk", 300.0, "en", "captions", "", "recognizing", 0)
    segments = [Segment(100.0 * n, 100.0 * n + 40, f" {text}.") for n, text in enumerate(TALK)]
    file_transcript(known, segments, settings=settings)


def test_a_library_is_indexed_and_asked_by_it(server: Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path, embedding_batch_size=2)
    fill(settings)
    batches = [len(one["input"]) for one in server.asked]
    assert batches == [1, 2, 1]  # the dim, then three passages
    server.asked.clear()
    answer = search("MEDICINES", settings=settings, k=1)
    assert answer.notes == ()
    assert answer.hits[0].text.startswith("the fever")
    assert [one["input"] for one in server.asked] == [["MEDICINES"]]


def test_a_search_without_the_server_is_by_keyword_and_says_so(server: Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    fill(settings)
    server.script = [says(401, "bad key")]
    answer = search("sugar", settings=settings)
    assert answer.hits[0].text.startswith("whisk")
    assert "EMBEDDING_API_KEY" in answer.notes[-1]
    unset = search("sugar", settings=Settings(data_dir=tmp_path))
    assert "Set EMBEDDING_URL" in unset.notes[-1]


def test_another_model_is_refused_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    fill(settings)
    server.asked.clear()
    other = settings_of(server, tmp_path, embedding_model="toy-embedding-4")
    with open_library(settings.library_path) as connection, pytest.raises(BadRequest, match="toy-embedding-4"):
        check_index(connection, other)
    assert server.asked == []


def test_the_servers_child_asks_it_too(server: Server, tmp_path: Path) -> None:
    """The key goes to the child by its environment, and its lease is small."""
    settings = settings_of(server, tmp_path, search_patience_seconds=120)
    fill(settings)
    server.asked.clear()

    async def run() -> tuple[Any, list[str]]:
        searcher = open_searcher(settings)
        try:
            found = await searcher.search(Query("MEDICINES", 1))
            command = searcher.embedder._child.command
            return found, list(command)
        finally:
            await searcher.close()

    found, command = asyncio.run(run())
    assert found.notes == ()
    assert found.hits[0].text.startswith("the fever")
    assert len(server.asked) == 1
    assert KEY not in " ".join(command)


# --- and changed ------------------------------------------------------------------------------------


def test_a_library_is_embedded_anew_by_a_model_here(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, from a server's model to a folder's, which the index is searched by from then on."""
    settings = settings_of(server, tmp_path)
    fill(settings)
    made = Maker(tmp_path / "made")("toy-sentences")
    here = Settings(data_dir=tmp_path, threads=1)
    assert reindex.run(argparse.Namespace(model=str(made.folder)), here) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("3 passages are embedded with toy-sentences@")
    assert f"Set EMBEDDING_MODEL={made.folder}" in printed.err
    server.asked.clear()
    answer = search("sugar", settings=here)
    assert (answer.notes, server.asked) == ((), [])
    assert {rank.ranking for rank in answer.hits[0].ranks} == {"meaning", "keyword"}
    again = renew(settings=dataclasses.replace(here, embedding_model=str(made.folder)))
    assert (again.embedded, again.passages) == (0, 3)


def test_a_search_that_an_index_is_made_anew_under_is_asked_again(server: Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    fill(settings)
    made = dataclasses.replace(settings, embedding_url="", embedding_model=str(Maker(tmp_path / "made")().folder))

    def change(told: Any) -> Any:
        renew(settings=made)
        return told

    server.script = [change]
    answer = search("sugar", settings=settings)
    assert answer.notes == ()
    assert answer.hits[0].text.startswith("whisk")
    with open_library(settings.library_path) as connection:
        model = SqliteIndex(connection).model
    assert model is not None
    assert model.name.startswith("toy-sentences@")


def test_a_model_that_does_not_fit_is_refused_before_anything_is_made(server: Server, tmp_path: Path) -> None:
    settings = settings_of(server, tmp_path)
    fill(settings)
    made = Maker(tmp_path / "made")()
    small = Settings(data_dir=tmp_path, memory_limit_mb=64)
    with pytest.raises(DoesNotFit):
        renew(str(made.folder), settings=small)
    with open_library(settings.library_path) as connection:
        assert coming(connection) is None
