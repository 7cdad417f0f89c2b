"""GET /operations: memory, workers, queue, models and disk, as they are."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from halfgig import __version__
from halfgig.models.record import FileRecord, Record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.api.conftest import Site

    from halfgig.jobs.job import Job


@dataclass
class Worker:
    kind: str
    pid: int
    job: Any = None


def test_the_server_is_told_at_one_glance(site: Site, started_job: Callable[..., Job], tmp_path: Path) -> None:
    job = started_job()
    site.services.supervisor.children = (Worker("transcript", os.getpid(), job), Worker("reps", os.getpid()))  # type: ignore[union-attr,misc]
    site.upload(b"x" * 1000)
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    write_record(Record("toy", "none", (FileRecord("model.bin", 123, ""),), {}), folder)
    (tmp_path / "models" / ".pulling").mkdir()
    told = site.get("/operations").json()
    assert told["version"] == __version__
    assert 0 <= told["uptime_seconds"] < 600
    assert told["limit_bytes"] > told["memory_bytes"] >= told["server_bytes"] > 1_000_000
    transcript, reps = told["workers"]
    assert (transcript["kind"], transcript["pid"], transcript["job"], reps["job"]) == (
        *("transcript", os.getpid(), job.id),
        None,
    )
    assert transcript["bytes"] > 1_000_000
    assert told["queue"] == {"queued": 0, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 0}
    assert told["models"] == [{"name": "toy", "bytes": 123}]
    assert told["disk"]["uploads_bytes"] == 1000
    assert told["disk"]["free_bytes"] > 0


def test_memory_is_sampled_from_the_start(site: Site) -> None:
    async def first_sample() -> None:
        async with asyncio.timeout(120):
            while not len(site.services.history):
                await asyncio.sleep(0.01)

    site.run(first_sample())
    ((at, held, own),) = site.get("/operations").json()["memory"]
    assert held >= own > 1_000_000
    for number in range(1, 1000):
        site.services.history.note(at + number, held, own)
    assert 90 <= len(site.get("/operations?points=100").json()["memory"]) <= 100
    assert len(site.get("/operations", params={"since": at + 990.5}).json()["memory"]) == 9
    assert site.get("/operations?points=0").status_code == 422
