"""Routes of a source's transcript: read in any form, streamed a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from halfgig.api.library import ONE, SourceId, known_source
from halfgig.api.results import (
    ANSWERS,
    MEDIA_TYPES,
    SPEECH,
    Accept,
    Form,
    chosen,
    gathered,
    named,
    shown_segment,
    written_whole,
)
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.operations.markdown import markdown
from halfgig.speech.captions import Facts, render
from halfgig.store.sqlite import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Segment, StoredSource

router = APIRouter(tags=["library"])

FORMS = (*SPEECH, Form.MD)


@router.get(
    f"{ONE}/transcript",
    summary="The transcript of a source",
    response_class=Response,
    responses={200: {"content": ANSWERS}, **problems(404, 415)},
)
async def show_transcript(
    source_id: SourceId, services: Given, format: Form | None = None, accept: Accept = "*/*"
) -> Response:
    """The transcript as far as it is; the header Halfgig-Complete tells whether that is all.

    In JSON each segment has its number.
    """
    form, source = chosen(format, accept, FORMS), await known_source(services, source_id)
    complete = "true" if source.state in ("indexing", "ready") else "false"
    headers = {**named(source.title, source.id, form), "Halfgig-Complete": complete}
    pieces = gathered(_pieces(services, source, form))
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)


def _pieces(services: Services, source: StoredSource, form: Form) -> Iterator[str]:
    if form is Form.JSON:
        return written_whole({"source": facts(source)}, lambda: _shown(services, source.id))
    segments = (segment for _, segment in numbered(services, source.id))
    if form is Form.MD:
        return markdown(source, segments)
    told = Facts("transcribe", source.language or "", source.duration or 0.0)
    return render(segments, form, lambda: told)


def facts(source: StoredSource) -> dict[str, Any]:
    """What a transcript tells of its source."""
    names = ("id", "title", "address", "duration", "language", "model", "added_at", "state")
    return {**{name: getattr(source, name) for name in names}, "tags": list(source.tags)}


def _shown(services: Services, source_id: str) -> Iterator[dict[str, Any]]:
    return ({"number": number, **shown_segment(segment)} for number, segment in numbered(services, source_id))


def numbered(services: Services, source_id: str) -> Iterator[tuple[int, Segment]]:
    """The segments with their numbers, read a page at a time. Blocking: for a thread."""
    after = -1
    while page := services.shelf().ask_now(lambda connection: Library(connection).segment_page(source_id, after)):  # noqa: B023  # asked at once
        yield from page
        after = page[-1][0]
