"""`python -m benchmarks.reps FOLDER [--poses CACHE] [--rate 10] [--leave-one-out]`: count labelled clips.

For each clip of the folder's labels.csv the count with the exercise told and with it recognised, beside the truth and
beside the two thresholds of the popular demos on the same poses. Then, per exercise and in all: the share that is
exact (within reps_min and reps_max) and within one of that, the mean error outside it and from `reps` itself, both by
the number of reps; exercises recognised; false reps where nobody exercises; frames a second; peak memory. Odd files
are told apart. With --poses a clip is tracked once, and counted again in milliseconds.
"""

from __future__ import annotations

import argparse
import resource
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clips import Clip, Label, PoseShelf, read_clips
from benchmarks.thresholds import count_by_thresholds
from benchmarks.tuning import leave_one_out
from halfgig.motion.recognition import NONE
from halfgig.motion.report import count
from halfgig.pipelines import FRAME_RATE
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Report, Seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """A clip counted three times; `told` and `demo` are None where there is nothing to tell."""

    label: Label
    told: int | None
    demo: int | None
    recognised: Report
    seconds: Seconds


def judge(clip: Clip) -> Outcome:
    """Count the clip's poses with the exercise told, recognised, and by two thresholds."""
    exercise = clip.label.exercise
    told = None if exercise is None else count(clip.poses, exercise).count
    demo = None if exercise is None else count_by_thresholds(clip.poses, exercise)
    return Outcome(clip.label, told, demo, count(clip.poses), clip.seconds)


def distance(counted: int, label: Label) -> int:
    """Reps by which a count misses the labelled range."""
    return max(label.least - counted, counted - label.most, 0)


def is_recognised(one: Outcome) -> bool:
    """Whether the exercise found is of the family that the label tells."""
    return one.label.exercise is not None and one.recognised.family == one.label.exercise.family


def summary(name: str, counted: Sequence[tuple[int, Label]]) -> str:
    """One line: clips, exact, within one, mean error outside the labelled range and from the label's own figure."""
    if not counted:
        return f"{name:<28}   0"
    misses = [distance(number, label) for number, label in counted]
    exact, near = (sum(miss <= most for miss in misses) / len(misses) for most in (0, 1))
    least = [max(label.reps, 1) for _, label in counted]
    outside = sum(miss / reps for miss, reps in zip(misses, least, strict=True)) / len(misses)
    apart = sum(abs(number - label.reps) / max(label.reps, 1) for number, label in counted) / len(counted)
    return f"{name:<28}{len(misses):4d}{exact:9.3f}{near:9.3f}{outside:9.3f}{apart:9.3f}"


HEADING = f"{'':<28}{'n':>4}{'exact':>9}{'near':>9}{'error':>9}{'strict':>9}"


def summaries(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The tables below the clips."""
    active = [one for one in outcomes if one.label.exercise]
    sure = [one for one in active if one.label.sure]
    yield HEADING
    for name, chosen in (("", active), (", sure", sure), (", unsure", [one for one in active if one not in sure])):
        yield from _three_ways(name, chosen)
    yield from ("", "by exercise, told", HEADING)
    yield from _by_exercise(active)
    yield ""
    yield from _recognition(outcomes)
    yield _speed(outcomes)


def _three_ways(name: str, chosen: Sequence[Outcome]) -> Iterator[str]:
    yield summary(f"told{name}", [(one.told or 0, one.label) for one in chosen])
    yield summary(f"recognised{name}", [(one.recognised.count, one.label) for one in chosen])
    yield summary(f"two thresholds{name}", [(one.demo or 0, one.label) for one in chosen])


def _by_exercise(active: Sequence[Outcome]) -> Iterator[str]:
    rows = defaultdict(list)
    for one in active:
        if one.label.exercise:
            rows[one.label.exercise.name].append((one.told or 0, one.label))
    yield from (summary(name, rows[name]) for name in sorted(rows))


def _recognition(outcomes: Sequence[Outcome]) -> Iterator[str]:
    active = [one for one in outcomes if one.label.exercise]
    idle = [one for one in outcomes if one.label.idle]
    if active:
        yield f"{'family recognised':<28}{len(active):4d}{sum(map(is_recognised, active)) / len(active):9.3f}"
    if idle:
        quiet = sum(distance(one.recognised.count, one.label) == 0 for one in idle)
        silent = sum(one.recognised.count == 0 for one in idle)
        named = sum(one.recognised.exercise != NONE for one in idle)
        told = f"({silent} of them with 0, {named} with an exercise)"
        yield f"{'idle, without false rep':<28}{len(idle):4d}{quiet / len(idle):9.3f}   {told}"


def _speed(outcomes: Sequence[Outcome]) -> str:
    fresh = [one for one in outcomes if one.seconds]
    frames, seconds = sum(one.recognised.frames_analyzed for one in fresh), sum(one.seconds for one in fresh)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tracked = f"{frames / seconds:.1f} frames a second" if seconds else "all poses were kept"
    return f"{'decoding and tracking':<28} {tracked}; peak RSS {peak:.0f} MiB, the poses of the clips among it"


def line(one: Outcome) -> str:
    """One clip."""
    label, told = one.label, "-" if one.told is None else str(one.told)
    right = distance(one.told or 0, label) == 0 == distance(one.recognised.count, label)
    truth = f"{label.reps} [{label.least}-{label.most}]{'' if label.sure else '?'}"
    counts = f"{truth:>13}{told:>6}{one.recognised.count:>6}{'-' if one.demo is None else one.demo:>6}"
    return f"{'  ' if right else '* '}{label.path.name:<42}{counts}  {one.recognised.exercise}"


def main() -> None:
    given = _arguments()
    models = given.models or Settings.from_environment().models_dir / f"blazepose-{given.model}"
    shelf = PoseShelf(models, given.model, given.rate, given.poses)
    outcomes, clips = [], []
    print(f"  {'clip':<42}{'truth':>13}{'told':>6}{'auto':>6}{'demo':>6}  recognised as")
    for one in read_clips(given.folder, shelf):
        if not isinstance(one, Clip):
            print(f"! {one[0].path.name}: {one[1]}")
            continue
        outcome = judge(one)
        outcomes.append(outcome)
        clips.append(one)
        print(line(outcome), flush=True)
    print("", *summaries([one for one in outcomes if not one.label.odd]), sep="\n")
    if given.leave_one_out:
        print("", *leave_one_out(clips), sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.reps", description=__doc__)
    parser.add_argument("folder", type=Path, help="clips and their labels.csv")
    parser.add_argument("--models", type=Path, help="folder of the pose models; the model store's if not given")
    parser.add_argument("--model", choices=("full", "lite"), default="full")
    parser.add_argument("--rate", type=float, default=FRAME_RATE, help="frames a second")
    parser.add_argument("--poses", type=Path, metavar="CACHE", help="keep poses here, and take them from here")
    parser.add_argument("--leave-one-out", action="store_true", help="choose figures without each source in turn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
