"""The report: what was counted in one source, from its poses, and its renderings as JSON and CSV."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from halfgig.errors import SourceError
from halfgig.motion.angles import SIGNALS, measure_angles
from halfgig.motion.exercises import EXERCISES
from halfgig.motion.holds import HoldFinder, watch_holds
from halfgig.motion.measures import assess, look
from halfgig.motion.recognition import NONE, Memory, Recognizer
from halfgig.motion.reps import find_reps, in_order
from halfgig.motion.sets import beside, figures, in_sets, sides, summaries
from halfgig.motion.table import QUALITY, csv_rows
from halfgig.motion.views import camera_sums, error_band, view_from
from halfgig.records import Rep, Report, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from halfgig.motion.angles import AnglesAt
    from halfgig.motion.forms import Exercise
    from halfgig.records import Hold, PoseAt, Quality, Seconds

NOTHING = np.empty((0, len(SIGNALS)), np.float32)  # moments, before the first


@dataclass(slots=True)
class PoseTally:
    """What has gone by: filled in while poses stream through `watch`."""

    frames: int = 0
    with_pose: int = 0
    first: Seconds = 0.0
    last: Seconds = 0.0
    camera: NDArray[np.float64] = field(default_factory=lambda: camera_sums(NOTHING))

    @property
    def view(self) -> str:
        """From where the person was seen for most of the time."""
        return view_from(self.camera)

    def watch(self, poses: Iterable[PoseAt]) -> Iterator[PoseAt]:
        """The same poses, counted."""
        for moment in poses:
            self.first = moment.time if self.frames == 0 else self.first
            self.last = moment.time
            self.frames += 1
            self.with_pose += moment.pose is not None
            yield moment

    def see(self, angles: Iterable[AnglesAt]) -> Iterator[AnglesAt]:
        """The same moments; from where they are seen is remembered."""
        for moment in angles:
            self.camera += camera_sums(moment.values[None])
            yield moment


def ignore(_: Rep) -> None:
    """Take no notice."""


def count(
    poses: Iterable[PoseAt],
    exercise: Exercise | None = None,
    *,
    least_frames: int | None = None,
    watch: Callable[[Rep], None] = ignore,
    learned: Sequence[Exercise] = (),
) -> Report:
    """Count one exercise in a stream of poses, or, with None, whichever exercise is done; constant memory.

    `watch` hears reps and attempts of a given exercise when they become certain; which exercise is done, and so its
    reps, is certain only at the end.

    Nobody in the picture is a report of no reps with a note. SourceError where `least_frames` is given and fewer
    frames show a person.
    """
    tally, finders = PoseTally(), [HoldFinder(row) for row in _held(exercise)]
    angles = watch_holds(measure_angles(tally.watch(poses), guess=exercise is not None), finders)
    viewed = tally.see(angles)
    if exercise is None:
        exercise, found = Recognizer((*EXERCISES, *learned)).recognize(viewed)
        found = list(found)
    else:
        found = [] if exercise.hold else list(_watched(_assessed(viewed, exercise), watch))
        deque(viewed, maxlen=0)  # of a hold nothing is counted
    _require(tally, least_frames)
    return _report(exercise, found, finders, tally)


def _held(exercise: Exercise | None) -> tuple[Exercise, ...]:
    """The static exercises to look for: the one that is told, or all that can be recognised."""
    wanted = [row for row in EXERCISES if row.prior > 0] if exercise is None else [exercise]
    return tuple(row for row in wanted if row.hold)


def _assessed(angles: Iterable[AnglesAt], exercise: Exercise) -> Iterator[Rep]:
    """The reps and attempts of an exercise, with their quality, as they become certain."""
    memory = Memory()
    for rep in find_reps(memory.watch(angles), exercise):
        yield assess(rep, look(rep, memory.during(rep), exercise), exercise)


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


def _report(exercise: Exercise | None, found: list[Rep], finders: Sequence[HoldFinder], tally: PoseTally) -> Report:
    reps = in_sets(in_order(rep for rep in found if not rep.partial))
    held = max(finders, key=lambda finder: sum(hold.end - hold.start for hold in finder.found), default=None)
    if exercise is None and held is not None and held.found:
        exercise = held.exercise
    holds = tuple(held.found) if held is not None and exercise is held.exercise else ()
    return Report(
        exercise=exercise.name if exercise else NONE,
        reps=reps,
        attempts=beside(in_order(rep for rep in found if rep.partial), reps),
        frames_analyzed=tally.frames,
        frames_with_pose=tally.with_pose,
        duration=tally.last - tally.first,
        notes=tuple(_notes(exercise, tally)),
        family=exercise.family if exercise else NONE,
        view=tally.view,
        holds=holds,
        signal=_signal(exercise, tally.view) if exercise else None,
    )


def _signal(exercise: Exercise, view: str) -> Signal:
    error = error_band(exercise, view)
    return Signal(exercise.joint, exercise.unit, exercise.work, exercise.rest, exercise.full, error, exercise.lift)


def _notes(exercise: Exercise | None, tally: PoseTally) -> Iterator[str]:
    if tally.with_pose == 0:
        yield "No person was seen."
    elif exercise is None:
        yield "A person was seen, but no exercise was recognised; name it with --exercise to count it all the same."
    elif tally.with_pose < 0.5 * tally.frames:
        yield f"A person was seen in only {100 * tally.with_pose // tally.frames} % of the frames."
    if exercise is not None and exercise.full is not None and error_band(exercise, tally.view) is None:
        better = "" if error_band(exercise, exercise.view) is None else f"; film from the {exercise.view}"
        yield f"From this view ({tally.view}) nothing can be said about depth{better}."


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values; times in seconds and angles in degrees, rounded to what they are good for."""
    return {
        "exercise": report.exercise,
        "family": report.family,
        "count": report.count,
        "sides": sides(report.reps),
        "duration": round(report.duration, 2),
        "frames_analyzed": report.frames_analyzed,
        "frames_with_pose": report.frames_with_pose,
        "notes": list(report.notes),
        **_signal_json(report),
        **figures(report.reps),
        "sets": list(summaries(report.reps, report.attempts)),
        "holds": [_hold_json(hold) for hold in report.holds],
        "reps": [rep_json(rep) for rep in report.reps],
        "attempts": [rep_json(rep) for rep in report.attempts],
    }


def _signal_json(report: Report) -> dict[str, Any]:
    """Whose angle is told, from where it was seen, and how far it may be wrong; None where nobody can say."""
    signal = report.signal
    target = {"rest": signal.rest, "full": signal.full} if signal and signal.full is not None else None
    return {
        "signal": signal and signal.name,
        "unit": signal and signal.unit,
        "work": signal and signal.work,
        "view": report.view,
        "error": signal and signal.error,
        "target": target,
    }


def _hold_json(hold: Hold) -> dict[str, Any]:
    times = {"start": hold.start, "end": hold.end, "seconds": hold.end - hold.start}
    return {"number": hold.number, **{name: round(value, 2) for name, value in times.items()}}


def as_csv_rows(report: Report) -> Iterator[tuple[str, ...]]:
    """The header, then a row for each rep and attempt in order of time."""
    return csv_rows(as_json(report))


def rep_json(rep: Rep) -> dict[str, Any]:
    """One rep as JSON values, rounded to what they are good for."""
    times = {name: round(getattr(rep, name), 2) for name in ("start", "turn", "end")}
    return {
        "number": rep.number,
        **times,
        "lowest": round(rep.lowest, 1),
        "highest": round(rep.highest, 1),
        "side": rep.side,
        "partial": rep.partial,
        "seconds": round(rep.end - rep.start, 2),
        "range": round(rep.range_of_motion, 1),
        "set": rep.set,
        **(_quality_json(rep.quality) if rep.quality else {}),
    }


def _quality_json(quality: Quality) -> dict[str, Any]:
    figures = {name: getattr(quality, name) for name in QUALITY}
    return {
        **{name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()},
        "velocity": round(quality.velocity, 1),
        "reasons": list(quality.reasons),
    }
