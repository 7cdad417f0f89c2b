"""POST /plan: whether a source would be taken and fit, told before a byte of it is sent. Arithmetic only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from halfgig.api.services import Given, Services
from halfgig.errors import MIB, DoesNotFit, HalfgigError, StorageFull, TooLarge
from halfgig.jobs.supervisor import SERVER
from halfgig.memory.governor import RESERVE
from halfgig.memory.limit import memory_limit
from halfgig.operations.outlook import Told, look_ahead

if TYPE_CHECKING:
    from halfgig.records import Bytes

router = APIRouter(tags=["jobs"])

MOST_SIZE = 2**53  # bytes: what JSON's numbers hold
MOST_SECONDS = 1e8
Side = Annotated[int | None, Field(default=None, ge=1, le=16_384)]


class PlanWish(BaseModel):
    """What is known of a source before it is sent."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["transcript", "index", "reps"]
    size: int | None = Field(default=None, ge=0, le=MOST_SIZE, description="bytes")
    duration: float | None = Field(default=None, ge=0, le=MOST_SECONDS, allow_inf_nan=False, description="seconds")
    width: Side = Field(default=None, description="pixels; without them, full HD")
    height: Side = None


class PlanView(BaseModel):
    """Whether it would be taken and fit, and what it would take."""

    fits: bool
    refused_by: str | None = Field(description="size, duration, disk or memory, where it does not fit")
    needs: int = Field(description="bytes: of memory, or of what it is refused by")
    limit: int = Field(description="bytes that there are of it; of a duration, seconds")
    seconds: float | None = Field(description="of work, about; null where that cannot be told")
    reason: str
    remedy: str


@router.post("/plan", summary="Will it fit?", response_model=PlanView)
async def show_plan(wish: PlanWish, services: Given) -> Any:
    """Whether a source of this size and length would be taken, and a job on it fit, and how long it would work.

    A refusal is an answer (200) with `fits` false, its reason and its remedy.
    """
    return await services.storage.ask(plan, wish, services)


def plan(wish: PlanWish, services: Services) -> PlanView:
    """The answer; blocking, since it asks for the room on disk."""
    settings = services.settings
    left = max(0, memory_limit(settings).bytes - SERVER - RESERVE)
    passed = _passed_limit(wish, services)
    if passed is not None:
        return passed
    try:
        outlook = look_ahead(Told(wish.kind, wish.duration, wish.width, wish.height), settings, left)
    except DoesNotFit as error:
        return _refused("memory", error.needs, left, error)
    reason = outlook.note or f"It runs with {outlook.variant} in {math.ceil(outlook.needs / MIB)} MB."
    seconds = None if outlook.seconds is None else round(outlook.seconds, 1)
    return PlanView(
        fits=True, refused_by=None, needs=outlook.needs, limit=left, seconds=seconds, reason=reason, remedy=""
    )


def _passed_limit(wish: PlanWish, services: Services) -> PlanView | None:
    """The refusal of what is too large, too long, or has no room on the disk."""
    most = services.settings.max_video_duration_seconds
    if most is not None and (wish.duration or 0) > most:
        error = TooLarge(f"It is {wish.duration:.0f} s long, and {most:.0f} s are taken.", "Cut it into shorter parts.")
        return _refused("duration", wish.duration or 0, most, error)
    size = wish.size or 0
    for limit in _size_limits(wish.kind, services):
        if size > limit:
            detail = f"It has {math.ceil(size / MIB)} MB, and {math.floor(limit / MIB)} MB are taken."
            return _refused("size", size, limit, TooLarge(detail, "Send a smaller or shorter version of it."))
    try:
        services.uploads.check(size)
    except StorageFull as error:
        return _refused("disk", size, services.uploads.left, error)
    return None


def _size_limits(kind: str, services: Services) -> list[Bytes]:
    of_video = services.settings.max_video_size_mb if kind == "reps" else None
    limits = [services.uploads.limit, None if of_video is None else round(of_video * MIB)]
    return [limit for limit in limits if limit is not None]


def _refused(by: str, needs: float, limit: float, error: HalfgigError) -> PlanView:
    return PlanView(
        fits=False,
        refused_by=by,
        needs=math.ceil(needs),
        limit=math.floor(limit),
        seconds=None,
        reason=error.detail,
        remedy=error.remedy,
    )
