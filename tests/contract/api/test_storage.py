"""A storage that gives no answer holds up those who want something of it, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from halfgig.api.storage import AT_ONCE, StorageThreads

if TYPE_CHECKING:
    from tests.contract.api.conftest import Site
    from tests.fakes.s3 import Front

PATIENCE = 30.0  # seconds; less than S3 is waited for, and only a test that fails waits so long
MANY = 60  # requests, more than there are threads of any kind


def test_who_wants_nothing_of_a_storage_that_is_away_does_not_wait_for_it(open_site: Any, s3: Front) -> None:
    with open_site(blob_url=s3.make_bucket()) as site:
        upload = site.upload()
        s3.be_busy(600)
        try:
            waiting, others = site.run(ask_both(site, f"/uploads/{upload}"))
            assert others == ([200] * 3, 7)
        finally:
            s3.be_busy(0)
        assert {answer.status_code for answer in site.run(all_of(waiting))} == {200}


async def ask_both(site: Site, path: str) -> tuple[list[asyncio.Task[httpx.Response]], Any]:
    """Many requests that wait for the storage, and what others are answered meanwhile."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(site.app), base_url="http://localhost:8000")
    waiting = [asyncio.create_task(client.get(path)) for _ in range(MANY)]
    async with asyncio.timeout(PATIENCE):
        while sum(thread.name.startswith("storage") for thread in threading.enumerate()) < AT_ONCE:
            await asyncio.sleep(0.01)
        others = [(await client.get(path)).status_code for path in ("/readyz", "/metrics", "/jobs")]
        number = await asyncio.to_thread(int, "7")
    assert not any(task.done() for task in waiting)
    return waiting, (others, number)


async def all_of(tasks: list[asyncio.Task[httpx.Response]]) -> list[httpx.Response]:
    return await asyncio.gather(*tasks)


def test_threads_are_bounded_and_hand_on_what_is_raised() -> None:
    async def story() -> None:
        threads, running, most = StorageThreads(2), 0, list[int]()
        lock, go = threading.Lock(), threading.Event()

        def hold() -> None:
            nonlocal running
            with lock:
                running += 1
                most.append(running)
            go.wait(PATIENCE)
            with lock:
                running -= 1

        held = [asyncio.create_task(threads.ask(hold)) for _ in range(5)]
        async with asyncio.timeout(PATIENCE):
            while len(most) < 2:
                await asyncio.sleep(0.01)
        go.set()
        await asyncio.gather(*held)
        assert max(most) == 2
        with pytest.raises(ValueError, match="invalid literal"):
            await threads.ask(int, "x")
        threads.close()

    asyncio.run(story())


def test_what_was_asked_before_the_end_is_done() -> None:
    async def story() -> None:
        threads, held, go = StorageThreads(1), threading.Event(), threading.Event()

        def hold() -> bool:
            held.set()
            return go.wait(PATIENCE)

        asked = [asyncio.create_task(threads.ask(do)) for do in (hold, go.is_set)]
        await asyncio.to_thread(held.wait, PATIENCE)
        threads.close()
        go.set()
        assert await asyncio.gather(*asked) == [True, True]

    asyncio.run(story())
