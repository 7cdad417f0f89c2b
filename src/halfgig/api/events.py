"""GET /jobs/{id}/events: Server-Sent Events. What the queue has numbered can be replayed; progress is only told."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse

from halfgig.api.jobs import JobId, known_job
from halfgig.api.results import shown_segment
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.errors import BadRequest, Busy
from halfgig.jobs.table import read_segment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from halfgig.jobs.job import Event
    from halfgig.jobs.queue import JobQueue
    from halfgig.records import Seconds

router = APIRouter(tags=["jobs"])

MEDIA_TYPE = "text/event-stream"
PAGE = 100  # events held at a time
LOOK: Seconds = 1.0  # without a ring, the queue is looked at all the same: another process may have written
HEARTBEAT: Seconds = 15.0  # of silence, after which proxies begin to close connections
PROGRESS: Seconds = 0.5  # between two events of progress
MOST_ID = 2**62
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "progress has none"},
        "event": {"enum": ["state", "segment", "rep", "note", "progress"]},
        "data": {"type": "string", "description": "a JSON object"},
    },
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is told; in seconds."""

    look: Seconds = LOOK
    heartbeat: Seconds = HEARTBEAT
    progress: Seconds = PROGRESS


async def take_stream(services: Given) -> AsyncIterator[None]:
    """A place among those who watch, until the answer has been sent. Raises Busy where all are taken."""
    most = services.settings.max_event_streams
    if services.streams >= most:
        raise Busy(f"{most} streams of events are open.", "Ask for the job itself, or try again later.", 10)
    services.streams += 1
    try:
        yield
    finally:
        services.streams -= 1


@router.get(
    "/jobs/{job_id}/events",
    summary="Watch a job",
    response_class=StreamingResponse,
    responses={200: {"content": {MEDIA_TYPE: {"schema": EVENT}}}, **problems(404)},
    dependencies=[Depends(take_stream)],
)
async def watch_job(
    job_id: JobId,
    services: Given,
    after: Annotated[int, Query(ge=0, le=MOST_ID, description="the id of the last event that is known")] = 0,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> StreamingResponse:
    """What happens to a job, as it happens: `state`, `segment`, `rep` and `note` with ids, `progress` without.

    It begins with what has happened already, or after `Last-Event-ID`, and ends when the job has ended.
    """
    await known_job(services, job_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    begin = max(after, event_number(last_event_id))
    return StreamingResponse(watch(services, job_id, begin), media_type=MEDIA_TYPE, headers=headers)


def event_number(last_event_id: str) -> int:
    """The number in the header; 0 where it is empty. Raises BadRequest for one that we never gave."""
    if not last_event_id:
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit()):
        raise BadRequest("The header Last-Event-ID holds no id of an event.", "Leave it out.")
    return min(int(last_event_id), MOST_ID)


async def watch(
    services: Services, job_id: str, after: int, pace: Pace = Pace(), clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[str, None]:
    """The stream's text. It holds a page of events, and waits where its reader is slow."""
    progress: dict[str, Any] = {}
    told = progressed = clock()
    yield "retry: 2000\n\n"
    with services.bell.listening(job_id) as ear:  # before the first look, so that no news fall between
        while not services.stopping.is_set():
            job = await services.ask(lambda queue: queue.outline(job_id))
            page = await services.ask(partial(_page, job_id=job_id, after=after))
            for event in page:
                yield numbered(event)
                after, told = event.id, clock()
            if len(page) == PAGE:
                continue
            if job is None or job.state.final:
                return
            if job.progress != progress and clock() - progressed >= pace.progress:
                progress, progressed, told = job.progress, clock(), clock()
                yield f"event: progress\ndata: {_json({'state': str(job.state), **progress})}\n\n"
            if clock() - told >= pace.heartbeat:
                told = clock()
                yield ": still here\n\n"
            await ear.wait(pace.look)


def _page(queue: JobQueue, *, job_id: str, after: int) -> list[Event]:
    return queue.events(job_id, after, PAGE)


def numbered(event: Event) -> str:
    """An event as the stream writes it."""
    data = shown_segment(read_segment(event.data)) if event.type == "segment" else event.data
    return f"id: {event.id}\nevent: {event.type}\ndata: {_json(data)}\n\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
