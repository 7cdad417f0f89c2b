"""Routes of a source's transcript: read in any form, streamed a page at a time, and changed segment by segment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from halfgig.api.library import ONE, SourceId, known_source, unknown
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
from halfgig.errors import NotFound
from halfgig.jobs.bell import QUEUE
from halfgig.operations.markdown import markdown
from halfgig.speech.captions import Facts, render
from halfgig.store.edits import Edits
from halfgig.store.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Segment, StoredSource
    from halfgig.store.database import Database

    Page = tuple[list[tuple[int, Segment]], dict[int, str]]

router = APIRouter(tags=["library"])

FORMS = (*SPEECH, Form.MD)
MOST_TEXT = 5000  # characters of a segment
Number = Annotated[int, Path(ge=0, le=2**31, description="of the segment, as the transcript in JSON has it")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_TEXT)]


class SegmentWish(BaseModel):
    """What a segment is to say."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class SegmentView(BaseModel):
    """A segment, and the job that lets search find its new text."""

    number: int
    start: float
    end: float
    text: str
    original: str | None = Field(description="as it was recognised; null where it still says that")
    job: str | None = Field(description="the address of the job that indexes the source again; null where none has to")


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

    In JSON each segment has its number, and one that was changed its `original`; `unused` are changes for which no
    segment is as it was, since the source was recognised again.
    """
    form, source = chosen(format, accept, FORMS), await known_source(services, source_id)
    complete = "true" if source.state in ("indexing", "ready") else "false"
    headers = {**named(source.title, source.id, form), "Halfgig-Complete": complete}
    pieces = gathered(_pieces(services, source, form))
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)


def _pieces(services: Services, source: StoredSource, form: Form) -> Iterator[str]:
    if form is Form.JSON:
        unused = services.shelf().ask_now(lambda connection: Edits(connection).unused(source.id)) or []
        told = {"source": facts(source), "unused": [asdict(edit) for edit in unused]}
        return written_whole(told, lambda: _shown(services, source.id))
    segments = (segment for _, segment in numbered(services, source.id))
    if form is Form.MD:
        return markdown(source, segments)
    closing = Facts("transcribe", source.language or "", source.duration or 0.0)
    return render(segments, form, lambda: closing)


def facts(source: StoredSource) -> dict[str, Any]:
    """What a transcript tells of its source."""
    names = ("id", "title", "address", "duration", "language", "model", "added_at", "state")
    return {**{name: getattr(source, name) for name in names}, "tags": list(source.tags)}


def _shown(services: Services, source_id: str) -> Iterator[dict[str, Any]]:
    for page, originals in pages(services, source_id):
        for number, segment in page:
            told = {"number": number, **shown_segment(segment)}
            yield {**told, "original": originals[number]} if number in originals else told


def numbered(services: Services, source_id: str) -> Iterator[tuple[int, Segment]]:
    """The segments with their numbers, read a page at a time. Blocking: for a thread."""
    for page, _ in pages(services, source_id):
        yield from page


def pages(services: Services, source_id: str) -> Iterator[Page]:
    """The segments with their numbers, a page at a time, and what was recognised of those that were changed."""
    after = -1
    while (found := services.shelf().ask_now(lambda connection: _page(connection, source_id, after))) and found[0]:  # noqa: B023  # asked at once
        yield found
        after = found[0][-1][0]


def _page(connection: Database, source_id: str, after: int) -> Page:
    page = Library(connection).segment_page(source_id, after)
    return page, Edits(connection).originals(source_id, page[0][0], page[-1][0]) if page else {}


@router.patch(
    f"{ONE}/segments/{{number}}",
    summary="Change what a segment says",
    response_model=SegmentView,
    responses=problems(404, 409),
)
async def change_segment(source_id: SourceId, number: Number, wish: SegmentWish, services: Given) -> Any:
    """Correct the text of a segment. It is kept at once; a job of kind reindex lets search find it.

    It stays when the same content is indexed again, wherever a segment is again what it was. 409 while the source is
    being worked on.
    """
    source = await known_source(services, source_id)
    text = " ".join(wish.text.split())
    changed = await services.shelf().ask(lambda connection: Edits(connection).change(source_id, number, text))
    if changed is None:
        raise NotFound(f"The source has no segment {number}.", f"GET /sources/{source_id}/transcript numbers them.")
    job = await services.ask(lambda queue: queue.reindex(source_id, source.title)) if changed else None
    services.bell.ring(QUEUE)
    page, originals = await services.shelf().ask(lambda connection: _page(connection, source_id, number - 1)) or (
        [],
        {},
    )
    segment = next((segment for place, segment in page if place == number), None)
    if segment is None:
        raise unknown(source_id)
    return SegmentView(
        number=number,
        start=segment.start,
        end=segment.end,
        text=segment.text,
        original=originals.get(number),
        job=None if job is None else f"/jobs/{job.id}",
    )
