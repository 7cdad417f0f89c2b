"""Routes for whoever watches the server: /healthz, /readyz and /metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from halfgig.api.problems import plain_problem, problem_response
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.errors import MIB, HalfgigError
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import rss, working_set
from halfgig.store.room import free_space

router = APIRouter(tags=["watching"])

LEAST_DISK = 64 * MIB  # free bytes below which no work is safe


class Health(BaseModel):
    """That the server is alive, or ready."""

    status: str = Field(examples=["ok"])


@router.get("/healthz", summary="Is the process alive?", responses=problems(503))
async def healthz(request: Request, services: Given) -> Any:
    """Answers as long as the event loop turns and the supervisor lives; restart the server where it does not."""
    if services.supervision is not None and services.supervision.done() and not services.stopping.is_set():
        return problem_response(
            request.scope, plain_problem(503, "The supervisor has ended.", "Restart the server; no job is lost.")
        )
    return Health(status="ok")


@router.get("/readyz", summary="Can it accept work?", responses=problems(503))
async def readyz(request: Request, services: Given) -> Any:
    """Whether jobs can be accepted and done: the queue is writable, the supervisor runs, the disk has room."""
    missing = [reason for reason in await _lacking(services) if reason]
    if not missing:
        return Health(status="ok")
    remedy = "Wait a moment, or look into the log of the server."
    return problem_response(request.scope, plain_problem(503, " ".join(missing), remedy, missing=missing))


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def show_metrics(services: Given) -> Response:
    """Memory, jobs, uploads and requests in Prometheus' text format."""
    counts = await services.ask(lambda queue: queue.counts())
    text, media_type = await run_in_threadpool(_exposition, services, counts)
    return Response(text, media_type=media_type)


async def _lacking(services: Services) -> list[str]:
    return [
        await _queue_trouble(services),
        _supervisor_trouble(services),
        await run_in_threadpool(_disk_trouble, services),
    ]


async def _queue_trouble(services: Services) -> str:
    try:
        await services.ask(lambda queue: queue.touch())
    except HalfgigError as error:
        return error.detail
    return ""


def _supervisor_trouble(services: Services) -> str:
    if services.stopping.is_set():
        return "The server is stopping."
    return "" if services.supervising() else "The supervisor is not running."


def _disk_trouble(services: Services) -> str:
    free = free_space(services.settings.data_dir)
    return "" if free >= LEAST_DISK else f"The disk has {free // MIB} MB left, and {LEAST_DISK // MIB} MB are needed."


def _exposition(services: Services, counts: dict[tuple[str, str], int]) -> tuple[bytes, str]:
    from halfgig.api import metrics

    snapshot = metrics.Snapshot(
        resident=rss(),
        working_set=working_set(),
        limit=memory_limit(services.settings).bytes,
        jobs=counts,
        streams=services.streams,
        leases=services.leases(),
        restarts=services.supervisor.restarts if services.supervisor else {},
        uploads=services.uploads.count,
        uploads_held=services.uploads.held,
    )
    return metrics.exposition(snapshot, services.tally), metrics.MEDIA_TYPE
