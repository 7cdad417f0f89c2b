from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from halfgig.errors import BadRequest
from halfgig.jobs.health import MOST_AT_ONCE, Told, health_port

if TYPE_CHECKING:
    from collections.abc import Callable


async def fine() -> Told:
    return Told("fine", media_type="text/plain")


async def broken() -> Told:
    return Told("broken", 503)


def ask(question: Callable[[httpx.AsyncClient], object]) -> None:
    async def story() -> None:
        async with (
            health_port("127.0.0.1", 0, {"/fine": fine, "/broken": broken}) as address,
            httpx.AsyncClient(base_url=address) as client,
        ):
            await question(client)  # type: ignore[misc]

    asyncio.run(story())


def test_a_path_is_answered_and_no_other() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        answer = await client.get("/fine?x=1")
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "fine", "text/plain")
        assert (await client.head("/fine")).text == ""
        assert (await client.get("/broken")).status_code == 503
        assert (await client.get("/other")).status_code == 404
        assert (await client.post("/fine")).status_code == 405

    ask(story)


def test_nonsense_and_a_crowd_are_cut_off_and_the_port_lives_on() -> None:
    async def story(client: httpx.AsyncClient) -> None:
        host, port = client.base_url.host, client.base_url.port
        crowd = [await asyncio.open_connection(host, port) for _ in range(MOST_AT_ONCE + 4)]
        late = await asyncio.gather(*(reader.read() for reader, _ in crowd[MOST_AT_ONCE:]))
        assert late == [b""] * 4
        for _, writer in crowd:
            writer.write(b"x" * 20_000)  # no request that ends
            writer.close()
        for _ in range(100):
            try:
                answer = await client.get("/fine")
            except httpx.TransportError:  # the crowd has not gone yet
                await asyncio.sleep(0.05)
            else:
                break
        assert answer.text == "fine"

    ask(story)


def test_a_port_that_is_taken_is_told() -> None:
    async def story() -> None:
        async with health_port("127.0.0.1", 0, {}) as address:
            with pytest.raises(BadRequest, match="--port"):
                async with health_port("127.0.0.1", int(address.rpartition(":")[2]), {}):
                    pass

    asyncio.run(story())
