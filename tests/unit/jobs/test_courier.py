"""The courier, with a real queue and real receivers on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from benchmarks.serving import answering

from halfgig.errors import DatabaseAway, Forbidden, LibraryError, SourceError
from halfgig.jobs.courier import LONGEST_WAIT, Courier
from halfgig.jobs.deliveries import Deliveries, Delivery
from halfgig.jobs.posting import post
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.webhooks import MOST_TRIES, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SECRET = b"between us"
PATIENCE = 120.0  # seconds; only a test that fails waits so long
QUICK = 1.0  # seconds in place of ten, for a receiver that hangs; nobody else is hurried


class Receiver:
    """Answers each request with the next of its statuses, the last for ever; remembers what it was sent."""

    def __init__(self, *statuses: int | str) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[Mapping[str, str], bytes]] = []
        self.hang = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?for=me"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.got.append((dict(request.headers), request.rfile.read(int(request.headers["content-length"]))))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == "hang":
            self.hang.wait(PATIENCE)
        elif status == "drip":
            self.drip(request)
        else:
            request.send_response(int(status))
            request.send_header("location", self.url)
            request.send_header("content-length", "0")
            request.end_headers()

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """A header that never ends, a byte at a time."""
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
            while not self.hang.wait(0.05):
                request.wfile.write(b"x")
        except OSError:
            pass


@contextmanager
def receiver(*statuses: int | str) -> Iterator[Receiver]:
    made = Receiver(*statuses)
    with answering(made.server):
        try:
            yield made
        finally:
            made.hang.set()


def connect(url: str) -> tuple[HTTPConnection, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    connection.connect()
    return connection, f"{parts.path}?{parts.query}"


send = partial(post, connect, timeout=PATIENCE)


class FirstInHaste:
    """Sends, and waits for the first answer from `url` for a moment only."""

    def __init__(self, url: str) -> None:
        self.hasty = {url}

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        if url not in self.hasty:
            return send(url, body, headers)
        self.hasty.remove(url)
        return post(connect, url, body, headers, timeout=QUICK)


class Post:
    """A queue in a temporary folder, a clock that leaps to what is due, and a courier between them."""

    def __init__(self, queue: JobQueue, do: Callable[..., int] = send) -> None:
        self.queue, self.now = queue, 1_800_000_000.0
        queue.clock = lambda: self.now
        self.pauses: list[float] = []
        self.stopping = asyncio.Event()
        self.courier = Courier(self.ask, do, SECRET, lambda: self.now, lambda: 0.5)

    async def ask(self, question: Callable[[JobQueue], Any]) -> Any:
        return question(self.queue)

    async def wait(self, pause: float) -> None:
        """Leap; stop where nothing is to come."""
        self.pauses.append(pause)
        self.now += pause
        if Deliveries(self.queue).wait() is None:
            self.stopping.set()

    def end_a_job(self, url: str) -> str:
        job, _ = self.queue.create("reps", {"url": "https://example.org/a.mp4"}, {}, callback_url=url)
        self.queue.cancel(job.id)
        return job.id

    def run(self) -> None:
        asyncio.run(self.courier.run(self.stopping, self.wait))

    def troubles(self) -> list[tuple[int, str]]:
        return list(self.queue.database.execute("SELECT tries, trouble FROM deliveries"))


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JobQueue]:
    with JobQueue(tmp_path / "jobs.db") as opened:
        yield opened


def test_a_delivery_arrives_signed(queue: JobQueue) -> None:
    with receiver(204) as hook:
        office = Post(queue)
        job_id = office.end_a_job(hook.url)
        office.run()
        ((headers, body),) = hook.got
    told = json.loads(body)
    assert (told["id"], told["state"]) == (job_id, "cancelled")
    assert headers["webhook-id"] == told["event"]
    stamp = headers["webhook-timestamp"]
    assert abs(int(stamp) - office.now) <= LONGEST_WAIT
    assert headers["webhook-signature"] == sign(SECRET, told["event"], stamp, body)
    assert headers["content-type"] == "application/json"
    assert office.troubles() == []


def test_a_receiver_in_trouble_is_tried_again_with_the_same_id(queue: JobQueue) -> None:
    with receiver(500, 429, 302, 200) as hook:
        office = Post(queue)
        office.end_a_job(hook.url)
        office.run()
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == 1
        stamps = [int(headers["webhook-timestamp"]) for headers, _ in hook.got]
    assert [later - earlier for earlier, later in pairwise(stamps)] == [5, 20, 80]
    assert office.troubles() == []


def test_a_receiver_that_wants_nothing_is_left_alone(queue: JobQueue) -> None:
    with receiver(404) as hook:
        office = Post(queue)
        office.end_a_job(hook.url)
        office.run()
        assert len(hook.got) == 1
    assert office.troubles() == [(1, "It answered with status 404.")]


@pytest.mark.parametrize("way", ["hang", "drip"])
def test_a_receiver_that_hangs_is_cut_off(queue: JobQueue, way: str) -> None:
    with receiver(way, 200) as hook:
        office = Post(queue, FirstInHaste(hook.url))
        office.end_a_job(hook.url)
        office.run()
        assert len(hook.got) == 2
    assert office.troubles() == []


def test_after_ten_tries_it_is_given_up(queue: JobQueue) -> None:
    with receiver(503) as hook:
        office = Post(queue)
        office.end_a_job(hook.url)
        office.run()
        assert len(hook.got) == MOST_TRIES
    assert office.troubles() == [(MOST_TRIES, "It answered with status 503.")]


def test_nobody_there_is_tried_again(queue: JobQueue) -> None:
    with receiver(200) as hook:
        url = hook.url
    office = Post(queue)
    office.end_a_job(url)
    office.run()
    ((tries, trouble),) = office.troubles()
    assert tries == MOST_TRIES
    assert "refused" in trouble


@pytest.mark.parametrize("error", [Forbidden("It is a private address.", "Give another."), SourceError("No URL.", "")])
def test_an_address_that_is_refused_is_not_tried_again(queue: JobQueue, error: Exception) -> None:
    def refuse(*_: object) -> int:
        raise error

    office = Post(queue, refuse)
    office.end_a_job("http://10.0.0.1/")
    office.run()
    assert office.troubles() == [(1, getattr(error, "detail"))]  # noqa: B009


def test_a_receiver_that_hangs_does_not_hold_up_the_others(queue: JobQueue) -> None:
    with receiver("hang") as stuck, receiver(200) as quick:
        office = Post(queue, FirstInHaste(stuck.url))
        for url in (stuck.url, *[quick.url] * 6):
            office.end_a_job(url)

        async def stop(pause: float) -> None:
            office.stopping.set()

        asyncio.run(office.courier.run(office.stopping, stop))
        assert len(quick.got) == 6


def test_what_was_not_sent_when_it_stopped_is_sent_after_a_restart(queue: JobQueue) -> None:
    with receiver(200) as hook:
        first = Post(queue)
        first.end_a_job(hook.url)
        first.stopping.set()
        first.run()
        assert hook.got == []
        Post(queue).run()
        assert len(hook.got) == 1


def test_it_ends_at_once_where_it_is_stopped_while_it_looks(queue: JobQueue) -> None:
    office = Post(queue, lambda *_: 200)

    async def ask(question: Callable[[JobQueue], Any]) -> Any:
        office.stopping.set()
        return question(queue)

    office.courier = Courier(ask, lambda *_: 200, SECRET, lambda: office.now)
    office.run()
    assert office.pauses == []


def test_a_queue_that_cannot_be_read_is_asked_again_later(queue: JobQueue) -> None:
    office = Post(queue, lambda *_: 200)
    office.end_a_job("http://example.org/")
    asked = 0

    async def ask(question: Callable[[JobQueue], Any]) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise LibraryError("The disk is full.", "Free some space.")
        return question(queue)

    office.courier = Courier(ask, lambda *_: 200, SECRET, lambda: office.now)
    office.run()
    assert office.pauses[0] == LONGEST_WAIT
    assert office.troubles() == []


def test_a_fault_that_nobody_foresaw_is_logged_and_what_is_owed_is_sent_later(
    queue: JobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    office = Post(queue, lambda *_: 200)
    office.end_a_job("http://example.org/")
    asked = 0

    async def ask(question: Callable[[JobQueue], Any]) -> Any:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RuntimeError("cannot schedule new futures")
        return question(queue)

    office.courier = Courier(ask, lambda *_: 200, SECRET, lambda: office.now)
    office.run()
    assert office.pauses[0] == LONGEST_WAIT
    assert office.troubles() == []
    assert "cannot schedule new futures" in caplog.text


@pytest.mark.parametrize("status", [200, 500])
def test_what_became_of_a_try_is_written_down_when_the_database_is_back(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("halfgig.jobs.surely.PAUSE", 0.01)
    sent: list[str] = []

    def do(url: str, *_: object) -> int:
        sent.append(url)
        return status if len(sent) == 1 else 200

    office = Post(queue, do)
    office.end_a_job("http://example.org/")
    away = [DatabaseAway("It is away.", "Wait.") for _ in range(3)]

    async def ask(question: Callable[[JobQueue], Any]) -> Any:
        if sent and away:
            raise away.pop()
        return question(queue)

    office.courier = Courier(ask, do, SECRET, lambda: office.now)
    office.run()
    assert away == []
    assert len(sent) == (1 if status == 200 else 2)
    assert office.pauses[0] != LONGEST_WAIT or status == 200
    assert office.troubles() == []


def test_what_cannot_be_recorded_of_one_does_not_make_others_be_sent_twice(queue: JobQueue) -> None:
    sent: list[str] = []

    def do(url: str, *_: object) -> int:
        if "slow" in url:
            recording.wait(PATIENCE)
        sent.append(url)
        return 200

    office, recording = Post(queue, do), threading.Event()
    for name in ("quick", "slow"):
        office.end_a_job(f"http://{name}.example/")
    full = [LibraryError("The disk is full.", "Free some space.")]

    async def ask(question: Callable[[JobQueue], Any]) -> Any:
        if len(sent) == 1 and full:
            recording.set()
            raise full.pop()
        return question(queue)

    office.courier = Courier(ask, do, SECRET, lambda: office.now)
    office.run()
    assert sorted(sent) == ["http://quick.example/", "http://quick.example/", "http://slow.example/"]
    assert office.troubles() == []


def test_a_delivery_that_was_removed_while_it_was_sent_is_no_trouble(queue: JobQueue) -> None:
    office = Post(queue)
    Deliveries(queue).failed(Delivery("evt_gone", "", "", "", 0.0).id, "It has gone.", None)
    assert office.troubles() == []
