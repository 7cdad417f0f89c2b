"""`python -m benchmarks.reps FOLDER [--model lite] [--rate 10]`: count every clip of a folder against its labels.csv.

For each clip the count with the exercise told and with it recognised, beside the truth; then the share that is exact
(within reps_min and reps_max) and within one, the mean error by the number of reps, false reps where there is no
exercise, frames a second, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, HalfgigError
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.motion.exercises import exercise_named
from halfgig.motion.poses import PoseTracker, track_poses
from halfgig.motion.report import count
from halfgig.pipelines import FRAME_RATE, FRAME_WIDTH
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.motion.exercises import Exercise
    from halfgig.records import PoseAt, Report

RELATED = {  # a label's name to the exercise of the table that is nearest
    "lat_pulldown": "pull-up",
    "bicep_curl_alternating": "alternating curl",
    "pushup_clap": "push-up",
    "pushup_decline": "push-up",
    "squat_half": "squat",
    "squat_quarter": "squat",
}
FAMILY = {"alternating curl": "bicep curl"}  # exercises that are one movement, for the share recognised


@dataclass(frozen=True, slots=True)
class Label:
    """One row of labels.csv; `exercise` is None where the clip shows none."""

    path: Path
    exercise: Exercise | None
    reps: int
    least: int
    most: int
    sure: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A clip counted twice, `seconds` of decoding and tracking between."""

    label: Label
    told: int | None
    recognised: Report
    seconds: float


def read_labels(folder: Path) -> Iterator[Label]:
    """The clips with or without an exercise; odd files are for other tests."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["exercise"] != "odd":
                figures = (int(row["reps"]), int(row["reps_min"]), int(row["reps_max"]))
                yield Label(folder / row["file"], _exercise(row["exercise"]), *figures, row["confidence"] == "sure")


def _exercise(name: str) -> Exercise | None:
    if name in ("none", "no_person"):
        return None
    try:
        return exercise_named(RELATED.get(name, name))
    except BadRequest:
        sys.exit(f"labels.csv: no exercise in the table is nearest to {name}; add it to RELATED")


def run(label: Label, tracker: PoseTracker, rate: float) -> Outcome:
    """Track the clip once; count its poses with the exercise told, and without."""
    start = time.perf_counter()
    poses = list(_poses(label.path, tracker, rate))  # short clips: the product itself never holds them all
    seconds = time.perf_counter() - start
    told = None if label.exercise is None else count(poses, label.exercise).count
    return Outcome(label, told, count(poses), seconds)


def _poses(path: Path, tracker: PoseTracker, rate: float) -> Iterator[PoseAt]:
    tracker.forget()
    settings = Settings()
    source = open_source(path, settings)
    frames = decode_frames(source, rate=rate, width=FRAME_WIDTH, log=DecodeLog(), settings=settings)
    yield from track_poses(frames, tracker)


def distance(counted: int, label: Label) -> int:
    """Reps by which a count misses the labelled range."""
    return max(label.least - counted, counted - label.most, 0)


def summary(name: str, counted: Sequence[tuple[int, Label]]) -> str:
    """One line: exact, within one, mean error by the number of reps."""
    misses = [(distance(number, label), label) for number, label in counted]
    exact, near = (sum(miss <= most for miss, _ in misses) / len(misses) for most in (0, 1))
    error = sum(miss / max(label.reps, 1) for miss, label in misses) / len(misses)
    return f"{name:<28} clips {len(misses):3d}   exact {exact:.3f}   within one {near:.3f}   mean error {error:.3f}"


def summaries(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines below the table."""
    active = [one for one in outcomes if one.label.exercise]
    idle = [one for one in outcomes if one.label.exercise is None]
    for name, chosen in (("", active), (", sure labels", [one for one in active if one.label.sure])):
        if chosen:
            yield summary(f"told{name}", [(one.told or 0, one.label) for one in chosen])
            yield summary(f"auto{name}", [(one.recognised.count, one.label) for one in chosen])
    if active:
        yield f"{'recognised':<28} {sum(map(_right, active)) / len(active):.3f}"
    if idle:
        quiet = sum(distance(one.recognised.count, one.label) == 0 for one in idle)
        yield f"{'no false rep':<28} {quiet} of {len(idle)} clips without exercise"
    frames, seconds = sum(one.recognised.frames_analyzed for one in outcomes), sum(one.seconds for one in outcomes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield f"{'decoding and tracking':<28} {frames / max(seconds, 1e-9):.1f} frames a second; peak RSS {peak:.0f} MiB"


def _right(one: Outcome) -> bool:
    truth = one.label.exercise.name if one.label.exercise else ""
    found = one.recognised.exercise
    return FAMILY.get(found, found) == FAMILY.get(truth, truth)


def line(one: Outcome) -> str:
    label, told = one.label, "-" if one.told is None else str(one.told)
    truth = f"{label.reps} [{label.least}-{label.most}]"
    mark = "  " if distance(one.told or 0, label) == 0 == distance(one.recognised.count, label) else "* "
    counts = f"{truth:>12}{told:>7}{one.recognised.count:>7}"
    return f"{mark}{label.path.name:<44}{counts}  {one.recognised.exercise:<18}{one.seconds:6.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.reps", description=__doc__)
    parser.add_argument("folder", type=Path, help="clips and their labels.csv")
    parser.add_argument("--models", type=Path, help="folder of the pose models; the model store's if not given")
    parser.add_argument("--model", choices=("full", "lite"), default="full")
    parser.add_argument("--rate", type=float, default=FRAME_RATE, help="frames a second")
    given = parser.parse_args()
    models = given.models or Settings.from_environment().models_dir / f"blazepose-{given.model}"
    tracker, outcomes = PoseTracker(models, given.model), []
    print(f"  {'clip':<44}{'truth':>12}{'told':>7}{'auto':>7}  {'recognised as':<18}")
    for label in read_labels(given.folder):
        try:
            outcomes.append(run(label, tracker, given.rate))
            print(line(outcomes[-1]), flush=True)
        except HalfgigError as error:
            print(f"! {label.path.name}: {error}")
    print(*summaries(outcomes), sep="\n")


if __name__ == "__main__":
    main()
