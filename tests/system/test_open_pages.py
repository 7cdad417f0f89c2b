"""The memory of a server whose page is open in many browsers: streams of events, and all that a page asks again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from tests.system.test_sources import serving
from tests.waiting import PATIENCE

from halfgig.jobs.queue import JobQueue
from halfgig.memory.meter import rss
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.place import open_belongings
from halfgig.store.sqlite import open_library

MIB = 1024 * 1024
PAGES, ROUNDS, SOURCES, SEEN = 20, 2, 200, 4
MOST = 10 * MIB
JOBS = ("/jobs?limit=100", "/jobs?state=running", "/jobs?state=failed&limit=5")
ASKED = ("/operations", *JOBS, "/sources?limit=50", "/session", "/")

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system tells no memory of others")


def filled(data: Path) -> str:
    """A library of many sources with pictures, and a job that waits for longer than the test lasts; its id."""
    stills = open_belongings(Settings(data_dir=data)).stills
    with open_library(data / "library.db") as connection:
        for number in range(SOURCES):
            source_id = f"{number:064x}"
            Library(connection).note_source(source_id, "", f"A video of some length, number {number}", 60.0 * number)
            stills.keep(source_id, [], b"\xff\xd8" + bytes(15_000))
    with JobQueue(data / "jobs.db") as queue:
        job, _ = queue.create("index", {"url": "https://example.org/talk.mp4"}, {})
        queue.database.execute("UPDATE jobs SET run_after = ?", (time.time() + 500,))
    return job.id


@needs_proc
def test_twenty_open_pages_take_little(tmp_path: Path) -> None:
    """10 MiB. Measured: 4 MiB more than the server had before anybody asked."""
    job = filled(tmp_path)
    with serving(tmp_path) as (process, client):
        idle = rss(process.pid)
        highest = asyncio.run(watched(str(client.base_url), job, process.pid))
        assert client.get("/operations").json()["event_streams"] == 0
    assert highest - idle < MOST


async def watched(address: str, job: str, pid: int) -> int:
    """The most that the server holds while the pages are open."""
    limits = httpx.Limits(max_connections=6 * PAGES)
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        told, leave = asyncio.Semaphore(0), asyncio.Event()
        streams = [asyncio.create_task(stream(client, job, told, leave)) for _ in range(PAGES)]
        for _ in streams:
            await told.acquire()
        samples = [rss(pid)]
        sampler = asyncio.create_task(sample(pid, samples))
        for round in range(ROUNDS):
            await asyncio.gather(*(page(client, round) for _ in range(PAGES)))
        sampler.cancel()
        open_streams = (await client.get("/operations")).json()["event_streams"]
        leave.set()
        await asyncio.gather(*streams)
    assert open_streams == PAGES
    await gone(address)
    return max(samples)


async def sample(pid: int, samples: list[int]) -> None:
    """Note what the server holds, again and again."""
    while True:
        samples.append(rss(pid))
        await asyncio.sleep(0.02)


async def stream(client: httpx.AsyncClient, job: str, told: asyncio.Semaphore, leave: asyncio.Event) -> None:
    """Watch the job, from its first event until the page is left."""
    async with client.stream("GET", f"/jobs/{job}/events") as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()  # held: what breaks off reading closes the connection
        while not (await anext(lines)).startswith("event:"):
            pass
        told.release()
        await leave.wait()


async def page(client: httpx.AsyncClient, round: int) -> None:
    """What a page asks when it is opened, and every few seconds from then on."""
    for path in ASKED:
        answer = await client.get(path, headers={"Accept": "text/html, */*"})
        assert answer.status_code == 200
    for number in range(round * SEEN, (round + 1) * SEEN):
        assert (await client.get(f"/sources/{number:064x}/thumbnail")).status_code == 200


async def gone(address: str) -> None:
    """Wait until the server has noticed that nobody watches any more."""
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client, asyncio.timeout(PATIENCE):
        while (await client.get("/operations")).json()["event_streams"]:
            await asyncio.sleep(0.05)
