"""Two servers on one Postgres: what one does is known to the other, and told by it as it happens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.api.conftest import Idle

from halfgig.api.app import create_app
from halfgig.api.events import Pace, watch
from halfgig.errors import BadRequest
from halfgig.jobs.attempt import Attempt
from halfgig.records import Segment
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from halfgig.api.services import Services

PATIENCE = 60.0  # seconds; only a test that fails waits so long
DEAF = Pace(look=600)  # who looks so seldom hears only by being told


@asynccontextmanager
async def server(folder: Path, url: str, **more: Any) -> AsyncIterator[Services]:
    app = create_app(Settings(data_dir=folder, database_url=url, **more), lambda _: Idle())
    async with app.router.lifespan_context(app):
        services: Services = app.state.halfgig
        yield services


def test_a_stream_of_one_server_tells_what_is_done_at_another(tmp_path: Path, postgres_url: str) -> None:
    async def story() -> list[str]:
        told: list[str] = []
        async with server(tmp_path / "a", postgres_url) as here, server(tmp_path / "b", postgres_url) as there:
            job, _ = await here.ask(lambda queue: queue.create("transcript", {"url": "http://a/b"}, {}))
            stream = watch(there, job.id, 0, DEAF)

            async def until(word: str) -> None:
                async with asyncio.timeout(PATIENCE):
                    while word not in "".join(told):
                        told.append(await anext(stream))

            await until("queued")
            claimed = await here.ask(lambda queue: queue.claim(job.id, "me"))
            assert claimed is not None
            await until("running")
            await here.ask(lambda queue: Attempt(queue, claimed).checkpoint({}, segments=[Segment(0, 1, "Hello.")]))
            await until("Hello.")
            await here.ask(lambda queue: Attempt(queue, claimed).succeed({}))
            await until("succeeded")
            await stream.aclose()
        return told

    assert "id: 4" in "".join(asyncio.run(story()))


def test_news_that_are_missed_while_the_line_is_broken_are_looked_for(tmp_path: Path, postgres_url: str) -> None:
    async def story() -> None:
        async with server(tmp_path, postgres_url) as services:
            waiting = asyncio.create_task(services.bell.wait("a job", PATIENCE))
            await asyncio.sleep(0)
            await asyncio.to_thread(cut_listeners, postgres_url)
            assert await waiting

    asyncio.run(story())


def cut_listeners(url: str) -> None:
    import psycopg

    listens = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid != pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {listens}".encode()).fetchall():
            pass


def test_an_upload_waits_for_the_server_that_has_it(tmp_path: Path, postgres_url: str) -> None:
    async def story() -> None:
        async with server(tmp_path / "a", postgres_url) as here, server(tmp_path / "b", postgres_url) as there:
            assert here.home != there.home
            job, _ = await here.ask(lambda queue: queue.create("reps", {"upload": "u"}, {}, place=here.home))
            assert await there.ask(lambda queue: queue.foremost(there.home)) is None
            assert await there.ask(lambda queue: queue.foremost(here.home)) == job

    asyncio.run(story())


def test_a_job_on_an_upload_tells_where_that_is(postgres_url: str, open_site: Any) -> None:
    with open_site(database_url=postgres_url) as site:
        for source in ({"upload": site.upload()}, {"url": "https://example.org/a.mp4"}):
            assert site.post("/jobs", json={"kind": "reps", "source": source}).status_code == 202
        by_url, by_upload = site.queue(lambda queue: queue.page())
        assert (by_url.place, by_upload.place) == ("", site.services.home)


def test_a_job_on_an_upload_that_all_machines_reach_is_done_by_any(
    postgres_url: str, open_site: Any, tmp_path: Path
) -> None:
    with open_site(database_url=postgres_url, blob_url=f"file://{tmp_path}/shared") as site:
        source = {"upload": site.upload()}
        assert site.post("/jobs", json={"kind": "reps", "source": source}).status_code == 202
        [job] = site.queue(lambda queue: queue.page())
        assert job.place == ""
        assert site.queue(lambda queue: queue.foremost("another home")) == job


def test_servers_of_one_queue_share_uploads_and_another_queue_may_not(tmp_path: Path, postgres_url: str) -> None:
    async def story() -> None:
        shared: Any = {"blob_url": f"file://{tmp_path}/shared"}
        async with server(tmp_path / "a", postgres_url, **shared), server(tmp_path / "b", postgres_url, **shared):
            with pytest.raises(BadRequest, match="Another queue owns the uploads at BLOB_URL"):
                create_app(Settings(data_dir=tmp_path / "c", **shared))

    asyncio.run(story())


def test_two_files_of_jobs_may_not_share_uploads(tmp_path: Path, open_site: Any) -> None:
    shared: Any = {"blob_url": f"file://{tmp_path}/shared"}
    for _ in range(2):
        with open_site(**shared), pytest.raises(BadRequest, match="a prefix of its own"):
            create_app(Settings(data_dir=tmp_path / "other", **shared))


def test_a_database_that_is_away_is_a_problem_that_passes(
    tmp_path: Path, postgres_url: str, open_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_site(database_url=postgres_url) as site:
        database = site.services.queue._queue.database
        monkeypatch.setattr(database, "_url", "postgresql://a:secret@127.0.0.1:1/x")
        site.queue(lambda queue: queue.database.close())
        answer = site.get("/jobs")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["type"] == "/problems#database-away"
        assert "secret" not in answer.text
        assert site.get("/readyz").status_code == 503
        monkeypatch.undo()
        assert site.get("/jobs").status_code == 200


def test_what_the_database_takes_is_told(postgres_url: str, open_site: Any) -> None:
    with open_site(database_url=postgres_url) as site:
        told = site.get("/operations").json()["disk"]["library_bytes"]
        now = site.queue(lambda queue: queue.database.size())
        assert 100_000 < told <= now  # others may be making their tables meanwhile
