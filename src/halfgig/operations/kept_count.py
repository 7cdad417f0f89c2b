"""A count that is kept so that it can be drawn later: its report and every pose, in one file.

The first line is JSON: the report, and the sizes of the frames in which the poses were found. Then come the poses as in
`pose_batches`, 940 bytes for each moment: 34 MB an hour.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from halfgig.errors import SourceError
from halfgig.motion.drawn_poses import Stretch
from halfgig.motion.pose_batches import POSE_BYTES, pack_poses, unpack_poses
from halfgig.records import Hold, PoseAt, Quality, Rep, Report, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from halfgig.records import Bytes
    from halfgig.store.blob_file import BlobFile

PIECE = 50  # poses that are read or written at a time
BUFFER: Bytes = 64 * 1024  # of a count in storage
AGAIN = "Count it again by a job of kind reps with keep_source."


@dataclass(frozen=True, slots=True)
class KeptCount:
    """A count; its poses are read some at a time, by one reader at a time."""

    file: IO[bytes]
    report: Report
    stretches: tuple[Stretch, ...]
    begins: Bytes  # where the poses do

    def moments(self) -> Iterator[PoseAt]:
        """Every moment, in the pixels of the frames in which it was seen."""
        self.file.seek(self.begins)
        while batch := self.file.read(PIECE * POSE_BYTES):
            yield from unpack_poses(batch)

    def moments_in(self, width: int, height: int) -> Iterator[PoseAt]:
        """The same in the pixels of frames of this size."""
        for number, moment in enumerate(self.moments()):
            seen = next(stretch for stretch in reversed(self.stretches) if stretch.first <= number)
            yield scaled(moment, width / seen.width, height / seen.height)


def scaled(moment: PoseAt, wider: float, higher: float) -> PoseAt:
    """The moment in a frame that is so many times as wide and high; depth goes with the width."""
    if moment.pose is None or wider == higher == 1:
        return moment
    landmarks = moment.pose.landmarks * np.array([wider, higher, wider], np.float32)
    return replace(moment, pose=replace(moment.pose, landmarks=landmarks.astype(np.float32)))


def write_count(
    path: Path,
    report: Report,
    moments: Iterable[PoseAt],
    stretches: Sequence[Stretch],
    watch: Callable[[Bytes], object] = lambda _: None,
) -> None:
    """Write a count into a file; `watch` hears how many bytes it has so far. Raises OSError, and what `watch` does."""
    head = {"report": asdict(report), "stretches": [asdict(stretch) for stretch in stretches]}
    with path.open("wb") as file:
        file.write(json.dumps(head, default=float).encode() + b"\n")
        for batch in _batched(moments):
            watch(file.tell())
            file.write(pack_poses(batch))


def _batched(moments: Iterable[PoseAt]) -> Iterator[list[PoseAt]]:
    batch: list[PoseAt] = []
    for moment in moments:
        batch.append(moment)
        if len(batch) == PIECE:
            yield batch
            batch = []
    yield batch


@contextmanager
def open_count(kept: Path | BlobFile | None) -> Iterator[KeptCount]:
    """The count of `write_count`, for the length of the block; never a part of what takes its place meanwhile.

    SourceError where there is none, or it cannot be read; errors of the storage.
    """
    try:
        if kept is None:
            raise FileNotFoundError
        file = kept.open("rb") if isinstance(kept, Path) else io.BufferedReader(kept.open(), BUFFER)
    except OSError as error:
        raise SourceError("The poses of this source are not kept.", AGAIN) from error
    with file:
        yield _read(file)


def _read(file: IO[bytes]) -> KeptCount:
    try:
        head = json.loads(file.readline())
        stretches = tuple(Stretch(**one) for one in head["stretches"])
        return KeptCount(file, _report(head["report"]), stretches, file.tell())
    except (ValueError, TypeError, KeyError) as error:
        raise SourceError("The poses of this source cannot be read.", AGAIN) from error


def _report(told: Mapping[str, Any]) -> Report:
    return Report(
        **{
            **told,
            "reps": tuple(map(_rep, told["reps"])),
            "attempts": tuple(map(_rep, told["attempts"])),
            "holds": tuple(Hold(**hold) for hold in told["holds"]),
            "notes": tuple(told["notes"]),
            "signal": told["signal"] and Signal(**told["signal"]),
        }
    )


def _rep(told: Mapping[str, Any]) -> Rep:
    quality = told["quality"]
    return Rep(**{**told, "quality": quality and Quality(**{**quality, "reasons": tuple(quality["reasons"])})})
