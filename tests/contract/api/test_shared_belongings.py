"""Two servers on one Postgres and one storage: what is counted by one is drawn by any, and shown by both."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import httpx
import numpy as np
import pytest
from tests.contract.api.conftest import Idle
from tests.unit.jobs.test_drawing import MOMENTS, REPORT, STRETCHES

from halfgig.api.app import create_app
from halfgig.errors import MIB
from halfgig.jobs.attempt import Attempt
from halfgig.jobs.keeping import Counted, keep_counted
from halfgig.jobs.wire import Order
from halfgig.jobs.worker import Worker
from halfgig.media.writing import write_video
from halfgig.operations.library import file_report
from halfgig.records import Frame, StoredSource
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.api.services import Services
    from halfgig.jobs.job import Job
    from halfgig.jobs.queue import JobQueue

SQUATS = {"exercise": "squat", "count": 0, "reps": [], "attempts": []}


class Wire:
    """Hears how a worker's job goes."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)


@pytest.fixture
def video(tmp_path: Path) -> bytes:
    def frames() -> Iterator[Frame]:
        for number in range(20):
            yield Frame(number / 10, np.full((180, 320, 3), 12 * number, np.uint8))

    write_video(frames(), tmp_path / "squats.mp4", 10)
    return (tmp_path / "squats.mp4").read_bytes()


@asynccontextmanager
async def site(folder: Path, **given: Any) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    """A server, and what asks it."""
    app = create_app(Settings(data_dir=folder, **given), lambda _: Idle())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            yield app.state.halfgig, client


def uploaded(services: Services, content: bytes) -> str:
    upload = services.uploads.create("squats.mp4", len(content))
    with services.uploads.append(upload.id, 0) as writer:
        writer.append(content)
    return upload.id


def count(queue: JobQueue, upload: str, content: str, settings: Settings) -> None:
    """What a worker of a machine with these settings leaves of a count."""
    job, _ = queue.create("reps", {"upload": upload, "sha256": content}, {}, keep_source=True)
    claimed = queue.claim(job.id, "there")
    assert claimed is not None
    attempt = Attempt(queue, claimed)
    attempt.describe(fingerprint=content)
    keep_counted(attempt, Counted(content, REPORT, lambda: iter(MOMENTS), STRETCHES), settings, lambda: None)
    attempt.succeed({})


def draw(queue: JobQueue, home: str, settings: Settings) -> Job | None:
    """Let a worker of that home draw what is asked for."""
    job = queue.foremost(home)
    claimed = queue.claim(job.id, "elsewhere") if job else None
    assert claimed is not None
    wire: Any = Wire()
    assert Worker(queue, settings, wire).take(Order(claimed.id, claimed.attempt, 400 * MIB, 0))
    assert wire.told[-1] == {"done": "succeeded"}
    return queue.get(claimed.id)


def test_what_one_has_counted_another_draws_and_both_show(
    tmp_path: Path, postgres_url: str, s3: Front, video: bytes
) -> None:
    url, content = s3.make_bucket(), hashlib.sha256(video).hexdigest()
    overlay = f"/sources/{content}/drawings/overlay.mp4"

    async def story() -> None:
        async with (
            site(tmp_path / "a", database_url=postgres_url, blob_url=url) as (here, ask_here),
            site(tmp_path / "b", database_url=postgres_url, blob_url=url) as (there, ask_there),
        ):
            upload = uploaded(here, video)
            file_report(
                StoredSource(content, "", "Squats.mp4", 2.0, None, "", "", "unheard", 0),
                SQUATS,
                settings=here.settings,
                always=True,
            )
            await here.ask(lambda queue: count(queue, upload, content, here.settings))
            here.belongings.stills.keep(content, [], b"\xff\xd8 a picture")
            asked = await ask_there.post(overlay)
            assert (asked.status_code, asked.json()["kind"]) == (202, "drawing"), asked.text
            await there.ask(
                lambda queue: draw(queue, "a third machine", replace(there.settings, data_dir=tmp_path / "c"))
            )
            shown = [await ask.get(overlay) for ask in (ask_here, ask_there)]
            assert shown[0].content == shown[1].content
            with av.open(io.BytesIO(shown[0].content), "r") as drawn:
                assert len(list(drawn.decode(video=0))) == 20
            for name in ("poses", "thumbnail", "media"):
                answers = [await ask.get(f"/sources/{content}/{name}") for ask in (ask_here, ask_there)]
                assert [answer.status_code for answer in answers] == [200, 200]
                assert answers[0].content == answers[1].content
            assert (await ask_there.delete(f"/sources/{content}")).status_code == 204
            assert (await ask_here.get(overlay)).status_code == 404
            assert here.belongings.sources() == set()
        left = [path.name for name in "abc" for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert not [name for name in left if name.endswith(("mp4", "jpg", "count", content))]

    asyncio.run(story())
