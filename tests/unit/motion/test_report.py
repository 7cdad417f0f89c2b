from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.motion.conftest import without_hands

from halfgig.demo.athlete import Beat, Script
from halfgig.errors import SourceError
from halfgig.motion.exercises import exercise_named
from halfgig.motion.report import as_csv_rows, as_json, count
from halfgig.motion.table import COLUMNS
from halfgig.records import PoseAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Perform = Callable[..., Iterator[PoseAt]]

SQUAT = exercise_named("squat")
SET = Script("squat", tuple(Beat(1.0, 0.2, 1.0, 0.4, depth) for depth in (1, 1, 0.35, 1)))


def test_a_report_tells_reps_attempts_and_frames(perform: Perform) -> None:
    report = count(perform(SET), SQUAT)
    assert (report.exercise, report.count, len(report.attempts)) == ("squat", 3, 1)
    assert report.frames_analyzed == report.frames_with_pose == round(SET.seconds * SET.fps)
    assert report.duration == pytest.approx(SET.seconds, abs=0.1)
    assert report.notes == ()
    assert [rep.number for rep in report.reps] == [1, 2, 3]


def test_without_an_exercise_it_is_recognised(perform: Perform) -> None:
    assert count(perform("jumping jack", 5)).exercise == "jumping jack"


def test_arms_that_the_body_hides_are_counted_when_told_and_not_judged(perform: Perform) -> None:
    curls = [without_hands(moment) for moment in perform("bicep curl", 3, fps=10)]
    report = count(curls, exercise_named("bicep curl"))
    assert report.count == 3
    assert {rep.quality.score for rep in report.reps if rep.quality} == {None}
    assert count(curls).count == 0


def test_nobody_is_a_report_with_a_note() -> None:
    report = count(PoseAt(number / 10, None) for number in range(50))
    assert (report.exercise, report.count, report.frames_analyzed) == ("none", 0, 50)
    assert report.notes == ("No person was seen.",)
    assert count(iter(()), SQUAT).count == 0


def test_a_person_who_does_nothing_is_told_what_to_try(perform: Perform) -> None:
    (note,) = count(perform(Script("squat", (), lead=5))).notes
    assert "--exercise" in note


def test_a_person_seldom_seen_is_noted(perform: Perform) -> None:
    away = (PoseAt(20 + number / 15, None) for number in range(400))
    (note,) = count(itertools.chain(perform("squat", 2), away), SQUAT).notes
    assert "% of the frames" in note


def test_too_few_frames_with_a_person_are_refused_where_a_least_is_set(perform: Perform) -> None:
    assert count(perform("squat", 1), SQUAT, least_frames=10).count == 1
    with pytest.raises(SourceError, match="MIN_FRAMES_FOR_ANALYSIS"):
        count(perform("squat", 1), SQUAT, least_frames=10_000)


def test_json_is_plain_and_rounded(perform: Perform) -> None:
    answer = json.loads(json.dumps(as_json(count(perform(SET), SQUAT)), allow_nan=False))
    assert (answer["exercise"], answer["count"], answer["sides"]) == ("squat", 3, {"both": 3})
    assert len(answer["reps"]) == 3
    assert answer["reps"][0]["range"] == pytest.approx(
        answer["reps"][0]["highest"] - answer["reps"][0]["lowest"], abs=0.11
    )
    assert answer["attempts"][0]["partial"] is True


def test_a_coach_is_told_of_sets_tempo_view_and_depth(perform: Perform) -> None:
    rest = Beat(1.0, 0.2, 1.0, 12.0)
    answer = as_json(count(perform(Script("squat", (Beat(), Beat(), rest, Beat(), Beat(), Beat()))), SQUAT))
    assert [row["count"] for row in answer["sets"]] == [3, 3]
    assert [row["set"] for row in answer["reps"]] == [1, 1, 1, 2, 2, 2]
    assert (answer["family"], answer["signal"], answer["unit"], answer["work"]) == ("squat", "knee", "degrees", "low")
    assert (answer["view"], answer["target"]) == ("side", {"rest": 165, "full": 95})
    assert answer["error"] < 10
    assert answer["tempo"]["eccentric"] == pytest.approx(0.9, abs=0.3)
    assert all(row["score"] > 80 and row["depth"] > 0.8 and row["confidence"] > 0.9 for row in answer["reps"])


def test_who_does_not_go_deep_is_told(perform: Perform) -> None:
    shallow = Script("squat", tuple(Beat(depth=0.62) for _ in range(4)))
    answer = as_json(count(perform(shallow), SQUAT))
    assert "short in 4 of 4 reps" in answer["cues"][0]
    assert answer["score"] <= 95


def test_from_the_front_no_statement_on_depth_is_made(perform: Perform) -> None:
    def turned(moment: PoseAt) -> PoseAt:
        assert moment.pose is not None
        return replace(moment, pose=replace(moment.pose, world=moment.pose.world[:, [2, 1, 0]] * (1, 1, -1)))

    report = count(map(turned, perform("squat", 3)), SQUAT)
    assert report.view == "front"
    assert any("nothing can be said about depth" in note for note in report.notes)
    assert as_json(report)["score"] is None


def test_a_told_hold_is_timed_and_not_counted(perform: Perform) -> None:
    plank = Script("push-up", (), lead=6)
    answer = as_json(count(perform(plank), exercise_named("plank")))
    assert (answer["exercise"], answer["count"], answer["reps"]) == ("plank", 0, [])
    assert answer["holds"][0]["seconds"] > 5
    assert count(perform(plank)).exercise == "plank"


def test_who_sits_on_a_chair_holds_nothing_unless_a_wall_sit_is_told(perform: Perform) -> None:
    sitting = list(perform(Script("squat", (Beat(depth=0.75, hold=15),))))
    assert count(sitting, exercise_named("wall sit")).holds
    assert count(sitting).exercise != "wall sit"


def test_csv_has_a_header_and_a_row_for_each_rep_and_attempt_in_order(perform: Perform) -> None:
    header, *rows = as_csv_rows(count(perform(SET), SQUAT))
    assert header == COLUMNS
    assert [row[COLUMNS.index("partial")] for row in rows] == ["false", "false", "true", "false"]
    assert all(isinstance(value, str) for row in rows for value in row)
    assert list(as_csv_rows(count(iter(()), SQUAT))) == [COLUMNS]


def test_alternating_sides_are_told(perform: Perform) -> None:
    report = count(perform("alternating curl", 6), exercise_named("alternating curl"))
    assert as_json(report)["sides"] == {"left": 3, "right": 3}
