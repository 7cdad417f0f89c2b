"""The server as an ASGI app: its layers, its routes, and what lives as long as it runs."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from halfgig import __version__
from halfgig.api import (
    docs,
    drawings,
    events,
    health,
    index,
    jobs,
    library,
    live,
    media,
    models,
    motion,
    operations,
    page,
    plans,
    results,
    search,
    session,
    transcripts,
    uploads,
)
from halfgig.api.assets import Assets
from halfgig.api.auth import Gate, Keys, keys_of
from halfgig.api.hosts import LOOPBACK, Hosts
from halfgig.api.layers import LastResort, Observed, SafeHeaders
from halfgig.api.limits import Bodies, Crowd
from halfgig.api.lingering import Lingering
from halfgig.api.problems import add_handlers
from halfgig.api.schema import openapi
from halfgig.api.services import Services
from halfgig.api.sessions import Sessions, server_secret
from halfgig.api.tally import Tally
from halfgig.api.upkeep import cleaning, delivering, hearing, running, sampling
from halfgig.errors import MIB, LibraryError
from halfgig.jobs.bell import Bell
from halfgig.jobs.home import home_of
from halfgig.jobs.job import read_bounds
from halfgig.jobs.queue import JobQueue
from halfgig.jobs.queue_thread import QueueThread
from halfgig.jobs.webhooks import read_secret
from halfgig.media.addresses import AllowList
from halfgig.memory.allocator import trim
from halfgig.memory.meter import rss
from halfgig.settings import Settings, listed
from halfgig.store.place import belongings_size, open_belongings, upload_shelf
from halfgig.store.room import held
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from halfgig.api.upkeep import MakeSupervisor
    from halfgig.store.shelf import Shelf

log = logging.getLogger("halfgig.api")

DESCRIPTION = """Video understanding in half a gigabyte: what is said in a video, made searchable, and the exercise
repetitions that are done in it, counted. Send a source to POST /jobs, and watch GET /jobs/{id}/events."""
PAGE = Path(__file__).parents[1] / "page"  # its static files
EXPOSED = ("Location", "Link", "Retry-After", "X-Request-ID", "Halfgig-Complete", "Content-Disposition")
TUS_HEADERS = ("Upload-Offset", "Upload-Length", "Upload-Expires", "Tus-Resumable", "Tus-Version", "Tus-Extension")


def create_app(settings: Settings, supervise: MakeSupervisor | None = None) -> FastAPI:
    """The app, with what it works with opened; that is closed when the app has run.

    `supervise` makes what runs the jobs; without it they are only accepted. Errors: BadRequest for keys, hosts and
    secrets that cannot be read, LibraryError where the data folder cannot be used.
    """
    tally = Tally()
    keys = keys_of(settings)
    sessions = open_sessions(settings, keys.known)
    gate = Gate(keys, holds=sessions.holds)
    around = layers(settings, tally, gate)
    AllowList.parse(settings.allowed_hosts)
    read_secret(settings.webhook_secret)
    read_bounds(settings.jobs_at_once)
    services = open_services(settings, tally)
    app = FastAPI(
        title="halfgig",
        version=__version__,
        description=DESCRIPTION,
        lifespan=partial(lifespan, services=services, supervise=supervise),
        middleware=around,
        docs_url=None,
        redoc_url=None,
    )
    app.state.halfgig = services
    app.openapi = partial(openapi, app)  # type: ignore[method-assign]
    add_handlers(app)
    everyday = (index, jobs, results, events, health, library, transcripts, media, motion, drawings, live, plans)
    for module in (*everyday, operations, models, docs):
        app.include_router(module.router)
    app.include_router(page.router(Assets(PAGE)))
    app.include_router(session.router(gate, sessions))
    app.include_router(uploads.router(services.uploads, settings, services.uses, services.storage.ask))
    app.include_router(search.router(services.searching))
    return app


def layers(settings: Settings, tally: Tally, gate: Gate) -> list[Middleware]:
    """What a request passes before its route, the outermost first."""
    origins = listed(settings.cors_origins)
    pages = [cors(origins)] if origins else []
    return [
        Middleware(Observed, tally),
        Middleware(Lingering),
        Middleware(SafeHeaders),
        Middleware(LastResort),
        Middleware(Crowd),
        Middleware(Hosts, names(settings, gate.hashes), frozenset(origins), from_pages=bool(gate.hashes)),
        *pages,
        Middleware(Keys, gate),
        Middleware(Bodies),
    ]


def names(settings: Settings, keys: tuple[str, ...]) -> frozenset[str]:
    """The names that the server answers to; none where any will do, as with keys, or where it listens to others."""
    trusted = frozenset(name.lower() for name in listed(settings.trusted_hosts))
    if trusted:
        return trusted | LOOPBACK
    return frozenset() if keys or settings.allow_public else LOOPBACK


def cors(origins: tuple[str, ...]) -> Middleware:
    """Pages of these origins may use everything, each with a key of its own."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"),
        allow_headers=("*",),
        expose_headers=(*EXPOSED, *TUS_HEADERS),
        max_age=600,
    )


@asynccontextmanager
async def lifespan(_: FastAPI, *, services: Services, supervise: MakeSupervisor | None) -> AsyncIterator[None]:
    """Run the supervisor and the courier beside the routes; close everything at the end."""
    try:
        async with (
            hearing(services),
            delivering(services),
            running(services, supervise),
            cleaning(services),
            sampling(services),
        ):
            trim()  # what the imports have left behind: a megabyte
            log.info("started", extra={"facts": {"memory_bytes": rss()}})
            yield
    finally:
        await services.close()
        log.info("stopped", extra={"facts": {"memory_bytes": rss()}})


def open_sessions(settings: Settings, keys: tuple[str, ...]) -> Sessions:
    """What gives out the page's tokens; without keys there are none, and no secret is made."""
    with telling_trouble(settings):
        secret = server_secret(settings.data_dir / "session.key") if keys else b""
    return Sessions(secret, keys)


def open_services(settings: Settings, tally: Tally) -> Services:
    """The queue and the uploads of the settings.

    LibraryError where they cannot be used; for BLOB_URL ServerTrouble, and BadRequest where another queue has it.
    """
    quota, limit = settings.disk_quota_mb, settings.max_file_size_mb
    with telling_trouble(settings):
        shelf, belonging = upload_shelf(settings), belongings_size(settings)
        store = UploadStore(
            shelf,
            None if quota is None else round(quota * MIB),
            limit=None if limit is None else round(limit * MIB),
            expiry=settings.upload_expiry_seconds,
            others=lambda: belonging() + held(settings.fetched_dir),
        )
        home = home_of(settings.data_dir) if settings.database_url else ""
        queue = open_queue(settings, shelf)
    return Services(settings, queue, Bell(), store, open_belongings(settings), belonging, tally=tally, home=home)


def open_queue(settings: Settings, shelf: Shelf) -> QueueThread:
    """The queue, to which what is on the shelf belongs: no other could tell what its jobs need. Errors: as above."""
    queue = QueueThread(settings.jobs_at)
    try:
        if shelf.shared:
            shelf.own(queue.ask_now(JobQueue.identity))
    except BaseException:
        queue.close()
        raise
    return queue


@contextmanager
def telling_trouble(settings: Settings) -> Iterator[None]:
    """A block in which the system's refusals become a LibraryError that names the folder."""
    try:
        yield
    except OSError as error:
        detail = f"The folder {settings.data_dir} cannot be used: {error.strerror or error}."
        raise LibraryError(detail, "Check its rights and its disk, or set HALFGIG_DATA to another.") from error
