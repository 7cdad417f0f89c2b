"""Keeping what a count leaves: the poses that the page draws, and all of it for what may be drawn of it later."""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import ServerRefuses, StorageFull
from halfgig.jobs.fetching import Fetching
from halfgig.operations.kept_count import write_count
from halfgig.operations.poses import write_poses
from halfgig.store.place import open_belongings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from halfgig.jobs.attempt import Attempt
    from halfgig.motion.drawn_poses import Stretch
    from halfgig.records import Bytes, PoseAt, Report
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")


@dataclass(frozen=True, slots=True)
class Counted:
    """What an attempt has counted in a source; `moments` gives every pose anew each time."""

    source_id: str
    report: Report
    moments: Callable[[], Iterable[PoseAt]]
    stretches: Sequence[Stretch]


def keep_counted(attempt: Attempt, counted: Counted, settings: Settings, beat: Callable[[], None]) -> None:
    """Keep a count. Where there is no room for it that is noted, and no work fails.

    Errors: ServerTrouble where the storage is away, Fenced.
    """
    belongings, source_id = open_belongings(settings), counted.source_id
    try:
        with workplace(settings, attempt.job.id) as folder:
            disk = Fetching(settings, folder, beat)

            def watch(size: Bytes) -> None:
                disk(size, None)

            poses, count = folder / "poses", folder / "count"
            write_poses(poses, counted.moments(), counted.stretches, watch)
            attempt.describe()  # only whose job it still is puts anything in its place
            belongings.poses.keep(source_id, poses, beat)
            write_count(count, counted.report, counted.moments(), counted.stretches, watch)
            attempt.describe()
            belongings.drawings.keep_count(source_id, count, beat)
    except (OSError, StorageFull, ServerRefuses) as error:
        log.warning("the count is not kept: %s", error)
        attempt.describe(notes=[f"It is not kept for drawing: {error}"])


@contextmanager
def workplace(settings: Settings, job_id: str) -> Iterator[Path]:
    """A fresh folder for the length of the block; what a killed attempt has left in it is removed, too."""
    folder = settings.fetched_dir / job_id / "drawn"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # what was fetched for the job lies beside it
            folder.parent.rmdir()
