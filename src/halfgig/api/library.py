"""Routes of the library: the sources that are indexed or counted, and forgetting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from halfgig.api.kept import kept_uploads, let_go
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.api.source_views import SourcePage, SourceView, source_view
from halfgig.errors import NotFound
from halfgig.operations.library import Entry, entries
from halfgig.store.library import Library
from halfgig.store.scope import MOST_TAG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.records import StoredSource
    from halfgig.store.belongings import Belongings
    from halfgig.store.database import Database

router = APIRouter(tags=["library"])

ONE = "/sources/{source_id}"
SourceId = Annotated[str, Path(min_length=1, max_length=128, description="the id of a source")]
Before = Annotated[str | None, Query(min_length=1, max_length=128, description="an id: older sources follow")]
Tag = Annotated[str | None, Query(min_length=1, max_length=MOST_TAG, description="only sources that have this tag")]


@router.get("/sources", summary="List sources", response_model=SourcePage)
async def list_sources(
    services: Given,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Before = None,
    tag: Tag = None,
) -> Any:
    """Sources, newest first; `next` is the address of those that follow."""
    found = await services.shelf().ask(lambda connection: _page(connection, limit, before, tag)) or []
    following = None
    if len(found) == limit:
        asked = {"limit": limit, "before": found[-1].source.id, **({"tag": tag} if tag else {})}
        following = f"/sources?{urlencode(asked)}"
        response.headers["Link"] = f'<{following}>; rel="next"'
    return SourcePage(sources=await shown(services, found), next=following)


def _page(connection: Database, limit: int, before: str | None, tag: str | None) -> list[Entry]:
    return entries(connection, Library(connection).page(limit, before, tag))


@router.get(ONE, summary="Show a source", response_model=SourceView, responses=problems(404))
async def show_source(source_id: SourceId, services: Given) -> Any:
    """The source, as far as it is."""
    source = await known_source(services, source_id)
    found = await services.shelf().ask(lambda connection: entries(connection, [source]))
    return (await shown(services, found or [Entry(source, 0, {})]))[0]


@router.delete(ONE, status_code=204, summary="Forget a source", responses=problems(404))
async def remove_source(source_id: SourceId, services: Given) -> None:
    """Forget the source, its transcript, its passages, its pictures and poses, and the upload that was kept of it.

    Jobs on it that have not ended are cancelled.
    """
    await known_source(services, source_id)
    await let_go(services, source_id)
    await services.searching().forget(source_id)  # last: cut off before, it can be asked again


async def shown(services: Services, found: Sequence[Entry]) -> list[SourceView]:
    """The entries for a client."""
    ids = [entry.source.id for entry in found]
    kept = await kept_uploads(services, ids)
    pictured, posed = await services.storage.ask(_belongings, services.belongings, ids)
    return [
        source_view(one, pictured=one.source.id in pictured, kept=one.source.id in kept, posed=one.source.id in posed)
        for one in found
    ]


def _belongings(belongings: Belongings, source_ids: Sequence[str]) -> tuple[set[str], set[str]]:
    """Those that have pictures, and those that have poses."""
    return belongings.stills.known(source_ids), belongings.poses.known(source_ids)


async def known_source(services: Services, source_id: str) -> StoredSource:
    """The source of this id. Raises NotFound."""
    source = await services.shelf().ask(lambda connection: Library(connection).source(source_id))
    if source is None:
        raise unknown(source_id)
    return source


def unknown(source_id: str) -> NotFound:
    """The error for an id that the library does not know."""
    return NotFound(f"The library has no source {source_id}.", "GET /sources lists them.")
