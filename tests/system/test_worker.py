"""`halfgig worker` as a process, beside others on one Postgres."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.fakes.databases import fresh_postgres
from tests.system.logged import PATIENCE, Logged, running

from halfgig import __version__
from halfgig.jobs.job import Job, State
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.supervisor import RESTARTED
from halfgig.memory.meter import rss

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

IDLE = 60 * 1024 * 1024  # bytes
NOWHERE = {"url": "http://203.0.113.1/never.mp4"}  # an address at which nobody answers


def worker(folder: Path, url: str, **environment: str) -> AbstractContextManager[Logged]:
    return running("worker", folder, DATABASE_URL=url, WORKERS="1", **environment)


@pytest.fixture
def url(postgres: str | None) -> str:
    return fresh_postgres(postgres)


def until(queue: JobQueue, job_id: str, reached: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + PATIENCE
    while (job := queue.get(job_id)) is None or not reached(job):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def test_a_worker_holds_little_does_a_job_and_drains(tmp_path: Path, url: str) -> None:
    with worker(tmp_path, url) as station, JobQueue(url) as queue:
        assert httpx.get(f"{station.address}/healthz", timeout=PATIENCE).json() == {
            **{"status": "ok", "version": __version__}
        }
        assert httpx.get(f"{station.address}/readyz", timeout=PATIENCE).status_code == 200
        assert rss(station.process.pid) < IDLE
        elsewhere, _ = queue.create("reps", {"upload": "u"}, {}, place="another home")
        refused, _ = queue.create("reps", {"url": "http://127.0.0.1/private.mp4"}, {})
        ended = until(queue, refused.id, lambda job: job.state.final)
        assert ended.state is State.FAILED
        assert "127.0.0.1" in str(ended.problem)
        assert until(queue, elsewhere.id, lambda _: True).state is State.QUEUED
        figures = httpx.get(f"{station.address}/metrics", timeout=PATIENCE).text
        assert f'halfgig_build_info{{version="{__version__}"}} 1' in figures
        assert 'halfgig_worker_restarts_total{reason="refused"} 1' in figures
        assert station.end(signal.SIGTERM) == 0
        assert [entry["event"] for entry in station.log][-1] == "stopped"


def test_a_worker_that_is_killed_goes_on_with_its_job_at_once(tmp_path: Path, url: str) -> None:
    allowed = {"ALLOWED_HOSTS": "203.0.113.1"}
    with JobQueue(url) as queue:
        job, _ = queue.create("reps", NOWHERE, {})
        with worker(tmp_path, url, **allowed) as first:
            until(queue, job.id, lambda job: job.state is State.RUNNING)
            first.end(signal.SIGKILL)
        with worker(tmp_path, url, **allowed):
            again = until(queue, job.id, lambda job: job.attempt == 2)
            assert [failure["detail"] for failure in again.failures] == [RESTARTED]
            queue.cancel(job.id)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/x"}, "cannot be reached"),
    ],
)
def test_what_keeps_a_worker_from_starting_is_one_line(tmp_path: Path, environment: dict[str, str], told: str) -> None:
    own = {**os.environ, "HALFGIG_DATA": str(tmp_path), "PORT": "0", "LOG_FORMAT": "text", **environment}
    command = [sys.executable, "-m", "halfgig", "worker"]
    ended = subprocess.run(command, env=own, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode in {2, 7}
    (line,) = ended.stderr.splitlines()
    assert told in line
    assert "secret" not in line
