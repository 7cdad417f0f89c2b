"""The poses of a source, kept where the server finds them."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from halfgig.media.pictures import fit_frame
from halfgig.motion.drawn_poses import Stretch, draw_poses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from halfgig.operations.counting import Counting
    from halfgig.records import PoseAt
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")

PIECE = 256 * 1024  # bytes written at a time


def frames_from(first: int, counting: Counting) -> Stretch:
    """The size of the frames that a count looks at, from number `first` on."""
    stream = max(counting.info.video, key=lambda stream: stream.width * stream.height)
    width = counting.settings.video_resize_width or counting.choice.width
    return Stretch(first, *fit_frame(stream.width, stream.height, width))


def keep_poses(
    source_id: str, moments: Iterable[PoseAt], stretches: Sequence[Stretch], settings: Settings, draft: str
) -> bool:
    """Write the poses of a source whole, or leave what it had; False where the disk does not take them.

    `draft` names what is written until it is whole: that of a killed worker is known by it.
    """
    path = settings.poses_dir / f"{source_id}.{draft}"
    try:
        settings.poses_dir.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=PIECE) as file:
            file.writelines(draw_poses(moments, stretches))
            file.flush()
            os.fsync(file.fileno())
        path.replace(settings.poses_dir / source_id)
    except OSError as error:
        log.warning("the poses are not kept: %s", error)
        path.unlink(missing_ok=True)
        return False
    return True
