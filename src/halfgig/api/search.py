"""The routes of search: moments in the library that answer a question, or resemble another moment."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from halfgig import records
from halfgig.api.schema import problems
from halfgig.store.scope import MOST_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.searcher import Searcher

MAX_QUESTION = 1000  # characters
MAX_HITS = 100
MAX_VALUES = 20  # of one filter
MAX_NAME = 1024  # characters of an address or a title
DAY = r"^\d{4}-\d{2}-\d{2}$"


class Mode(StrEnum):
    """What is compared: meanings and words where the embedding model can be had, or words only."""

    AUTO = "auto"
    KEYWORD = "keyword"


class Kind(StrEnum):
    """What is said, or what is seen: sets and repetitions."""

    SPEECH = "speech"
    MOTION = "motion"


class RankView(BaseModel):
    """What one ranking adds to a score."""

    ranking: str = Field(description="meaning, keyword or motion")
    rank: int = Field(description="from 1")
    value: float = Field(description="the ranking's own measure, as a cosine or bm25")
    adds: float


class HitView(BaseModel):
    """A moment of a source that answers the question."""

    source_id: str
    title: str
    start: float = Field(description="seconds")
    end: float
    text: str
    marked: str = Field(description="the text with found words between [[ and ]]")
    score: float = Field(description="higher is better, comparable within one answer only")
    link: str = Field(description="opens the source at `at`; empty where it has no address")
    at: float = Field(description="seconds: where the sentence begins that answers")
    kind: Kind
    ranks: list[RankView] = Field(description="how the score came to be")


class AnswerView(BaseModel):
    """What was found, best first."""

    question: str
    hits: list[HitView]
    notes: list[str] = Field(description="what a person should know, as that only words were compared, and why")


Asked = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_QUESTION,
        description='words, a question, a "quoted phrase", the beginning of a word with an asterisk',
    ),
]
Hits = Annotated[int, Query(ge=1, le=MAX_HITS, description="how many moments, or sources where they are grouped")]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=MAX_NAME)]], Query(max_length=MAX_VALUES)]
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=MOST_TAG)]], Query(max_length=MAX_VALUES)]
Day = Annotated[str | None, Query(pattern=DAY, description="YYYY-MM-DD, UTC")]
Second = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]


def scope(  # noqa: PLR0917  # each is a field of the query
    source: Names = [],  # noqa: B006  # FastAPI copies it
    language: Words = [],  # noqa: B006
    tag: Words = [],  # noqa: B006
    since: Day = None,
    until: Day = None,
    after: Second = None,
    before: Second = None,
    kind: Kind | None = None,
) -> records.Scope:
    """Where to look: `source` is an id, an address or a title; `after` and `before` are seconds within a source."""
    kinds = "" if kind is None else str(kind)
    lists = tuple(source), tuple(language), tuple(tag)
    return records.Scope(*lists, since or "", until or "", after, before, kinds)


Within = Annotated[records.Scope, Depends(scope)]


def router(searching: Callable[[], Searcher]) -> APIRouter:
    """The routes over the searcher that `searching` gives."""
    made = APIRouter(tags=["search"])

    @made.get("/search", summary="Search what was said and done", response_model=AnswerView, responses=problems(404))
    async def search(q: Asked, within: Within, k: Hits = 5, mode: Mode = Mode.AUTO, grouped: bool = False) -> Any:  # noqa: FBT001,FBT002  # a field of the query
        """The k best moments for a question; "quoted phrases" must occur.

        By meaning and by keyword; only by keyword, with a note, while the embedding model has no room beside a job.
        With `grouped` up to three moments of each of the k best sources, source by source.
        """
        asked = records.Query(q, k, mode is Mode.KEYWORD, grouped, within)
        return asdict(await searching().search(asked))

    @made.get("/similar", summary="Moments like another", response_model=AnswerView, responses=problems(404))
    async def similar(
        to: Annotated[
            str, Query(min_length=1, max_length=MAX_NAME, description="a source: an id, an address or a title")
        ],
        at: Annotated[float, Query(ge=0, allow_inf_nan=False, description="a second of it")],
        within: Within,
        k: Hits = 5,
        grouped: bool = False,  # noqa: FBT001,FBT002
    ) -> Any:
        """The k moments that mean most nearly what is said at a second of a source."""
        return asdict(await searching().search_alike(to, at, records.Query("", k, grouped=grouped, scope=within)))

    return made
