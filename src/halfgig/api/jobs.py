"""Routes of jobs: accept, list, show, cancel, retry, delete."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Path, Query, Response
from starlette.requests import Request

from halfgig.api.auth import client_of
from halfgig.api.forms import FormLimits, receive_form
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.api.upkeep import drop_upload
from halfgig.api.views import JobPage, JobView, job_view
from halfgig.api.wishes import (
    EXAMPLES,
    FORM_FIELDS,
    IndexWish,
    RepsWish,
    TranscriptWish,
    checked_options,
    read_form,
    read_json,
)
from halfgig.errors import Conflict, HalfgigError, NotFound, UnsupportedMedia
from halfgig.jobs.bell import ENDS, QUEUE
from halfgig.jobs.job import KINDS, Job, State
from halfgig.media.addresses import AllowList, check_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from halfgig.jobs.queue import JobQueue

log = logging.getLogger("halfgig.api")
router = APIRouter(tags=["jobs"])

JSON, FORM = "application/json", "multipart/form-data"
JobId = Annotated[str, Path(min_length=1, max_length=64, description="the id of a job")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="A request that comes again with its key makes no second job.",
    ),
]
LINKED = {"Location": {"description": "the address of the job", "schema": {"type": "string"}}}
FORM_SCHEMA = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "the source; or give url or upload"},
        "kind": {"type": "string", "enum": [example["kind"] for example in EXAMPLES]},
        "options": {"type": "string", "description": "a JSON object; its members may be fields of their own instead"},
        **{name: {"type": "string"} for name in ("url", "upload", "title", *FORM_FIELDS)},
    },
}
BODY = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/JobWish"},
            "examples": {e["kind"]: {"value": e} for e in EXAMPLES},
        },
        FORM: {"schema": FORM_SCHEMA},
    },
}
Wish = TranscriptWish | IndexWish | RepsWish


@router.post(
    "/jobs",
    status_code=202,
    summary="Accept a job",
    response_model=JobView,
    responses={202: {"headers": LINKED}, **problems(403, 404, 409, 423, 507)},
    openapi_extra={"requestBody": BODY},
)
async def create_job(request: Request, services: Given, response: Response, key: Key = None) -> Any:
    """Accept work on a source: a JSON body that names it, or a form that holds it.

    The answer comes at once, and the job is on disk by then. Watch it at `links.events`, or ask for `links.self`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in READERS:
        raise UnsupportedMedia(f"A body of type {kind or 'none'} is not taken here.", f"Send {JSON} or {FORM}.")
    job = await READERS[kind](request, services, key)
    response.headers["Location"] = f"/jobs/{job.id}"
    return await _shown(services, job)


@router.get("/jobs", summary="List jobs", response_model=JobPage)
async def list_jobs(  # noqa: PLR0917  # FastAPI gives them by name
    services: Given,
    response: Response,
    state: State | None = None,
    kind: Annotated[str | None, Query(pattern=f"^({'|'.join(KINDS)})$")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(min_length=1, max_length=64, description="an id: older jobs follow")] = None,
) -> Any:
    """Jobs, newest first; `next` is the address of those that follow."""
    found = await services.ask(lambda queue: queue.page(state=state, kind=kind, limit=limit, before=before))
    following = None
    if len(found) == limit:
        asked = {"state": state, "kind": kind, "limit": limit, "before": found[-1].id}
        again = {name: value for name, value in asked.items() if value is not None}
        following = f"/jobs?{urlencode(again)}"
        response.headers["Link"] = f'<{following}>; rel="next"'
    return JobPage(jobs=await _all_shown(services, found), next=following)


@router.get("/jobs/{job_id}", summary="Show a job", response_model=JobView, responses=problems(404))
async def show_job(job_id: JobId, services: Given) -> Any:
    """The job with its state, its progress, what it cost, and why attempts failed."""
    return await _shown(services, await known_job(services, job_id))


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", response_model=JobView, responses=problems(404, 409))
async def cancel_job(job_id: JobId, services: Given) -> Any:
    """Want a job no more. What it has made so far stays readable, and it can be retried from there."""
    return await _shown(services, await _move(services, job_id, lambda queue: queue.cancel(job_id)))


@router.post("/jobs/{job_id}/retry", summary="Retry a job", response_model=JobView, responses=problems(404, 409))
async def retry_job(job_id: JobId, services: Given) -> Any:
    """Queue a job again that failed or was cancelled; it goes on from its last checkpoint."""
    job = await known_job(services, job_id)
    if job.state.final and "upload" in job.source:
        try:
            await services.storage.ask(services.uploads.open, job.source["upload"])
        except HalfgigError as error:
            raise Conflict("The upload of the job is gone.", "Upload the source again, and make a new job.") from error
    return await _shown(services, await _move(services, job_id, lambda queue: queue.retry(job_id)))


@router.delete("/jobs/{job_id}", status_code=204, summary="Delete a job", responses=problems(404, 409))
async def delete_job(job_id: JobId, services: Given) -> None:
    """Forget a job that has ended, with its transcript, its report and its upload. What is indexed stays."""
    job = await _move(services, job_id, lambda queue: queue.delete(job_id))
    if "upload" in job.source:
        await drop_upload(services, job.source["upload"])


async def _shown(services: Services, job: Job) -> JobView:
    return (await _all_shown(services, [job]))[0]


async def _all_shown(services: Services, found: Sequence[Job]) -> list[JobView]:
    """The jobs for a client, those that wait with their places."""
    waits = any(job.state is State.QUEUED for job in found)
    places = await services.ask(lambda queue: queue.places()) if waits else {}
    return [job_view(job, places.get(job.id)) for job in found]


async def known_job(services: Services, job_id: str) -> Job:
    """The job of this id, without the lists of its result. Raises NotFound."""
    return _known(job_id, await services.ask(lambda queue: queue.outline(job_id)))


def _known(job_id: str, job: Job | None) -> Job:
    if job is None:
        raise NotFound(f"There is no job {job_id}.", "GET /jobs lists those that there are.")
    return job


async def _move(services: Services, job_id: str, move: Callable[[JobQueue], Job | None]) -> Job:
    job = _known(job_id, await services.ask(move))
    services.bell.ring(job_id, QUEUE, ENDS)
    return job


async def _from_json(request: Request, services: Services, key: str | None) -> Job:
    job, _ = await _accept(read_json(await request.body()), request, services, key)
    return job


async def _from_form(request: Request, services: Services, key: str | None) -> Job:
    """The job that a form makes; its file is kept only for a job that is new."""
    limits = FormLimits(stall=services.settings.upload_stall_seconds)
    form = await receive_form(request, services.uploads, limits, services.storage.ask)
    is_new = False
    try:
        wish = read_form(form.fields, form.upload.id if form.upload else None)
        job, is_new = await _accept(wish, request, services, key)
    finally:
        if form.upload and not is_new:
            await drop_upload(services, form.upload.id)
    return job


READERS = {JSON: _from_json, FORM: _from_form}


async def _accept(wish: Wish, request: Request, services: Services, key: str | None) -> tuple[Job, bool]:
    """The job that the wish makes, or the one that its key has made before, and whether it is new."""
    options = checked_options(wish, services.settings)
    if wish.callback_url is not None:
        check_url(wish.callback_url, AllowList.parse(services.settings.allowed_hosts))
    source = await _known_source(wish, services, key) or await services.storage.ask(checked_source, wish, services)
    create = partial(
        _create,
        kind=wish.kind,
        source=source,
        options=options,
        priority=wish.priority,
        idempotency_key=key,
        keep_source=wish.keep_source,
        callback_url=wish.callback_url,
        client=client_of(request.scope) if services.settings.api_keys else "",
        place=services.home if wish.source.upload is not None and not services.settings.blob_url else "",
        max_queued=services.settings.max_queued_jobs,
    )
    job, is_new = await services.ask(create)
    if is_new:
        services.bell.ring(QUEUE)
        log.info("accepted", extra={"facts": {"job": job.id, "kind": job.kind}})
    return job, is_new


async def _known_source(wish: Wish, services: Services, key: str | None) -> dict[str, Any] | None:
    """The source of the job that this key has made, if the wish names the same upload: that may be gone by now."""
    known = None if key is None else await services.ask(lambda queue: queue.known(key))
    if known is None or wish.source.upload is None or known.source.get("upload") != wish.source.upload:
        return None
    return known.source if wish.source.title is None else {**known.source, "title": wish.source.title}


def _create(queue: JobQueue, **asked: Any) -> tuple[Job, bool]:
    return queue.create(**asked)


def checked_source(wish: Wish, services: Services) -> dict[str, Any]:
    """The source as a job keeps it.

    Errors: NotFound and Conflict for an upload that is not there, or not whole; SourceError and Forbidden for a URL
    that may not be visited, as far as that can be told without resolving its host. The worker checks it again.
    """
    titled = {} if wish.source.title is None else {"title": wish.source.title}
    if wish.source.url is not None:
        check_url(wish.source.url, AllowList.parse(services.settings.allowed_hosts))
        return {"url": wish.source.url, **titled}
    assert wish.source.upload is not None
    services.uploads.open(wish.source.upload)
    facts = services.uploads.facts(wish.source.upload)
    told = {"upload": facts.id, "title": facts.title, "size": facts.length, **titled}
    return told if facts.sha256 is None else {**told, "sha256": facts.sha256}
