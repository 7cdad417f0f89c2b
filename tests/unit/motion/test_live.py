from __future__ import annotations

import itertools
import pickle
from typing import TYPE_CHECKING

import pytest
from tests.unit.motion.conftest import without_hands

from halfgig.demo.athlete import Beat, Script
from halfgig.motion import live as module
from halfgig.motion.exercises import exercise_named
from halfgig.motion.live import Live, Standing
from halfgig.motion.report import count
from halfgig.records import PoseAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Perform = Callable[..., Iterator[PoseAt]]

HOUR, APART = 3600.0, 0.8  # seconds
SLACK = 1.02  # of bytes of state: a number may have another digit


def watch(live: Live, moments: Iterable[PoseAt]) -> list[Standing]:
    return [live.add(moment) for moment in moments]


def phases(standings: Iterable[Standing]) -> list[str]:
    return [phase for phase, _ in itertools.groupby(standing.phase for standing in standings)]


@pytest.mark.parametrize("exercise", ["squat", "push-up", "alternating curl", "deadlift"])
def test_what_is_counted_live_is_what_a_video_of_it_has(perform: Perform, exercise: str) -> None:
    row = exercise_named(exercise)
    standings = watch(Live(row), perform(exercise, 6, 2.0))
    report = count(perform(exercise, 6, 2.0), row)
    assert standings[-1].count == report.count == 6
    counts = [standing.count for standing in standings]
    assert counts == sorted(counts)


def test_arms_that_the_body_hides_are_counted_live_as_of_a_video(perform: Perform) -> None:
    curl = exercise_named("bicep curl")
    curls = [without_hands(moment) for moment in perform("bicep curl", 3, fps=10)]
    assert watch(Live(curl), curls)[-1].count == count(curls, curl).count == 3
    assert watch(Live(None), curls)[-1].count == 0


def test_a_rep_counts_before_it_is_over(perform: Perform) -> None:
    script = Script("squat", tuple(Beat() for _ in range(4)))
    standings = watch(Live(exercise_named("squat")), perform(script))
    for number, rep in enumerate(count(perform(script), exercise_named("squat")).reps, 1):
        counted = next(standing.time for standing in standings if standing.count == number)
        assert rep.turn < counted < rep.end


def test_a_squat_goes_down_and_up_and_a_curl_up_and_down(perform: Perform) -> None:
    assert phases(watch(Live(exercise_named("squat")), perform("squat", 2))) == [*("rest", "down", "up") * 2, "rest"]
    curls = phases(watch(Live(exercise_named("curl")), perform("bicep curl", 2)))
    assert curls == [*("rest", "up", "down") * 2, "rest"]


def test_sides_are_counted_for_themselves(perform: Perform) -> None:
    last = watch(Live(exercise_named("alternating curl")), perform("alternating curl", 5))[-1]
    assert (last.reps, last.count) == ({"left": 3, "right": 2}, 5)


def test_a_shallow_one_is_an_attempt(perform: Perform) -> None:
    script = Script("squat", (Beat(), Beat(), Beat(depth=0.35), Beat(), Beat()))
    last = watch(Live(exercise_named("squat")), perform(script))[-1]
    assert (last.count, last.attempts) == (4, 1)


def test_the_exercise_is_recognised_and_counted(perform: Perform) -> None:
    standings = watch(Live(None), perform("push-up", 4))
    assert (standings[0].phase, standings[0].exercise) == ("watching", None)
    last = standings[-1]
    assert (last.exercise and last.exercise.name, last.count) == ("push-up", 4)
    named = next(standing for standing in standings if standing.exercise is not None)
    assert named.count == 1  # after the first one


def test_another_exercise_takes_over_when_it_fills_more_of_the_time(perform: Perform) -> None:
    squats = list(perform("squat", 2))
    curls = [PoseAt(moment.time + squats[-1].time + 2, moment.pose) for moment in perform("bicep curl", 6)]
    last = watch(Live(None), [*squats, *curls])[-1]
    assert (last.exercise and last.exercise.name, last.count) == ("bicep curl", 6)


def test_nobody_is_said(perform: Perform) -> None:
    for exercise in (exercise_named("squat"), None, exercise_named("plank")):
        assert Live(exercise).add(PoseAt(0.0, None)).phase == "unseen"


def test_a_count_stays_while_nobody_is_seen(perform: Perform) -> None:
    live = Live(exercise_named("squat"))
    squats = list(perform("squat", 3))
    watch(live, squats)
    gone = watch(live, [PoseAt(squats[-1].time + 0.1 * number, None) for number in range(1, 50)])[-1]
    assert (gone.phase, gone.count, gone.value) == ("unseen", 3, None)


def test_a_hold_has_seconds(perform: Perform) -> None:
    still = next(perform("squat", 1)).pose
    live = Live(exercise_named("plank"))
    assert watch(live, [PoseAt(0.1 * number, still) for number in range(50)])[-1].phase == "rest"
    level = next(perform("push-up", 1)).pose
    standings = watch(live, [PoseAt(6 + 0.1 * number, level) for number in range(101)])
    assert (standings[-1].phase, standings[-1].count) == ("hold", 0)
    assert standings[-1].held == pytest.approx(10.0)


def slowly(perform: Perform, seconds: float) -> Iterator[PoseAt]:
    """One squat after another, each of 9.6 seconds, seen every 0.8 seconds."""
    rep = list(perform(Script("squat", (Beat(3.6, 1.2, 3.6, 1.2),), fps=5, lead=0)))[::4]
    for number in range(round(seconds / APART)):
        yield PoseAt(number * APART, rep[number % len(rep)].pose)


def sizes(live: Live, moments: Iterable[PoseAt], after: Iterable[float]) -> list[int]:
    """Bytes of all that it knows, so many seconds after the start."""
    found, due = [], list(after)
    for moment in moments:
        live.add(moment)
        if due and moment.time >= due[0]:
            due.pop(0)
            found.append(len(pickle.dumps(live._watched)))
    return found


def test_an_hour_holds_what_ten_minutes_do(perform: Perform) -> None:
    live = Live(exercise_named("squat"))
    early, late = sizes(live, slowly(perform, HOUR), (600, HOUR - 1))
    assert late < SLACK * early
    assert live.add(PoseAt(HOUR, None)).count == HOUR // 9.6


def test_recognition_holds_no_more_with_time(perform: Perform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 120.0)  # looks leave nothing behind, and take most of the time
    live = Live(None)
    early, late = sizes(live, slowly(perform, 1300), (600, 1299))
    last = live.add(PoseAt(1300, None))
    assert (last.exercise and last.exercise.name, last.count) == ("squat", 125)  # at the last look, after 1200 s
    assert late < SLACK * early
