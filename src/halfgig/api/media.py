"""Routes of what a source looks and sounds like: its thumbnail, and the file itself where it was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from halfgig.api.kept import kept_media
from halfgig.api.library import ONE, SourceId, known_source
from halfgig.api.schema import described, problems
from halfgig.api.sending import send_file
from halfgig.api.services import Given
from halfgig.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.store.blob_file import BlobFile
    from halfgig.store.stills import Stills

router = APIRouter(tags=["library"])

JPEG = "image/jpeg"
MOST_SECONDS = 1e9
BINARY = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": BINARY, "audio/mpeg": BINARY, "application/octet-stream": BINARY}},
    206: {"description": "The range that was asked for", "content": {"video/mp4": BINARY}},
    304: {"description": "The client has it"},
    **problems(404),
    416: described(416),
}
At = Annotated[float | None, Query(ge=0, le=MOST_SECONDS, description="a second: the picture that is nearest to it")]


@router.get(
    f"{ONE}/thumbnail",
    summary="A picture of a source",
    response_class=Response,
    responses={200: {"content": {JPEG: BINARY}}, 304: {"description": "The client has it"}, **problems(404)},
)
async def show_thumbnail(request: Request, source_id: SourceId, services: Given, at: At = None) -> Response:
    """A small JPEG that stands for the source, or with `at` one that shows it near that second."""
    await known_source(services, source_id)
    kept = await services.storage.ask(_still, services.belongings.stills, source_id, at)
    try:
        if kept is None:
            raise FileNotFoundError
        return await send_file(request, kept)
    except FileNotFoundError as error:  # or it was taken away meanwhile
        raise NotFound("There is no picture of this source.", "Sound has none; a job on a video takes some.") from error


def _still(stills: Stills, source_id: str, at: float | None) -> Path | BlobFile | None:
    return stills.poster(source_id) if at is None else stills.near(source_id, at)


@router.get(f"{ONE}/media", summary="The source itself", response_class=Response, responses=ANSWERS)
async def show_media(request: Request, source_id: SourceId, services: Given) -> Response:
    """The video or sound as it was uploaded, where a job was told to `keep_source`; a range of it, if one is asked for.

    Of several ranges at once the whole is sent.
    """
    return await _send(request, source_id, services)


@router.head(f"{ONE}/media", include_in_schema=False)
async def tell_media(request: Request, source_id: SourceId, services: Given) -> Response:
    """The same without the bytes."""
    return await _send(request, source_id, services)


async def _send(request: Request, source_id: str, services: Given) -> Response:
    await known_source(services, source_id)
    kept = await kept_media(services, source_id)
    if kept is None:
        raise NotFound("The source was not kept.", "Give it to a job again, with keep_source.")
    try:
        return await send_file(request, kept, f'"{source_id}"')
    except FileNotFoundError as error:
        raise NotFound("The source is no longer here.", "Give it to a job again, with keep_source.") from error
