"""Where everything is, for a program that finds the server, and the list of the kinds of problems."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from halfgig import __version__
from halfgig.api.problems import PAGE
from halfgig.errors import kinds, slug

router = APIRouter(tags=["about"])


class Index(BaseModel):
    """Where everything is."""

    name: str = Field(examples=["halfgig"])
    version: str = Field(examples=[__version__])
    links: dict[str, str] = Field(examples=[{"docs": "/docs"}])


LINKS = {
    "docs": "/docs",
    "schema": "/openapi.json",
    "jobs": "/jobs",
    "search": "/search",
    "sources": "/sources",
    "health": "/healthz",
    "ready": "/readyz",
}


def shown_index() -> Index:
    """The name, the version, and the addresses to go on from."""
    return Index(name="halfgig", version=__version__, links={**LINKS, "metrics": "/metrics", "problems": PAGE})


@router.get(PAGE, summary="The kinds of problems", response_class=PlainTextResponse)
async def show_problems() -> PlainTextResponse:
    """What the `type` of a problem means, a line for each."""
    lines = [f"#{slug(kind)}  {kind.status}  {(kind.__doc__ or '').strip().splitlines()[0]}" for kind in kinds()]
    return PlainTextResponse("\n".join(lines) + "\n")
