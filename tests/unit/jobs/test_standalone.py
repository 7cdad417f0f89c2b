"""What a worker's health port says of it, with a real queue."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest

from halfgig.jobs import standalone
from halfgig.jobs.health import PATIENCE
from halfgig.jobs.queue_thread import QueueThread
from halfgig.jobs.standalone import Standalone
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[QueueThread]:
    opened = QueueThread(tmp_path / "jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def worker(tmp_path: Path, queue: QueueThread) -> Standalone:
    return Standalone(Settings(data_dir=tmp_path), queue)


def ready(worker: Standalone) -> tuple[int, str]:
    told = asyncio.run(worker.readiness())
    return told.status, json.loads(told.body)["status"]


def test_one_whose_database_answers_is_ready_until_it_stops(worker: Standalone) -> None:
    assert ready(worker) == (200, "ok")
    worker.stop()
    assert ready(worker) == (503, "stopping")


def test_what_is_wrong_with_the_database_is_for_the_log_only(
    worker: Standalone, queue: QueueThread, caplog: pytest.LogCaptureFixture
) -> None:
    queue.ask_now(lambda asked: asked.close())
    assert ready(worker) == (503, "the database does not answer")
    assert ["jobs.db" in str(getattr(record, "facts", "")) for record in caplog.records] == [True]


def test_a_database_that_hangs_is_told_of_in_time(
    worker: Standalone, queue: QueueThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert standalone.ANSWER < PATIENCE
    monkeypatch.setattr(standalone, "ANSWER", 0.05)
    goes_on = threading.Event()

    async def story() -> tuple[int, str]:
        hanging = asyncio.create_task(queue.ask(lambda _: goes_on.wait(60)))
        await asyncio.sleep(0)
        told = await worker.readiness()
        goes_on.set()
        await hanging
        return told.status, json.loads(told.body)["status"]

    assert asyncio.run(story()) == (503, "the database does not answer")
