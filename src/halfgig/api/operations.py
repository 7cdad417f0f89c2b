"""GET /operations: what a person who looks after the server wants to see at one glance."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from halfgig import __version__
from halfgig.api.history import INTERVAL, now_held
from halfgig.api.services import Given, Services
from halfgig.jobs.job import State
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import tree_anonymous
from halfgig.models.record import read_record
from halfgig.store.room import free_space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Bytes

router = APIRouter(tags=["watching"])

MOST_POINTS = 2160
Points = Annotated[int, Query(ge=1, le=MOST_POINTS, description="about how many rows of memory are wanted")]
Since = Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False, description="unix seconds: only later rows")]


class WorkerView(BaseModel):
    """A child of the server: a worker, the query embedder (kind search), or a live session's (kind live)."""

    kind: str
    pid: int
    job: str | None = Field(description="that it does; null while it waits for one")
    bytes: int = Field(description="that it holds and that the kernel cannot drop, as peaks of jobs are counted")


class ModelView(BaseModel):
    """A model that is installed."""

    name: str
    bytes: int


class DiskView(BaseModel):
    """What is on the disk of the data folder."""

    uploads_bytes: int = Field(description="with what is declared and still to come")
    library_bytes: int = Field(description="with DATABASE_URL of all tables there, those of jobs too")
    drawings_bytes: int = Field(description="kept counts, and what was drawn of them")
    free_bytes: int


class OperationsView(BaseModel):
    """How the server is, and how it was in the last hours."""

    version: str
    uptime_seconds: float
    memory_bytes: int = Field(description="of the server with its children")
    server_bytes: int = Field(description="of the server alone")
    limit_bytes: int
    limit_origin: str = Field(description="what sets the limit")
    interval_seconds: float = Field(description="between two samples of memory")
    memory: list[tuple[float, int, int]] = Field(
        description="unix seconds, bytes with the children, bytes of the server alone; oldest first, six hours at most"
    )
    workers: list[WorkerView]
    queue: dict[str, int] = Field(description="jobs by state")
    models: list[ModelView]
    disk: DiskView
    event_streams: int = Field(description="that are open")


@router.get("/operations", summary="How the server is", response_model=OperationsView)
async def show_operations(services: Given, points: Points = 240, since: Since = 0.0) -> Any:
    """Memory now and in the last hours, workers, queue, models and disk. Each row of memory tells the highest of its
    stretch, so that no peak is left out.
    """
    counts: Counter[str] = Counter({str(state): 0 for state in State})
    for (_, state), count in (await services.ask(lambda queue: queue.counts())).items():
        counts[state] += count
    there = await services.ask(lambda queue: queue.database.size()) if services.settings.database_url else None
    return await services.storage.ask(_look, services, dict(counts), services.history.outline(points, since), there)


def _look(
    services: Services, queue: dict[str, int], memory: list[tuple[float, int, int]], there: Bytes | None
) -> OperationsView:
    settings, limit = services.settings, memory_limit(services.settings)
    _, held, own = now_held()
    return OperationsView(
        version=__version__,
        uptime_seconds=round(time.monotonic() - services.started, 1),
        memory_bytes=held,
        server_bytes=own,
        limit_bytes=limit.bytes,
        limit_origin=limit.origin,
        interval_seconds=INTERVAL,
        memory=memory,
        workers=list(_workers(services)),
        queue=queue,
        models=list(_models(settings.models_dir)),
        disk=DiskView(
            uploads_bytes=services.uploads.used,
            library_bytes=_size(settings.library_path) if there is None else there,
            drawings_bytes=services.belonging(),
            free_bytes=free_space(settings.data_dir),
        ),
        event_streams=services.streams,
    )


def _workers(services: Services) -> Iterator[WorkerView]:
    for child in services.supervisor.children if services.supervisor else ():
        job = child.job
        yield WorkerView(kind=child.kind, pid=child.pid, job=job.id if job else None, bytes=tree_anonymous(child.pid))
    pid = services.searcher.embedder.pid if services.searcher else None
    if pid is not None:
        yield WorkerView(kind="search", pid=pid, job=None, bytes=tree_anonymous(pid))
    for pid in services.live.pids if services.live else ():
        yield WorkerView(kind="live", pid=pid, job=None, bytes=tree_anonymous(pid))


def _models(folder: Path) -> Iterator[ModelView]:
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        record = read_record(place) if not place.name.startswith(".") else None
        if record is not None:
            yield ModelView(name=record.model, bytes=record.size)


def _size(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
