"""Routes of what was counted in a source: its report, and the poses to draw over the video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from halfgig.api.library import ONE, SourceId, known_source
from halfgig.api.media import BINARY
from halfgig.api.results import MOTION, Accept, Form, chosen, named, told_report
from halfgig.api.schema import described, problems
from halfgig.api.sending import UNKNOWN, send_file
from halfgig.api.services import Given
from halfgig.errors import NotFound
from halfgig.store.reports import Reports

if TYPE_CHECKING:
    from halfgig.store.database import Database
router = APIRouter(tags=["library"])

TABLES: dict[str, Any] = {
    "application/json": {"schema": {"type": "object"}},
    "text/csv": {"schema": {"type": "string"}},
}
POSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {UNKNOWN: BINARY}},
    206: {"description": "The range that was asked for", "content": {UNKNOWN: BINARY}},
    304: {"description": "The client has it"},
    **problems(404),
    416: described(416),
}


@router.get(
    f"{ONE}/reps",
    summary="What was counted in a source",
    response_class=Response,
    responses={200: {"content": TABLES}, **problems(404, 415)},
)
async def show_reps(
    source_id: SourceId, services: Given, format: Form | None = None, accept: Accept = "*/*"
) -> Response:
    """The newest report of repetitions, as the result of its job has it."""
    form, source = chosen(format, accept, MOTION), await known_source(services, source_id)

    def ask(connection: Database) -> dict[str, Any] | None:
        return Reports(connection).find(source_id)

    report = await services.shelf().ask(ask)
    if report is None:
        raise NotFound("Nothing was counted in this source.", "POST /jobs with kind reps counts what is done in it.")
    return told_report(report, form, named(source.title, source.id, form))


@router.get(f"{ONE}/poses", summary="The poses of a source", response_class=Response, responses=POSES)
async def show_poses(request: Request, source_id: SourceId, services: Given) -> Response:
    """Landmarks of the person at each moment, to draw over the video, where a count was told to `keep_source`.

    Little-endian: 16 bytes of head, "HGP1", then 16 bits each the bytes of a record, the landmarks (33), the frame's
    width and height; then records: milliseconds (32 bits), 33 times x and y in 1/8192 of the frame's sides (16 bits
    each, signed), 33 visibilities (8 bits), 3 zeros.
    """
    await known_source(services, source_id)
    kept = await services.storage.ask(services.belongings.poses.find, source_id)
    try:
        if kept is None:
            raise FileNotFoundError
        return await send_file(request, kept)
    except FileNotFoundError as error:
        raise NotFound(
            "No poses of this source are kept.", "Count it again by a job of kind reps with keep_source."
        ) from error
