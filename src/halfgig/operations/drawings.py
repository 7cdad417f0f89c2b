"""Drawings: what a count leaves to look at: a plot, the video drawn on, the landmarks as a table. Constant memory."""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from halfgig.errors import BadRequest, StorageFull
from halfgig.motion.curves import Curve
from halfgig.motion.landmarks import HEADER, landmark_row
from halfgig.motion.pose_batches import POSE_BYTES, pack_poses, unpack_poses
from halfgig.motion.report import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.operations.counting import Counting
    from halfgig.records import Frame, PoseAt, Report

OVERLAY_RATE = 30.0  # frames a second at most, in the video that is drawn on
PIECE = 50  # poses that are read at a time
TABLES = (".csv",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files to make, None where one is not wanted."""

    plot: Path | None = None
    overlay: Path | None = None
    landmarks: Path | None = None

    def check(self, *, again: bool) -> None:
        """BadRequest where a file cannot be made: of an unknown kind, or from a source that cannot be read `again`."""
        if self.landmarks and self.landmarks.suffix.lower() not in TABLES:
            raise BadRequest(f"Landmarks cannot be written as {self.landmarks.name}.", "Name a file that ends in .csv.")
        if self.overlay and not again:
            raise BadRequest("A pipe cannot be drawn on: it is read only once.", "Give a path or a URL.")

    def __bool__(self) -> bool:
        return bool(self.plot or self.overlay or self.landmarks)


class Drawings:
    """Hears every pose of a count, and makes the files when it is over. To be closed."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._curve = Curve() if wanted.plot else None
        self._poses: IO[bytes] | None = TemporaryFile() if wanted.overlay else None  # noqa: SIM115
        self._draft = draft(wanted.landmarks) if wanted.landmarks else None
        self._table = self._draft.open("w", encoding="utf-8", newline="") if self._draft else None
        self._writer = csv.writer(self._table, lineterminator="\n") if self._table else None
        if self._writer:
            self._writer.writerow(HEADER)

    def hear(self, moment: PoseAt) -> None:
        """One more moment."""
        if self._curve:
            self._curve.add(moment)
        if self._writer:
            self._writer.writerow(landmark_row(moment))
        if self._poses:
            self._poses.write(pack_poses([moment]))

    def finish(self, counting: Counting, report: Report, watch: Callable[[float], object] = lambda _: None) -> None:
        """Make the files; each is whole, or as it was before. StorageFull where the disk does not take one."""
        try:
            if self._table and self._draft and self._wanted.landmarks:
                self._table.close()
                self._draft.replace(self._wanted.landmarks)
            if self._curve and self._wanted.plot:
                self._plot(report, self._curve, self._wanted.plot)
            if self._poses and self._wanted.overlay:
                self._overlay(counting, report, self._wanted.overlay, watch)
        except OSError as error:
            raise StorageFull(f"A drawing cannot be written: {error}.", "Make room, or name another place.") from error

    def close(self) -> None:
        """Leave nothing behind but what was finished."""
        for file in (self._poses, self._table):
            if file:
                file.close()
        if self._draft:
            self._draft.unlink(missing_ok=True)

    def _plot(self, report: Report, curve: Curve, path: Path) -> None:
        from halfgig.motion.plot import draw_plot

        with whole(path) as unfinished:
            draw_plot(as_json(report), curve, unfinished)

    def _overlay(self, counting: Counting, report: Report, path: Path, watch: Callable[[float], object]) -> None:
        from halfgig.media.frames import decode_frames
        from halfgig.media.writing import write_video
        from halfgig.motion.overlay import overlay
        from halfgig.records import DecodeLog

        settings = replace(counting.settings, frame_skip_rate=None)
        frames = decode_frames(
            counting.source, rate=OVERLAY_RATE, width=counting.choice.width, log=DecodeLog(), settings=settings
        )
        with whole(path) as unfinished:
            drawn = overlay(frames, self._kept(), report)
            write_video((_told(frame, watch) for frame in drawn), unfinished, round(OVERLAY_RATE))

    def _kept(self) -> Iterator[PoseAt]:
        """The poses again, some at a time."""
        assert self._poses is not None
        self._poses.seek(0)
        while batch := self._poses.read(PIECE * POSE_BYTES):
            yield from unpack_poses(batch)


def _told(frame: Frame, watch: Callable[[float], object]) -> Frame:
    watch(frame.time)
    return frame


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file that comes to be when the block ends well, and not otherwise."""
    unfinished = draft(path)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def draft(path: Path) -> Path:
    """Where a file grows beside its place."""
    return path.with_name(f".{os.getpid()}-{path.name}")
