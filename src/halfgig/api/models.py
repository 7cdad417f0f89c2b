"""Routes of the models on the disk: taking one away. What is installed is told by /operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path
from fastapi.concurrency import run_in_threadpool

from halfgig.api.schema import problems
from halfgig.api.services import Given
from halfgig.errors import Conflict, NotFound

if TYPE_CHECKING:
    from halfgig.settings import Settings

router = APIRouter(tags=["watching"])

ModelName = Annotated[str, Path(min_length=1, max_length=128, description="as /operations tells it")]


@router.delete("/models/{name:path}", status_code=204, summary="Remove a model", responses=problems(404, 409))
async def remove_model(name: ModelName, services: Given) -> None:
    """Delete a model from the disk; work that needs it fetches it again. 409 while a job is at work: it may use it."""
    if services.at_work():
        raise Conflict("A job is at work, and may use it.", "Wait until it has ended, or cancel it.")
    if not await run_in_threadpool(_remove, services.settings, name):
        raise NotFound(f"No model called {name} is installed.", "GET /operations lists those that are.")


def _remove(settings: Settings, name: str) -> bool:
    from halfgig.models.store import ModelStore, known_models  # a megabyte, for what is seldom done

    known = known_models(settings.models_dir)
    return name in known and ModelStore(settings.models_dir, models=known).remove(name)
