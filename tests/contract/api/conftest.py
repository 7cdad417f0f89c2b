"""The server's app with a real queue and real uploads in a temporary folder, asked without a socket."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from halfgig.api.app import create_app
from halfgig.jobs.attempt import Attempt
from halfgig.records import Segment, Word
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fastapi import FastAPI

    from halfgig.api.services import Services
    from halfgig.jobs.job import Job
    from halfgig.jobs.process import Child
    from halfgig.jobs.queue import JobQueue
    from halfgig.memory.governor import Lease

URL = {"url": "https://example.org/talk.mp4", "title": "A talk.mp4"}
SPOKEN = (
    Segment(0.0, 1.5, "Hello there.", words=(Word(0.0, 0.5, " Hello", 0.9), Word(0.6, 1.5, " there.", 0.8))),
    Segment(2.0, 3.25, "Ünd <b>tschüss</b>."),
)
REPORT = {
    "exercise": "squat",
    "count": 1,
    "reps": [
        {
            **{"number": 1, "side": "both", "start": 1.0, "turn": 1.5, "end": 2.0, "seconds": 1.0},
            **{"lowest": 80.0, "highest": 170.0, "range": 90.0, "partial": False},
        }
    ],
    "attempts": [],
}


class Idle:
    """A supervisor that claims nothing."""

    def __init__(self) -> None:
        self.restarts: dict[str, int] = {}
        self.leases: tuple[Lease, ...] = ()
        self.children: tuple[Child, ...] = ()

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()


class Site:
    """A running app: what it answers, and a hand in its queue."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner, client: httpx.AsyncClient) -> None:
        self.app, self._runner, self._client = app, runner, client

    @property
    def services(self) -> Services:
        services: Services = self.app.state.halfgig
        return services

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer; every problem among them is whole."""
        answer: httpx.Response = self._runner.run(self._client.request(method, path, **options))
        if answer.status_code >= 400 and method != "HEAD":
            assert_is_problem(answer)
        return answer

    def ask_raw(self, method: str, url: str, **options: Any) -> httpx.Response:
        """The answer, whatever it is."""
        answer: httpx.Response = self._runner.run(self._client.request(method, url, **options))
        return answer

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("POST", path, **options)

    def run(self, work: Any) -> Any:
        """Run a coroutine in the app's event loop."""
        return self._runner.run(work)

    def queue(self, do: Callable[[JobQueue], Any]) -> Any:
        return self.services.queue.ask_now(do)

    def upload(self, content: bytes = b"sound", title: str = "talk.mp4") -> str:
        store = self.services.uploads
        upload = store.create(title, len(content))
        with store.append(upload.id, 0) as writer:
            writer.append(content)
            writer.commit()
        name: str = upload.id
        return name


def assert_is_problem(answer: httpx.Response) -> None:
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["status"] == answer.status_code
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["title"]
    assert told["detail"]
    assert told["remedy"], told
    assert told["type"] == "about:blank" or told["type"].startswith("/problems#")
    assert (answer.status_code in {429, 503}) == ("retry-after" in answer.headers)


@pytest.fixture
def open_site(tmp_path: Path) -> Callable[..., AbstractContextManager[Site]]:
    """open_site(supervise=..., address=..., **settings) -> the app, as long as the block lasts."""

    @contextmanager
    def opened(supervise: Any = lambda _: Idle(), address: str = "127.0.0.1", **given: Any) -> Iterator[Site]:
        app = create_app(Settings(data_dir=tmp_path, **given), supervise)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 5000))
        with asyncio.Runner() as runner:
            lifespan = app.router.lifespan_context(app)
            runner.run(lifespan.__aenter__())
            client = httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")
            try:
                yield Site(app, runner, client)
            finally:
                runner.run(client.aclose())
                runner.run(lifespan.__aexit__(None, None, None))

    return opened


@pytest.fixture
def site(open_site: Callable[..., AbstractContextManager[Site]]) -> Iterator[Site]:
    with open_site() as opened:
        yield opened


@pytest.fixture
def make_job(site: Site) -> Callable[..., Job]:
    """make_job(kind, **options) -> a queued job."""

    def make(kind: str = "transcript", **options: Any) -> Job:
        job: Job = site.queue(lambda queue: queue.create(kind, URL, options)[0])
        return job

    return make


@pytest.fixture
def started_job(site: Site, make_job: Callable[..., Job]) -> Callable[..., Job]:
    """started_job(kind, **options) -> a running job; of a transcript the first segment is there."""

    def start(kind: str = "transcript", **options: Any) -> Job:
        job = make_job(kind, **options)

        def begin(queue: JobQueue) -> Job:
            claimed = queue.claim(job.id, "test")
            assert claimed is not None
            if kind != "reps":
                Attempt(queue, claimed).checkpoint({}, segments=SPOKEN[:1])
            return claimed

        begun: Job = site.queue(begin)
        return begun

    return start


@pytest.fixture
def ended_job(site: Site, started_job: Callable[..., Job]) -> Callable[..., Job]:
    """ended_job(kind, **options) -> a job that has succeeded, with its result."""

    def end(kind: str = "transcript", **options: Any) -> Job:
        begun = started_job(kind, **options)

        def finish(queue: JobQueue) -> Job:
            attempt = Attempt(queue, begun)
            if kind == "reps":
                return attempt.succeed(REPORT, reps=REPORT["reps"])  # type: ignore[arg-type]
            attempt.checkpoint({}, segments=SPOKEN[1:])
            return attempt.succeed({"language": "de", "duration": 4.0, "segments": len(SPOKEN)})

        done: Job = site.queue(finish)
        return done

    return end
