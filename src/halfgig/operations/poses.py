"""The poses of a source, written as the page draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.media.pictures import fit_frame
from halfgig.motion.drawn_poses import Stretch, draw_poses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from halfgig.operations.counting import Counting
    from halfgig.records import Bytes, PoseAt

PIECE = 256 * 1024  # bytes written at a time


def frames_from(first: int, counting: Counting) -> Stretch:
    """The size of the frames that a count looks at, from number `first` on."""
    stream = counting.info.main_video
    assert stream is not None, "a count has moving pictures"
    width = counting.settings.video_resize_width or counting.choice.width
    return Stretch(first, *fit_frame(stream.width, stream.height, width))


def write_poses(
    path: Path, moments: Iterable[PoseAt], stretches: Sequence[Stretch], watch: Callable[[Bytes], object]
) -> None:
    """Write poses into a file; `watch` hears how many bytes it has so far. Raises OSError, and what `watch` does."""
    with path.open("wb", buffering=PIECE) as file:
        for drawn in draw_poses(moments, stretches):
            file.write(drawn)
            watch(file.tell())
