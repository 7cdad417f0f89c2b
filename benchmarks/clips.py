"""Labelled clips: the rows of a folder's labels.csv, and the poses of its clips, tracked once and kept on disk."""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, HalfgigError
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.motion.cuts import mark_cuts
from halfgig.motion.exercises import exercise_named
from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.motion.poses import PoseTracker, track_poses
from halfgig.pipelines import FRAME_WIDTH
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.motion.forms import Exercise
    from halfgig.records import PoseAt, Seconds

IDLE = ("none", "no_person")  # what a label says where nobody exercises
ODD = "odd"  # what it says of files that are no proper clips
UNSURE = "unsure"
NEAREST = {"squat_quarter": "squat", "squat_half": "squat", "pushup_clap": "push-up", "pushup_decline": "push-up"}


@dataclass(frozen=True, slots=True)
class Label:
    """One row of labels.csv. `exercise` is None where the clip shows none; `origin` is whose recording it is."""

    path: Path
    exercise: Exercise | None
    reps: int
    least: int
    most: int
    sure: bool
    odd: bool
    origin: str

    @property
    def idle(self) -> bool:
        """Whether nobody exercises."""
        return self.exercise is None and not self.odd


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A label with the clip's poses, and the seconds that decoding and tracking took; 0 where they were kept."""

    label: Label
    poses: list[PoseAt]  # clips are short: the product itself never holds them all
    seconds: Seconds


def read_labels(folder: Path) -> Iterator[Label]:
    """Every row of the folder's labels.csv."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            figures = (int(row["reps"]), int(row["reps_min"]), int(row["reps_max"]))
            name, sure = row["exercise"], row["confidence"] != UNSURE
            origin = row.get("repo") or row["file"]
            yield Label(folder / row["file"], _exercise(name), *figures, sure, name == ODD, origin)


def _exercise(name: str) -> Exercise | None:
    if name in (*IDLE, ODD):
        return None
    for candidate in (name, NEAREST.get(name, name), *_shortened(name)):
        try:
            return exercise_named(candidate)
        except BadRequest:
            continue
    sys.exit(f"labels.csv: no exercise in the table is nearest to {name}; add it to NEAREST")


def _shortened(name: str) -> Iterator[str]:
    """The name without its last words, one by one: what is not known in particular may be known in general."""
    words = name.split("_")
    while len(words) > 1:
        words.pop()
        yield "_".join(words)


class PoseShelf:
    """Tracks clips, and keeps their poses in a folder, where one is given, for the next time."""

    def __init__(self, models: Path, model: str, rate: float, folder: Path | None = None) -> None:
        self._models, self._model, self._rate = models, model, rate
        self._folder = folder and folder / f"{model}-{rate:g}"
        self._tracker: PoseTracker | None = None

    def clip(self, label: Label) -> Clip:
        """The clip with its poses. Errors: of a source that cannot be decoded."""
        kept = self._folder and self._folder / f"{label.path.name}.poses"
        if kept and kept.exists():
            return Clip(label, list(unpack_poses(kept.read_bytes())), 0.0)
        start = time.perf_counter()
        poses = list(self._track(label.path))
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(pack_poses(poses))
        return Clip(label, poses, time.perf_counter() - start)

    def _track(self, path: Path) -> Iterator[PoseAt]:
        settings = Settings()
        self._tracker = self._tracker or PoseTracker(self._models, self._model)
        self._tracker.forget()
        source = open_source(path, settings)
        frames = decode_frames(source, rate=self._rate, width=FRAME_WIDTH, log=DecodeLog(), settings=settings)
        yield from track_poses(mark_cuts(frames), self._tracker)


def read_clips(folder: Path, shelf: PoseShelf) -> Iterator[Clip | tuple[Label, HalfgigError]]:
    """Every clip of the folder with its poses, or the label with the error that its file ends in."""
    for label in read_labels(folder):
        try:
            yield shelf.clip(label)
        except HalfgigError as error:
            yield label, error
