"""The report: what was counted in one source, from its poses, and its renderings as JSON and CSV."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from halfgig.errors import SourceError
from halfgig.motion.angles import measure_angles
from halfgig.motion.recognition import NONE, Recognizer
from halfgig.motion.reps import find_reps, in_order
from halfgig.motion.table import csv_rows
from halfgig.records import Rep, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.motion.exercises import Exercise
    from halfgig.records import PoseAt, Seconds


@dataclass(slots=True)
class PoseTally:
    """What has gone by: filled in while poses stream through `watch`."""

    frames: int = 0
    with_pose: int = 0
    first: Seconds = 0.0
    last: Seconds = 0.0

    def watch(self, poses: Iterable[PoseAt]) -> Iterator[PoseAt]:
        """The same poses, counted."""
        for moment in poses:
            self.first = moment.time if self.frames == 0 else self.first
            self.last = moment.time
            self.frames += 1
            self.with_pose += moment.pose is not None
            yield moment


def ignore(_: Rep) -> None:
    """Take no notice."""


def count(
    poses: Iterable[PoseAt],
    exercise: Exercise | None = None,
    *,
    least_frames: int | None = None,
    watch: Callable[[Rep], None] = ignore,
) -> Report:
    """Count one exercise in a stream of poses, or, with None, whichever exercise is done; constant memory.

    `watch` hears reps and attempts of a given exercise when they become certain; which exercise is done, and so its
    reps, is certain only at the end.

    Nobody in the picture is a report of no reps with a note. SourceError where `least_frames` is given and fewer
    frames show a person.
    """
    tally = PoseTally()
    angles = measure_angles(tally.watch(poses))
    if exercise is None:
        name, found = Recognizer().recognize(angles)
    else:
        name, found = exercise.name, list(_watched(find_reps(angles, exercise), watch))
    _require(tally, least_frames)
    return _report(name, found, tally)


def _watched(reps: Iterable[Rep], watch: Callable[[Rep], None]) -> Iterator[Rep]:
    for rep in reps:
        watch(rep)
        yield rep


def _require(tally: PoseTally, least_frames: int | None) -> None:
    if least_frames is not None and tally.with_pose < least_frames:
        raise SourceError(
            f"Only {tally.with_pose} of {tally.frames} frames show a person, and {least_frames} are needed.",
            "Use a longer video with the whole body in view, or lower MIN_FRAMES_FOR_ANALYSIS.",
        )


def _report(name: str, found: list[Rep], tally: PoseTally) -> Report:
    return Report(
        exercise=name,
        reps=in_order(rep for rep in found if not rep.partial),
        attempts=in_order(rep for rep in found if rep.partial),
        frames_analyzed=tally.frames,
        frames_with_pose=tally.with_pose,
        duration=tally.last - tally.first,
        notes=tuple(_notes(name, tally)),
    )


def _notes(name: str, tally: PoseTally) -> Iterator[str]:
    if tally.with_pose == 0:
        yield "No person was seen."
    elif name == NONE:
        yield "A person was seen, but no exercise was recognised; name it with --exercise to count it all the same."
    elif tally.with_pose < 0.5 * tally.frames:
        yield f"A person was seen in only {100 * tally.with_pose // tally.frames} % of the frames."


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values; times in seconds and angles in degrees, rounded to what they are good for."""
    return {
        "exercise": report.exercise,
        "count": report.count,
        "sides": sides(report),
        "duration": round(report.duration, 2),
        "frames_analyzed": report.frames_analyzed,
        "frames_with_pose": report.frames_with_pose,
        "notes": list(report.notes),
        "reps": [rep_json(rep) for rep in report.reps],
        "attempts": [rep_json(rep) for rep in report.attempts],
    }


def sides(report: Report) -> dict[str, int]:
    """Reps of each side, where sides are counted for themselves; otherwise {"both": count}."""
    names = sorted({rep.side for rep in report.reps}) or ["both"]
    return {name: sum(rep.side == name for rep in report.reps) for name in names}


def as_csv_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """The header, then a row for each rep and attempt in order of time."""
    return csv_rows(as_json(report))


def rep_json(rep: Rep) -> dict[str, Any]:
    """One rep as JSON values, rounded to what they are good for."""
    row = {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(rep).items()}
    row["lowest"], row["highest"] = round(rep.lowest, 1), round(rep.highest, 1)
    return {**row, "seconds": round(rep.end - rep.start, 2), "range": round(rep.range_of_motion, 1)}
