"""Views of sources: how the library's entries are shown to a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from halfgig.operations.library import Entry


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
    passages: int = Field(description="of its transcript, that search finds")
    reps: dict[str, int] = Field(description="repetitions that were counted, by exercise", examples=[{"squat": 12}])
    thumbnail: str | None = Field(description="the address of a picture; null where there is none")
    media: str | None = Field(description="the address of the video or sound; null where it was not kept")
    poses: str | None = Field(description="the address of what was seen of people; null where it was not kept")
    links: dict[str, str]


class SourcePage(BaseModel):
    """Some sources, newest first."""

    sources: list[SourceView]
    next: str | None = Field(description="the address of the next page")


def source_view(entry: Entry, *, pictured: bool, kept: bool, posed: bool) -> SourceView:
    """The source for a client: whether there is a picture of it, whether it was kept itself, and poses of it."""
    source = entry.source
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
        passages=entry.passages,
        reps=entry.reps,
        thumbnail=f"{here}/thumbnail" if pictured else None,
        media=f"{here}/media" if kept else None,
        poses=f"{here}/poses" if posed else None,
        links={name: f"{here}/{name}" for name in ("transcript", "reps", "drawings")} | {"self": here},
    )
