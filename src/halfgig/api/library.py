"""Routes of the library: the sources that are indexed, their transcripts, and forgetting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from halfgig.api.results import ANSWERS, MEDIA_TYPES, SPEECH, Accept, Form, chosen, gathered, named, whole_json
from halfgig.api.schema import problems
from halfgig.errors import NotFound
from halfgig.operations.library import forget
from halfgig.speech.captions import Facts, render
from halfgig.store.sqlite import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from halfgig.jobs.library import LibraryThread
    from halfgig.records import Segment, StoredSource

ONE = "/sources/{source_id}"
SourceId = Annotated[str, Path(min_length=1, max_length=128, description="the id of a source")]
Before = Annotated[str | None, Query(min_length=1, max_length=128, description="an id: older sources follow")]


class SourceView(BaseModel):
    """A source that the library knows."""

    id: str = Field(description="of its content: the same video has the same id")
    title: str
    address: str
    duration: float | None = Field(description="seconds; null where it is not known")
    language: str | None
    model: str = Field(description="that recognised its speech")
    added_at: str = Field(description="ISO 8601")
    state: str = Field(
        description="recognizing, indexing, or ready: only then search shows what is said; unheard: motion only"
    )
    tags: list[str]
    links: dict[str, str]


class SourcePage(BaseModel):
    """Some sources, newest first."""

    sources: list[SourceView]
    next: str | None = Field(description="the address of the next page")


def router(shelf: Callable[[], LibraryThread]) -> APIRouter:
    """The routes over the library that `shelf` gives."""
    routes, made = LibraryRoutes(shelf), APIRouter(tags=["library"])
    made.add_api_route("/sources", routes.page, response_model=SourcePage, summary="List sources")
    made.add_api_route(ONE, routes.show, response_model=SourceView, summary="Show a source", responses=problems(404))
    made.add_api_route(
        ONE, routes.remove, methods=["DELETE"], status_code=204, summary="Forget a source", responses=problems(404)
    )
    made.add_api_route(
        f"{ONE}/transcript",
        routes.transcript,
        response_class=Response,
        summary="The transcript of a source",
        responses={200: {"content": ANSWERS}, **problems(404, 415)},
    )
    return made


class LibraryRoutes:
    """What each route does. The library is asked on its own thread, so that the event loop never waits."""

    def __init__(self, shelf: Callable[[], LibraryThread]) -> None:
        self._shelf = shelf

    async def page(
        self, response: Response, limit: Annotated[int, Query(ge=1, le=200)] = 50, before: Before = None
    ) -> Any:
        """Sources, newest first; `next` is the address of those that follow."""
        found = await self._shelf().ask(lambda connection: Library(connection).page(limit, before)) or []
        following = None
        if len(found) == limit:
            following = f"/sources?{urlencode({'limit': limit, 'before': found[-1].id})}"
            response.headers["Link"] = f'<{following}>; rel="next"'
        return SourcePage(sources=[source_view(source) for source in found], next=following)

    async def show(self, source_id: SourceId) -> Any:
        """The source, as far as it is."""
        return source_view(await self._known(source_id))

    async def remove(self, source_id: SourceId) -> None:
        """Forget the source, its transcript and its passages. Work on it that is still going on fails."""
        if await self._shelf().ask(lambda connection: forget(connection, source_id)) is None:
            raise unknown(source_id)

    async def transcript(self, source_id: SourceId, format: Form | None = None, accept: Accept = "*/*") -> Response:
        """The transcript as far as it is; the header Halfgig-Complete tells whether that is all."""
        form, source = chosen(format, accept, SPEECH), await self._known(source_id)
        complete = "true" if source.state in ("indexing", "ready") else "false"
        headers = {**named(source.title, source.id, form), "Halfgig-Complete": complete}
        pieces = gathered(self._pieces(source, form))
        return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)

    async def _known(self, source_id: str) -> StoredSource:
        source = await self._shelf().ask(lambda connection: Library(connection).source(source_id))
        if source is None:
            raise unknown(source_id)
        return source

    def _pieces(self, source: StoredSource, form: Form) -> Iterator[str]:
        if form is Form.JSON:
            return whole_json({"source": source_view(source).model_dump()}, lambda: self._segments(source.id))
        facts = Facts("transcribe", source.language or "", source.duration or 0.0)
        return render(self._segments(source.id), form, lambda: facts)

    def _segments(self, source_id: str) -> Iterator[Segment]:
        """Read a page at a time. Blocking: for a thread."""
        after = -1
        while page := self._shelf().ask_now(lambda connection: Library(connection).segment_page(source_id, after)):  # noqa: B023  # asked at once
            yield from (segment for _, segment in page)
            after = page[-1][0]


def source_view(source: StoredSource) -> SourceView:
    """The source for a client."""
    here = f"/sources/{source.id}"
    return SourceView(
        id=source.id,
        title=source.title,
        address=source.address,
        duration=source.duration,
        language=source.language,
        model=source.model,
        added_at=source.added_at,
        state=source.state,
        tags=list(source.tags),
        links={"self": here, "transcript": f"{here}/transcript"},
    )


def unknown(source_id: str) -> NotFound:
    """The error for an id that the library does not know."""
    return NotFound(f"The library has no source {source_id}.", "GET /sources lists them.")
