"""A form whose file goes to disk as it arrives: what is taken, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from benchmarks.upload_server import app
from hypothesis import given
from hypothesis import strategies as st

from halfgig.api.forms import Form, FormLimits, FormReader
from halfgig.api.lingering import Lingering
from halfgig.errors import BadRequest
from halfgig.settings import Settings
from halfgig.store.shelf import DiskShelf
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

    Post: TypeAlias = Callable[..., httpx.Response]

LIMIT = 100_000  # bytes
DATA = random.Random(2).randbytes(50_000) + b"\r\n--bound\r\n--boundary-not\r\n"
FORM = {"Content-Type": "multipart/form-data; boundary=boundary"}


def folder_at(store: UploadStore) -> Path:
    """Where a store on disk has its uploads."""
    assert isinstance(store._shelf, DiskShelf)
    return store._shelf.folder


@pytest.fixture
def uploads(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads", 250_000, limit=LIMIT, free=lambda: 1 << 40)


@pytest.fixture
def post(uploads: UploadStore) -> Post:
    served = app(uploads, Settings(upload_stall_seconds=0.2))

    async def send(**request: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://server") as client:
            return await client.post("/forms", **request)

    return lambda **request: asyncio.run(send(**request))


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: video/mp4'
    return f'--boundary\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


END = b"--boundary--\r\n"
KIND = part("kind", b"transcript")
FILE = part("file", DATA, "talk.mp4")


def refused(answer: httpx.Response, status: int, uploads: UploadStore) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
    assert (list(uploads.uploads()), list(folder_at(uploads).iterdir()), uploads.used) == ([], [], 0)
    return str(answer.json()["detail"])


@pytest.mark.parametrize("body", [KIND + FILE, FILE + KIND], ids=["fields first", "file first"])
def test_a_form_with_a_file(post: Post, uploads: UploadStore, body: bytes) -> None:
    answer = post(content=body + END, headers=FORM).json()
    assert answer["fields"] == {"kind": "transcript"}
    facts = answer["upload"]
    assert (facts["title"], facts["content_type"], facts["complete"]) == ("talk.mp4", "video/mp4", True)
    assert (facts["length"], facts["offset"], facts["sha256"]) == (
        len(DATA),
        len(DATA),
        hashlib.sha256(DATA).hexdigest(),
    )
    assert uploads.open(facts["id"]).read_bytes() == DATA
    assert uploads.used == len(DATA)


def test_what_a_usual_client_sends(post: Post, uploads: UploadStore) -> None:
    answer = post(files={"file": ('Gespräch ".mp4', DATA)}, data={"language": "dé", "empty": ""}).json()
    assert answer["fields"] == {"language": "dé", "empty": ""}
    assert uploads.open(answer["upload"]["id"]).read_bytes() == DATA


def test_a_form_without_a_file(post: Post) -> None:
    assert post(content=KIND + END, headers=FORM).json() == {"fields": {"kind": "transcript"}, "upload": None}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (FILE + FILE + END, "more than one file"),
        (FILE + part("video", b"x", "b.mp4") + END, "in the field video"),
        (FILE + KIND + KIND + END, "kind twice"),
        (FILE + part("kind", b"\xff") + END, "not UTF-8"),
        (FILE + b"--boundary\r\nContent-Type: text/plain\r\n\r\nx\r\n" + END, "no name"),
        (FILE, "cut off"),
        (FILE + KIND, "cut off"),
        (FILE[:30_000], "cut off"),
        (FILE + b"--boundary\r\nno header\r\n\r\n" + END, "broken"),
        (b"something else" + FILE + END, "broken"),
        (b"", "cut off"),
    ],
)
def test_a_form_that_is_wrong_leaves_nothing(post: Post, uploads: UploadStore, body: bytes, told: str) -> None:
    assert told in refused(post(content=body, headers=FORM), 400, uploads)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
        ("multipart/form-data", 400),
        (f"multipart/form-data; boundary={'x' * 300}", 400),
    ],
)
def test_another_body_is_refused(post: Post, uploads: UploadStore, content_type: str, status: int) -> None:
    refused(post(content=FILE + END, headers={"Content-Type": content_type}), status, uploads)


def test_an_empty_file_is_refused(post: Post, uploads: UploadStore) -> None:
    assert "talk.mp4 is empty" in refused(post(content=part("file", b"", "talk.mp4") + END, headers=FORM), 422, uploads)


async def stream(first: bytes, count: int, read: list[int]) -> AsyncIterator[bytes]:
    yield first
    for _ in range(count):
        read.append(1000)
        yield b"x" * 1000


def test_a_file_that_grows_too_large_is_refused_while_it_comes(post: Post, uploads: UploadStore) -> None:
    read: list[int] = []
    head = part("file", b"", "talk.mp4")[:-2]
    assert "MAX_FILE_SIZE_MB" in post(content=stream(head, 500, read), headers=FORM).json()["remedy"]
    refused(post(content=stream(head, 500, []), headers=FORM), 413, uploads)


def test_a_body_that_says_it_is_too_large_is_not_read(post: Post, uploads: UploadStore) -> None:
    read: list[int] = []
    headers = {**FORM, "Content-Length": str(3_000_000)}
    refused(post(content=stream(FILE, 3000, read), headers=headers), 413, uploads)


def test_a_file_without_room_is_refused(post: Post, uploads: UploadStore) -> None:
    taken = [uploads.create(length=LIMIT).id for _ in range(2)]
    answer = post(content=FILE + END, headers=FORM)
    assert answer.status_code == 507
    assert sorted(upload.id for upload in uploads.uploads()) == sorted(taken)


@pytest.mark.parametrize(
    "fields", [part("a", b"x" * 70_000), b"".join(part(f"f{n}", b"x" * 4096) for n in range(17))], ids=["one", "many"]
)
def test_fields_are_bounded_in_size(post: Post, uploads: UploadStore, fields: bytes) -> None:
    assert "65536 bytes" in refused(post(content=FILE + fields + END, headers=FORM), 413, uploads)


def test_fields_are_bounded_in_number(post: Post, uploads: UploadStore) -> None:
    fields = b"".join(part(f"f{n}", b"") for n in range(33))
    assert "32 fields" in refused(post(content=FILE + fields + END, headers=FORM), 413, uploads)


async def silence() -> AsyncIterator[bytes]:
    yield FILE[:20_000]
    await asyncio.sleep(30)


def test_a_silent_client_is_given_up(post: Post, uploads: UploadStore) -> None:
    refused(post(content=silence(), headers=FORM), 408, uploads)


def test_a_broken_connection_leaves_nothing(uploads: UploadStore) -> None:
    served, sent = app(uploads, Settings()), []
    arrives: list[Message] = [{"type": "http.request", "body": FILE[:20_000], "more_body": True}]

    async def receive() -> Message:
        return arrives.pop(0) if arrives else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", FORM["Content-Type"].encode())]
    scope = {"type": "http", "method": "POST", "path": "/forms", "headers": headers, "query_string": b""}
    asyncio.run(served(scope, receive, send))
    assert list(folder_at(uploads).iterdir()) == []
    assert sent[0]["status"] == 400


@given(st.lists(st.integers(0, 60_000), max_size=20))
def test_a_form_may_be_cut_into_any_pieces(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    uploads = UploadStore(tmp_path_factory.mktemp("uploads"))
    body = KIND + FILE + part("language", b"de") + END
    edges = [0, *sorted(cuts), len(body)]
    form = read(uploads, [body[start:end] for start, end in itertools.pairwise(edges)])
    assert form.fields == {"kind": "transcript", "language": "de"}
    assert form.upload is not None
    assert uploads.open(form.upload.id).read_bytes() == DATA


@given(st.integers(0, len(KIND + FILE)))
def test_a_form_that_is_cut_off_anywhere_leaves_nothing(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    uploads = UploadStore(tmp_path_factory.mktemp("uploads"))
    with pytest.raises(BadRequest):
        read(uploads, [(KIND + FILE)[:length]])
    assert list(uploads.uploads()) == []


def read(uploads: UploadStore, pieces: list[bytes]) -> Form:
    reader = FormReader(b"boundary", uploads, FormLimits(), 0)
    try:
        for piece in pieces:
            reader.feed(piece)
        return reader.end()
    except BadRequest:
        reader.discard()
        raise


# --- answers before the body has come -----------------------------------------------------------------------


def linger(headers: list[tuple[bytes, bytes]], bodies: list[Message]) -> tuple[list[Message], list[Message]]:
    """What is sent, and what is left unread, by an app that answers at once without reading."""
    sent: list[Message] = []

    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too large"})

    async def receive() -> Message:
        if bodies:
            return bodies.pop(0)
        await asyncio.sleep(30)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Lingering(refusing, linger=0.05)({"type": "http", "headers": headers}, receive, send))
    return sent, bodies


PIECE = {"type": "http.request", "body": b"x" * 100_000, "more_body": True}
LAST = {"type": "http.request", "body": b"x", "more_body": False}


@pytest.mark.parametrize("bodies", [[PIECE, LAST], [PIECE], [PIECE, {"type": "http.disconnect"}]])
@pytest.mark.parametrize("headers", [[(b"content-length", b"100001")], [(b"transfer-encoding", b"chunked")]])
def test_an_early_answer_is_sent_at_once_and_the_rest_is_read(
    headers: list[tuple[bytes, bytes]], bodies: list[Message]
) -> None:
    sent, left = linger(headers, list(bodies))
    assert sent[0]["headers"] == [(b"connection", b"close")]
    assert [(message["body"], message.get("more_body", False)) for message in sent[1:]] == [
        (b"too large", True),
        (b"", False),
    ]
    assert left == []


def test_a_client_that_waits_to_be_invited_is_not(tmp_path: Path) -> None:
    sent, left = linger([(b"content-length", b"100001"), (b"expect", b"100-continue")], [PIECE, LAST])
    assert sent[0]["headers"] == [(b"connection", b"close")]
    assert left == [PIECE, LAST]


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"500")]])
def test_a_small_body_costs_no_connection(headers: list[tuple[bytes, bytes]]) -> None:
    sent, left = linger(headers, [LAST])
    assert [message.get("headers") for message in sent] == [[], None]
    assert left == [LAST]
