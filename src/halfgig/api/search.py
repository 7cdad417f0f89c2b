"""The route of search: moments in the library that answer a question."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.searcher import Searcher

MAX_QUESTION = 1000  # characters
MAX_HITS = 100


class Mode(StrEnum):
    """What is compared: meanings and words where the embedding model can be had, or words only."""

    AUTO = "auto"
    KEYWORD = "keyword"


class HitView(BaseModel):
    """A moment of a source that answers the question."""

    source_id: str
    title: str
    start: float = Field(description="seconds")
    end: float
    text: str
    marked: str = Field(description="the text with found words between [[ and ]]")
    score: float = Field(description="higher is better, comparable within one answer only")
    link: str = Field(description="opens the source at this moment; empty where it has no address")


class AnswerView(BaseModel):
    """What was found, best first."""

    question: str
    hits: list[HitView]
    notes: list[str] = Field(description="what a person should know, as that only words were compared, and why")


Asked = Annotated[
    str, Query(min_length=1, max_length=MAX_QUESTION, description='words, a question, or a "quoted phrase"')
]


def router(searching: Callable[[], Searcher]) -> APIRouter:
    """The route over the searcher that `searching` gives."""
    made = APIRouter(tags=["search"])

    @made.get("/search", summary="Search what was said", response_model=AnswerView)
    async def search(q: Asked, k: Annotated[int, Query(ge=1, le=MAX_HITS)] = 5, mode: Mode = Mode.AUTO) -> Any:
        """The k best moments for a question; "quoted phrases" must occur.

        By meaning and by keyword; only by keyword, with a note, while the embedding model has no room beside a job.
        """
        return asdict(await searching().search(q, k, keyword_only=mode is Mode.KEYWORD))

    return made
