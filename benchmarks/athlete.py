"""`python -m benchmarks.athlete [--reps 3] [--views ...] [--tempos ...] [--uneven] [--poses CACHE]`: counts against the
truth.

The drawn athlete does every exercise, from every view, in every tempo, with and without noise and an occluding bar, or,
with `--uneven`, in two paces of which one way takes longer; all is tracked by the real models. Told are the counts,
whether the exercise was recognised, how far turns are from the truth, the same without what no picture shows
(`UNSEEN`), and the error of each joint by view: its mean, and what nine in ten are within
(`halfgig.motion.views.ERRORS`).
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from halfgig.demo.athlete import VIEWS, Beat, render, steady, truth
from halfgig.demo.body import EXERCISES
from halfgig.motion.angles import COLUMN, measure_angles
from halfgig.motion.exercises import exercise_named
from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.motion.poses import PoseTracker, track_poses
from halfgig.motion.report import count
from halfgig.pipelines import FRAME_RATE
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from halfgig.demo.athlete import Script
    from halfgig.records import Frame, PoseAt, Report

TEMPOS = (1.2, 2.0, 4.0)  # seconds of a repetition
TROUBLES = ("none", "noise", "occlusion")
UNEVEN = {"slow there": Beat(2.0, 0.2, 0.8, 0.4), "slow back": Beat(0.7, 0.0, 1.8, 0.3)}
NOISE = 12.0  # grey levels, standard deviation
JOINTS = ("elbow", "knee", "hip", "shoulder", "ankle")
UNSEEN = {  # exercise and view: why the movement is not in the picture
    ("alternating curl", "side"): "the trunk hides the far arm",
    ("deadlift", "back"): "the trunk tips away from the camera, behind the hips",
    ("lunge", "back"): "the knees bend away from the camera, and one leg hides the other",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One performance: what is done, from where it is seen, and what makes it hard."""

    script: Script
    tempo: float
    trouble: str

    @property
    def name(self) -> str:
        """For a file, and for people."""
        return f"{self.script.exercise}_{self.script.view}_{self.tempo:g}_{self.trouble}"


def cases(reps: int, views: Iterable[str], tempos: Iterable[float], troubles: Iterable[str]) -> Iterator[Case]:
    """The whole grid."""
    for trouble in troubles:
        for tempo in tempos:
            for view in views:
                for exercise in EXERCISES:
                    yield Case(steady(exercise, reps, tempo, view=view, fps=round(FRAME_RATE)), tempo, trouble)


def uneven_cases(reps: int, views: Iterable[str]) -> Iterator[Case]:
    """Every exercise from every view, at the paces of UNEVEN."""
    for case in cases(reps, views, (1.0,), UNEVEN):
        beats = tuple(replace(UNEVEN[case.trouble], side=beat.side) for beat in case.script.beats)
        yield Case(replace(case.script, beats=beats), beats[0].seconds, case.trouble)


def troubled(frames: Iterable[Frame], trouble: str) -> Iterator[Frame]:
    """The frames with noise, or with a post in front of the athlete's far half."""
    draw = np.random.default_rng(1)
    for frame in frames:
        pixels = frame.pixels
        if trouble == "noise":
            noisy = pixels + draw.normal(0, NOISE, pixels.shape)
            pixels = np.clip(noisy, 0, 255).astype(np.uint8)
        if trouble == "occlusion":
            pixels = pixels.copy()
            middle, width = pixels.shape[1] * 58 // 100, max(6, pixels.shape[1] // 24)
            pixels[:, middle : middle + width] = (60, 64, 70)
        yield replace(frame, pixels=pixels)


def watch(case: Case, tracker: PoseTracker, cache: Path | None) -> list[PoseAt]:
    """The poses of a case, from the cache where they are there."""
    kept = cache and cache / f"{case.name}.poses"
    if kept and kept.exists():
        return list(unpack_poses(kept.read_bytes()))
    tracker.forget()
    poses = list(track_poses(troubled(render(case.script), case.trouble), tracker))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pack_poses(poses))
    return poses


def errors(case: Case, poses: list[PoseAt]) -> Iterator[tuple[tuple[str, str], NDArray[np.float64]]]:
    """(joint, view) with the degrees between what is measured and what is drawn, where it is seen."""
    drawn = truth(case.script)["frames"]
    rows = np.stack([moment.values for moment in measure_angles(poses)])
    for joint in JOINTS:
        for side in ("left", "right"):
            told = np.array([frame[f"{side}_{joint}"] for frame in drawn])
            apart = np.abs(rows[:, COLUMN[f"{side}_{joint}"]] - told)
            yield (joint, case.script.view), apart[~np.isnan(apart)]


def late(case: Case, report: Report) -> float:
    """Seconds of the turn that is furthest from its truth; NaN without reps."""
    turns = [row["turn"] for row in truth(case.script)["reps"]]
    return max((min(abs(rep.turn - turn) for turn in turns) for rep in report.reps), default=float("nan"))


def main() -> None:
    given = _arguments()
    tracker = PoseTracker(Settings.from_environment().models_dir / "blazepose-full")
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    turns = []
    grid = cases(given.reps, given.views, given.tempos, given.troubles)
    for case in uneven_cases(given.reps, given.views) if given.uneven else grid:
        poses = watch(case, tracker, given.poses)
        told, auto = count(poses, exercise_named(case.script.exercise)), count(poses)
        turns.append(late(case, told))
        for name, good in _judged(case, told, auto, turns[-1]):
            right[name].append(good)
        for key, apart in errors(case, poses) if case.trouble in ("none", *UNEVEN) else ():
            found[key].append(apart)
        wrong = "" if told.count == auto.count == given.reps else " *"
        print(
            f"{case.name:<44}{told.count:>4}{auto.count:>4}  {auto.exercise:<18}{turns[-1]:6.2f} s{wrong}", flush=True
        )
    print("", *(f"{name:<28}{sum(good)} of {len(good)}" for name, good in sorted(right.items())), sep="\n")
    print(*_table(found), sep="\n")


def _judged(case: Case, told: Report, auto: Report, apart: float) -> Iterator[tuple[str, bool]]:
    wanted = len(case.script.beats)
    seen = (case.script.exercise, case.script.view) not in UNSEEN
    for name in ("", ", seen") if seen else ("",):
        yield f"exact, told{name}", told.count == wanted
        yield f"exact, recognised{name}", auto.count == wanted
        yield f"family recognised{name}", auto.family == exercise_named(case.script.exercise).family
        yield f"turns within 0.1 s{name}", apart <= 0.1
    yield f"exact, told, {case.script.view}", told.count == wanted
    yield f"turns within 0.1 s, {case.script.view}", apart <= 0.1


def _table(found: dict[tuple[str, str], list[NDArray[np.float64]]]) -> Iterator[str]:
    for (joint, view), parts in sorted(found.items()):
        whole = np.concatenate(parts)
        if len(whole):
            middle, within = np.median(whole), np.quantile(whole, 0.9)
            yield f"{joint:<9}{view:<9}median {middle:5.1f}   mean {whole.mean():5.1f}   nine in ten {within:5.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.athlete", description=__doc__)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--views", nargs="+", default=list(VIEWS), choices=list(VIEWS))
    parser.add_argument("--tempos", nargs="+", type=float, default=list(TEMPOS))
    parser.add_argument("--troubles", nargs="+", default=list(TROUBLES), choices=TROUBLES)
    parser.add_argument("--uneven", action="store_true", help="one way slow, the other quick")
    parser.add_argument("--poses", type=Path, metavar="CACHE", help="keep poses here, and take them from here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
