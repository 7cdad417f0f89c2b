"""What is kept of sources beside the library: which uploads, where, and that they go with their source."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from halfgig.api.upkeep import drop_upload
from halfgig.errors import BadRequest
from halfgig.jobs.bell import ENDS, QUEUE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from halfgig.api.services import Services
    from halfgig.records import Seconds
    from halfgig.store.blob_file import BlobFile

STOPPING: Seconds = 10.0  # that workers may take to end
LOOK: Seconds = 0.1  # between two looks whether they have


async def kept_uploads(services: Services, source_ids: Sequence[str]) -> dict[str, str]:
    """The uploads of those sources that were kept and are still there."""
    kept = await services.ask(lambda queue: queue.kept(source_ids))
    there = await services.storage.ask(services.uploads.there) if kept else set()
    return {source_id: upload for source_id, upload in kept.items() if upload in there}


async def kept_media(services: Services, source_id: str) -> Path | BlobFile | None:
    """Where the bytes of the source are; None where they were not kept, or are no longer there."""
    upload = (await services.ask(lambda queue: queue.kept([source_id]))).get(source_id)
    try:
        return None if upload is None else await services.storage.ask(services.uploads.open, upload)
    except BadRequest:  # it was taken away by hand
        return None


async def let_go(services: Services, source_id: str) -> None:
    """Delete what is kept of a source that is to be forgotten, once no job works on it any more."""
    jobs, uploads = await services.ask(lambda queue: queue.let_go(source_id))
    await _see_them_stop(services, frozenset(jobs))
    for upload in uploads:
        await drop_upload(services, upload)
    await services.storage.ask(services.belongings.forget, source_id)


async def _see_them_stop(services: Services, cancelled: Collection[str]) -> None:
    """Wait until no worker is at one of these jobs, for a while: it could be about to file the source."""
    services.bell.ring(*cancelled, QUEUE, ENDS)
    with suppress(TimeoutError):
        async with asyncio.timeout(STOPPING):
            while any(job in cancelled for job in services.at_work()):
                await services.bell.wait(QUEUE, LOOK)
