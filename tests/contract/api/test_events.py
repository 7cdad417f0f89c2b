"""Server-Sent Events: replayed, live, and bounded."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.api.events import Pace, watch
from halfgig.jobs.attempt import Attempt
from halfgig.records import Segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from halfgig.jobs.job import Job

Site = Any
PATIENCE = 120.0  # seconds; only a test that fails waits so long
EAGER = Pace(look=0.01, heartbeat=PATIENCE, progress=0)


def parsed(text: str) -> list[tuple[str | None, str, Any]]:
    """(id, event, data) of every event in a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def test_an_ended_job_is_told_from_its_beginning(site: Site, ended_job: Callable[..., Job]) -> None:
    answer = site.get(f"/jobs/{ended_job().id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = parsed(answer.text)
    assert [(number, kind) for number, kind, _ in events] == [
        *(("1", "state"), ("2", "state"), ("3", "segment"), ("4", "segment"), ("5", "state"))
    ]
    assert [data["state"] for _, kind, data in events if kind == "state"] == ["queued", "running", "succeeded"]
    assert events[2][2] == {
        **{"start": 0.0, "end": 1.5, "text": "Hello there."},
        "words": [
            {"start": 0.0, "end": 0.5, "word": "Hello", "probability": 0.9},
            {"start": 0.6, "end": 1.5, "word": "there.", "probability": 0.8},
        ],
    }


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_stream_goes_on_after_the_last_event(site: Site, ended_job: Callable[..., Job], way: str) -> None:
    address = f"/jobs/{ended_job('reps').id}/events"
    asked = {"headers": {"Last-Event-ID": "2"}} if way == "header" else {"params": {"after": 2}}
    assert [(number, kind) for number, kind, _ in parsed(site.get(address, **asked).text)] == [
        ("3", "rep"),
        ("4", "state"),
    ]
    assert parsed(site.get(address, params={"after": 99}).text) == []


def test_a_number_that_is_none_is_refused(site: Site, ended_job: Callable[..., Job]) -> None:
    address = f"/jobs/{ended_job().id}/events"
    assert site.get(address, headers={"Last-Event-ID": "abc"}).status_code == 400
    assert site.get(f"{address}?after=-1").status_code == 422


def test_a_stream_of_many_pages_is_whole(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job()
    many = [Segment(10.0 + n, 10.5 + n, f"Number {n}.") for n in range(250)]
    site.queue(lambda queue: Attempt(queue, job).checkpoint({}, segments=many))
    site.queue(lambda queue: queue.cancel(job.id))
    events = parsed(site.get(f"/jobs/{job.id}/events").text)
    assert [number for number, _, _ in events] == [str(n) for n in range(1, 255)]


def test_a_running_job_is_told_as_it_goes(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job()

    async def follow() -> list[tuple[str | None, str, Any]]:
        stream = watch(site.services, job.id, 3, EAGER)
        told = await taken(stream, 1)  # the hint when to come back
        progress = {"stage": "recognizing", "fraction": 0.5}
        await site.services.ask(lambda queue: queue.beat(job.id, job.attempt, progress, 1000))
        told += await taken(stream, 1)
        await site.services.ask(lambda queue: Attempt(queue, job).checkpoint({}, segments=[Segment(5, 6, "Later.")]))
        site.services.bell.ring(job.id)
        told += await taken(stream, 1)
        await site.services.ask(lambda queue: Attempt(queue, job).succeed({}))
        return parsed("".join(told + [text async for text in stream]))

    events = site.run(follow())
    assert events[0] == (None, "progress", {"state": "running", "stage": "recognizing", "fraction": 0.5})
    assert [(number, kind) for number, kind, _ in events[1:3]] == [("4", "segment"), ("5", "state")]


async def taken(stream: AsyncIterator[str], count: int) -> list[str]:
    return [await asyncio.wait_for(anext(stream), PATIENCE) for _ in range(count)]


def test_silence_is_broken_by_a_comment(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job()

    async def follow() -> list[str]:
        stream = watch(site.services, job.id, 3, Pace(look=0.01, heartbeat=0.02, progress=0))
        told = await taken(stream, 3)
        await stream.aclose()
        return told

    assert site.run(follow())[1:] == [": still here\n\n"] * 2


def test_a_server_that_stops_ends_its_streams(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job()

    async def follow() -> list[str]:
        stream = watch(site.services, job.id, 0, EAGER)
        told = await taken(stream, 2)
        site.services.stopping.set()
        return told + [text async for text in stream]

    assert len(parsed("".join(site.run(follow())))) == 3


def test_too_many_streams_are_refused(site: Site, ended_job: Callable[..., Job]) -> None:
    address = f"/jobs/{ended_job().id}/events"
    site.services.streams = site.services.settings.max_event_streams
    assert site.get(address).status_code == 429
    site.services.streams -= 1
    assert site.get(address).status_code == 200
    assert site.services.streams == site.services.settings.max_event_streams - 1
