"""What is kept of sources beside the library: which uploads, where, and that they go with their source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool

from halfgig.api.upkeep import drop_upload
from halfgig.errors import HalfgigError
from halfgig.operations.library import forget_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from halfgig.api.services import Services
    from halfgig.store.uploads import UploadStore


async def kept_media(services: Services, source_ids: Sequence[str]) -> dict[str, Path]:
    """Where the bytes are of those sources that were kept."""
    kept = await services.ask(lambda queue: queue.kept(source_ids))
    return await run_in_threadpool(_places, services.uploads, kept)


def _places(uploads: UploadStore, kept: Mapping[str, str]) -> dict[str, Path]:
    found = ((source_id, _place(uploads, upload)) for source_id, upload in kept.items())
    return {source_id: path for source_id, path in found if path is not None}


def _place(uploads: UploadStore, upload: str) -> Path | None:
    try:
        return uploads.open(upload)
    except HalfgigError:  # it was taken away by hand
        return None


async def let_go(services: Services, source_id: str) -> None:
    """Delete what is kept of a source that was forgotten, but for what a job still works on."""
    for upload in await services.ask(lambda queue: queue.let_go(source_id)):
        await drop_upload(services, upload)
    await run_in_threadpool(forget_files, services.settings, source_id)
