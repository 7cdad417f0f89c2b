from __future__ import annotations

from dataclasses import replace

from halfgig.motion.sets import beside, cues, figures, in_sets, sides, summaries, tempo, velocity_loss
from halfgig.records import Quality, Rep


def rep(
    start: float, seconds: float = 2.0, *, side: str = "both", velocity: float = 90.0, reasons: tuple[str, ...] = ()
) -> Rep:
    quality = Quality(1.2, 0.2, seconds - 1.4, 0.9, None, velocity, 80, reasons, 0.9)
    return Rep(1, start, start + 1, start + seconds, 80.0, 170.0, side=side, quality=quality)


def test_a_long_rest_begins_another_set() -> None:
    reps = in_sets([rep(0), rep(2.5), rep(5), rep(20), rep(23)])
    assert [one.set for one in reps] == [1, 1, 1, 2, 2]
    assert in_sets([]) == ()


def test_slow_repetitions_may_rest_for_longer() -> None:
    assert [one.set for one in in_sets([rep(0, 5), rep(13, 5), rep(26, 5)])] == [1, 1, 1]
    assert [one.set for one in in_sets([rep(0, 2), rep(10, 2), rep(20, 2)])] == [1, 2, 3]


def test_sides_that_take_turns_are_one_set() -> None:
    both = in_sets([rep(0, side="left"), rep(1, side="right"), rep(2, side="left")])
    assert [one.set for one in both] == [1, 1, 1]
    assert sides(both) == {"left": 2, "right": 1}
    assert sides([]) == {"both": 0}


def test_attempts_belong_to_the_set_they_are_near_to() -> None:
    reps = in_sets([rep(0), rep(20)])
    assert [one.set for one in beside([rep(3), rep(18), rep(60)], reps)] == [1, 2, 0]
    assert [one.set for one in beside([rep(3)], ())] == [0]
    long = in_sets([rep(0, 30), rep(1), rep(60)])
    assert [one.set for one in beside([rep(33), rep(5), rep(50), rep(57)], long)] == [1, 1, 0, 2]


def test_a_set_tells_its_figures() -> None:
    reps = in_sets([rep(0), rep(3), rep(20, velocity=100), rep(23, velocity=80), rep(26, velocity=60)])
    first, second = summaries(reps, beside([rep(29)], reps))
    assert (first["count"], first["attempts"], second["count"], second["attempts"]) == (2, 0, 3, 1)
    assert (first["velocity_loss"], second["velocity_loss"]) == (None, 0.3)
    assert second["tempo"] == {"eccentric": 1.2, "pause": 0.2, "concentric": 0.6}
    assert (second["time_under_tension"], second["score"], second["range"]) == (6, 80, 90)


def test_a_rep_from_the_floor_has_no_part_in_the_tempo() -> None:
    first = rep(0)
    assert first.quality is not None
    first = replace(first, quality=replace(first.quality, eccentric=None, pause=0.0))
    assert tempo([first, rep(3)]) == tempo([rep(3)])
    assert tempo([first]) is None


def test_without_reps_there_is_nothing_to_say() -> None:
    assert figures([]) == {"tempo": None, "time_under_tension": 0, "score": None, "cues": []}
    assert tempo([]) is None
    assert velocity_loss([]) is None
    assert list(summaries((), ())) == []


def test_cues_are_the_commonest_reasons_with_their_middle_figure() -> None:
    reps = [
        rep(0, reasons=("depth 10 degrees short", "lowered in 0.2 s")),
        rep(3, reasons=("depth 20 degrees short",)),
        rep(6, reasons=("depth 30 degrees short", "one side moves 25 % less")),
    ]
    assert next(cues(reps)) == "depth 20 degrees short in 3 of 3 reps"
    assert "one side moves 25 % less in 1 of 3 reps" in list(cues(reps))
