"""Routes of what is drawn of a count: a plot, the video drawn on, tables of landmarks; a job makes each when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from halfgig.api.auth import client_of
from halfgig.api.kept import kept_uploads
from halfgig.api.library import ONE, SourceId, known_source
from halfgig.api.media import BINARY
from halfgig.api.schema import described, problems
from halfgig.api.sending import send_file
from halfgig.api.services import Given, Services
from halfgig.api.views import JobView, job_view
from halfgig.errors import Conflict, NotFound
from halfgig.jobs.bell import QUEUE
from halfgig.motion.parquet import INSTALL, MISSING, parquet_is_here
from halfgig.store.blob_file import BlobFile
from halfgig.store.drawings import Drawing, headers_of

if TYPE_CHECKING:
    from halfgig.records import Seconds

router = APIRouter(tags=["library"])

LINKED = "It is in the storage of BLOB_URL, for some minutes at the address in Location (BLOB_LINKS)"
LINK_LIFETIME: Seconds = 900.0  # in which a download by a link must begin
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {drawing.media_type.partition(";")[0]: BINARY for drawing in Drawing}},
    206: {"description": "The range that was asked for", "content": {Drawing.OVERLAY.media_type: BINARY}},
    304: {"description": "The client has it"},
    307: {"description": LINKED},
    **problems(404),
    416: described(416),
}
AGAIN = "Count it again by a job of kind reps with keep_source."
NO_POSES = "The poses of this source were not kept."
NO_VIDEO = "The video itself was not kept, so there is nothing to draw on."
Named = Annotated[Drawing, Path(description="its file")]


class DrawingView(BaseModel):
    """Something that may be drawn of a count."""

    name: Drawing
    address: str = Field(description="GET it where it is made; POST has it made")
    bytes: int | None = Field(description="of the file; null where it is not made")
    job: str | None = Field(description="the address of the job that makes it now")
    obstacle: str | None = Field(description="why it cannot be made; null where it can")


class DrawingList(BaseModel):
    """All that may be drawn of a count."""

    drawings: list[DrawingView]


@router.get(f"{ONE}/drawings", summary="What is drawn of a source", response_model=DrawingList, responses=problems(404))
async def list_drawings(source_id: SourceId, services: Given) -> Any:
    """What is made, being made, and can be made of the newest count."""
    await known_source(services, source_id)
    jobs = await services.ask(lambda queue: queue.drawing_now(source_id))
    sizes = await services.storage.ask(services.belongings.drawings.sizes, source_id)
    views = [
        DrawingView(
            name=drawing,
            address=address_of(source_id, drawing),
            bytes=sizes.get(drawing),
            job=f"/jobs/{jobs[drawing]}" if drawing in jobs else None,
            obstacle=await _obstacle(services, source_id, drawing),
        )
        for drawing in Drawing
    ]
    return DrawingList(drawings=views)


async def _obstacle(services: Services, source_id: str, drawing: Drawing) -> str | None:
    """Why a drawing cannot be made, None where it can."""
    if await services.storage.ask(services.belongings.drawings.version, source_id) is None:
        return NO_POSES
    if drawing is Drawing.TABLE and not parquet_is_here():
        return MISSING
    if drawing is Drawing.OVERLAY and not await kept_uploads(services, [source_id]):
        return NO_VIDEO
    return None


@router.post(
    f"{ONE}/drawings/{{drawing}}",
    status_code=202,
    summary="Have something drawn",
    response_model=JobView,
    responses=problems(404, 409),
)
async def make_drawing(
    request: Request, source_id: SourceId, drawing: Named, services: Given, response: Response
) -> Any:
    """Queue a job of kind drawing, whose result is the file; one that has not ended will do. 409 where the poses, or
    for an overlay the video, were not kept.
    """
    source = await known_source(services, source_id)
    if (obstacle := await _obstacle(services, source_id, drawing)) is not None:
        raise Conflict(obstacle, INSTALL if obstacle == MISSING else AGAIN)
    wanted: dict[str, Any] = {"source": source_id, "title": source.title}
    if drawing is Drawing.OVERLAY:
        wanted["upload"] = (await kept_uploads(services, [source_id]))[source_id]
    client = client_of(request.scope) if services.settings.api_keys else ""
    most = services.settings.max_queued_jobs
    place = "" if services.settings.blob_url else services.home  # where the poses are
    asked: dict[str, Any] = {"client": client, "place": place, "max_queued": most}
    job = await services.ask(lambda queue: queue.draw(wanted, drawing, **asked))
    services.bell.ring(QUEUE)
    response.headers["Location"] = f"/jobs/{job.id}"
    places = await services.ask(lambda queue: queue.places())
    return job_view(job, places.get(job.id))


@router.get(f"{ONE}/drawings/{{drawing}}", summary="A drawing", response_class=Response, responses=ANSWERS)
async def show_drawing(request: Request, source_id: SourceId, drawing: Named, services: Given) -> Response:
    """The file, or the range of it that is asked for. 404 where it has not been made of the newest count."""
    return await send_drawing(request, services, source_id, drawing)


@router.head(f"{ONE}/drawings/{{drawing}}", include_in_schema=False)
async def tell_drawing(request: Request, source_id: SourceId, drawing: Named, services: Given) -> Response:
    """The same without the bytes."""
    return await send_drawing(request, services, source_id, drawing)


@router.delete(f"{ONE}/drawings/{{drawing}}", status_code=204, summary="Delete a drawing", responses=problems(404))
async def remove_drawing(source_id: SourceId, drawing: Named, services: Given) -> None:
    """Delete the file; it can be made again."""
    await known_source(services, source_id)
    await services.storage.ask(services.belongings.drawings.remove, source_id, drawing)


async def send_drawing(request: Request, services: Services, source_id: str, drawing: Drawing) -> Response:
    """A drawing of the newest count. Raises NotFound where it is not made."""
    source = await known_source(services, source_id)
    kept = await services.storage.ask(services.belongings.drawings.find, source_id, drawing)
    try:
        if isinstance(kept, BlobFile) and services.settings.blob_links and follows_links(request):
            link = await services.storage.ask(kept.link, LINK_LIFETIME)
            if link is not None:
                return Response(status_code=307, headers={"Location": link, "Cache-Control": "no-store"})
        if kept is not None:
            headers = headers_of(drawing, source_id, source.title)
            return await send_file(request, kept, headers=headers, kind=drawing.media_type)
    except FileNotFoundError:  # deleted meanwhile
        pass
    raise NotFound("This has not been drawn.", f"POST {address_of(source_id, drawing)} has it made.")


def follows_links(request: Request) -> bool:
    """Whether an answer from elsewhere will do: a download, no part of a page, which may load from nowhere else.

    Nor will it do for a question that names a tag of ours. Without TLS a browser does not tell what it asks for.
    """
    asked = request.headers
    if request.method != "GET" or "if-none-match" in asked or "if-range" in asked:
        return False
    browser = "mozilla" in asked.get("user-agent", "").lower()
    return asked.get("sec-fetch-dest", "unknown" if browser else "document") == "document"


def address_of(source_id: str, drawing: Drawing) -> str:
    """Where a drawing is asked for."""
    return f"/sources/{source_id}/drawings/{drawing}"
