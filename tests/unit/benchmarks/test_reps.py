"""The benchmark of reps on poses that are kept: labels, figures, the counter of the demos, and figures left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.clips import Clip, Label, PoseShelf, read_clips, read_labels
from benchmarks.reps import distance, judge, line, summaries
from benchmarks.thresholds import count_by_thresholds
from benchmarks.tuning import leave_one_out, tunings
from tests.unit.motion.conftest import true_pose

from halfgig.demo.athlete import bodies, steady
from halfgig.errors import HalfgigError
from halfgig.motion.exercises import exercise_named
from halfgig.motion.pose_batches import pack_poses
from halfgig.motion.reps import TUNING
from halfgig.records import PoseAt

if TYPE_CHECKING:
    from pathlib import Path

ROWS = """file,exercise,reps,reps_min,reps_max,confidence,repo
one.mp4,squat_half,3,3,3,sure,first/gym
two.mp4,bicep_curl_alternating,4,4,5,unsure,second/gym
idle.mp4,none,0,0,0,sure,first/gym
empty.mp4,odd,0,0,0,sure,first/gym
"""


def poses(exercise: str, reps: int) -> list[PoseAt]:
    return [PoseAt(time, true_pose(body)) for time, body in bodies(steady(exercise, reps, fps=10))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels, and the poses of the first clip kept beside them; no clip is there."""
    (tmp_path / "labels.csv").write_text(ROWS, encoding="utf-8")
    kept = tmp_path / "full-10"
    kept.mkdir()
    (kept / "one.mp4.poses").write_bytes(pack_poses(poses("squat", 3)))
    return tmp_path


def test_labels_are_exercises_of_the_table_people_who_rest_or_odd(folder: Path) -> None:
    half, curl, idle, odd = read_labels(folder)
    assert half.exercise is exercise_named("half squat")
    assert curl.exercise is exercise_named("alternating curl")
    assert (half.sure, curl.sure, idle.idle, odd.idle, odd.odd) == (True, False, True, False, True)
    assert (curl.least, curl.most, curl.origin) == (4, 5, "second/gym")


def test_a_label_that_no_exercise_is_near_to_is_told(folder: Path) -> None:
    (folder / "labels.csv").write_text(ROWS + "x.mp4,juggling,1,1,1,sure,x/y\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="juggling"):
        list(read_labels(folder))


def test_kept_poses_are_counted_and_what_cannot_be_opened_is_told(folder: Path) -> None:
    found, *rest = read_clips(folder, PoseShelf(folder / "no models", "full", 10, folder))
    assert isinstance(found, Clip)
    outcome = judge(found)
    assert (outcome.told, outcome.demo, outcome.recognised.count) == (3, 3, 3)
    assert "3 [3-3]" in line(outcome)
    assert all(not isinstance(one, Clip) and isinstance(one[1], HalfgigError) for one in rest)
    told = next(row for row in summaries([outcome]) if row.startswith("told "))
    assert told.split()[1:] == ["1", "1.000", "1.000", "0.000", "0.000"]


def test_the_demos_count_deep_reps_of_the_left_side_only() -> None:
    assert count_by_thresholds(poses("squat", 4), exercise_named("squat")) == 4
    assert count_by_thresholds(poses("jumping jack", 4), exercise_named("jumping jack")) == 4
    assert count_by_thresholds(poses("alternating curl", 4), exercise_named("alternating curl")) == 2
    assert count_by_thresholds([PoseAt(0.0, None)], exercise_named("squat")) == 0


def test_figures_are_chosen_without_the_source_that_they_are_judged_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.tuning.GRID", {"full": (0.45, 0.99)})
    labels = list(read_labels(folder))
    clips = [Clip(labels[0], poses("squat", 3), 0.0), Clip(labels[1], poses("alternating curl", 4), 0.0)]
    used, apart, best, grid = leave_one_out(clips)
    assert TUNING in set(tunings())
    assert [row.split()[-2:] for row in (used, apart, best)] == [["1.000", "1.000"]] * 3
    assert "2" in grid


def test_counts_within_the_labelled_range_are_no_distance(folder: Path) -> None:
    label = next(label for label in read_labels(folder) if label.most == 5)
    assert isinstance(label, Label)
    assert [distance(counted, label) for counted in (2, 4, 5, 7)] == [2, 0, 0, 2]
