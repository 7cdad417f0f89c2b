"""Drawings: what a count leaves to look at: a plot, the video drawn on, the landmarks as a table. Constant memory."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, TypeAlias

from halfgig.errors import BadRequest, StorageFull
from halfgig.motion.curves import Curve
from halfgig.motion.landmark_tables import check_table, write_table
from halfgig.motion.pose_batches import POSE_BYTES, pack_poses, unpack_poses
from halfgig.motion.report import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from halfgig.operations.counting import Counting
    from halfgig.records import Frame, PoseAt, Report, Seconds, Source
    from halfgig.settings import Settings

    Watch: TypeAlias = Callable[[Seconds], object]

OVERLAY_RATE = 30.0  # frames a second at most, in the video that is drawn on
PIECE = 50  # poses that are read at a time


@dataclass(frozen=True, slots=True)
class Wanted:
    """The files to make, None where one is not wanted."""

    plot: Path | None = None
    overlay: Path | None = None
    landmarks: Path | None = None

    def check(self, *, again: bool) -> None:
        """BadRequest where a file cannot be made: of an unknown kind, where nothing can be written, or from a source
        that cannot be read `again`."""
        if self.landmarks:
            check_table(self.landmarks)
        if self.overlay and not again:
            raise BadRequest("A pipe cannot be drawn on: it is read only once.", "Give a path or a URL.")
        for path in filter(None, (self.plot, self.overlay, self.landmarks)):
            _check_place(path)

    def __bool__(self) -> bool:
        return bool(self.plot or self.overlay or self.landmarks)


class Drawings:
    """Hears every pose of a count, and makes the files when it is over. To be closed."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._curve = Curve() if wanted.plot else None
        beside = wanted.overlay or wanted.landmarks
        self._poses = _scratch(beside) if beside else None

    def hear(self, moment: PoseAt) -> None:
        """One more moment. StorageFull where the disk does not take it."""
        if self._curve:
            self._curve.add(moment)
        if self._poses:
            with _taken():
                self._poses.write(pack_poses([moment]))

    def finish(self, counting: Counting, report: Report, watch: Watch = lambda _: None) -> None:
        """Make the files; each is whole, or as it was before. StorageFull where the disk does not take one."""
        with _taken():
            if self._wanted.landmarks:
                with whole(self._wanted.landmarks) as unfinished:
                    write_table(self._kept(), unfinished)
            if self._wanted.plot and self._curve:
                with whole(self._wanted.plot) as unfinished:
                    draw_curve(report, self._curve, unfinished)
            if self._wanted.overlay:
                with whole(self._wanted.overlay) as unfinished:
                    poses, settings = self._kept(), counting.settings
                    width = counting.choice.width
                    draw_overlay(
                        counting.source, poses, report, unfinished, width=width, settings=settings, watch=watch
                    )

    def close(self) -> None:
        """Leave nothing behind but what was finished."""
        if self._poses:
            with suppress(OSError):  # a full disk does not take what is still to be written, and it goes anyway
                self._poses.close()

    def _kept(self) -> Iterator[PoseAt]:
        """The poses again, some at a time."""
        assert self._poses is not None
        self._poses.seek(0)
        while batch := self._poses.read(PIECE * POSE_BYTES):
            yield from unpack_poses(batch)


@contextmanager
def _taken() -> Iterator[None]:
    """StorageFull for what the disk does not take."""
    try:
        yield
    except OSError as error:
        detail = f"A drawing cannot be written: {error.strerror or error}."
        raise StorageFull(detail, "Make room, or name another place.") from error


def _check_place(path: Path) -> None:
    """BadRequest where no file can be put: nothing can be made beside it, or it is a folder."""
    _scratch(path).close()
    if path.is_dir():
        raise BadRequest(f"{path} is a folder.", "Name a file in it.")


def _scratch(path: Path) -> IO[bytes]:
    """A file without a name beside `path`. BadRequest where none can be made there."""
    try:
        return TemporaryFile(dir=path.parent)
    except OSError as error:
        detail = f"Nothing can be written beside {path}: {error.strerror}."
        raise BadRequest(detail, "Name a file in a folder that you may write to.") from error


def draw_plot_of(report: Report, moments: Iterable[PoseAt], path: Path) -> None:
    """Write the angle over time as a PNG."""
    curve = Curve()
    for moment in moments:
        curve.add(moment)
    draw_curve(report, curve, path)


def draw_curve(report: Report, curve: Curve, path: Path) -> None:
    """The same, from a curve that is known already."""
    from halfgig.motion.plot import draw_plot

    draw_plot(as_json(report), curve, path)


def draw_overlay(
    source: Source,
    poses: Iterable[PoseAt],
    report: Report,
    path: Path,
    *,
    width: int,
    settings: Settings,
    watch: Watch,
) -> None:
    """Write the video, at most `width` pixels wide, drawn on; `poses` are in pixels of frames of that size.

    `watch` hears the position in seconds. Errors: as of `decode_frames`, and OSError.
    """
    from halfgig.media.frames import decode_frames
    from halfgig.media.writing import write_video
    from halfgig.motion.overlay import overlay
    from halfgig.records import DecodeLog

    settings = replace(settings, frame_skip_rate=None)
    frames = decode_frames(source, rate=OVERLAY_RATE, width=width, log=DecodeLog(), settings=settings)
    drawn = overlay(frames, poses, report)
    write_video((_told(frame, watch) for frame in drawn), path, round(OVERLAY_RATE))


def _told(frame: Frame, watch: Watch) -> Frame:
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
