from __future__ import annotations

from typing import Any

import pytest
from tests.unit.jobs.conftest import Clock

from halfgig.jobs.telling import EVERY, Telling, progress


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def telling(told: list[dict[str, Any]]) -> tuple[Telling, Clock]:
    clock = Clock()
    return Telling(told.append, clock), clock


def test_positions_are_told_with_speed_and_what_is_left(
    telling: tuple[Telling, Clock], told: list[dict[str, Any]]
) -> None:
    one, clock = telling
    one.duration = 100.0
    one.enter("recognizing")
    clock.now += 1
    one.move(0.0)
    clock.now += 2
    one.move(20.0)
    assert told[-1]["progress"] == {
        "stage": "recognizing",
        "position": 20.0,
        "duration": 100.0,
        "fraction": 0.2,
        "speed": 10.0,
        "remaining": 8.0,
    }


def test_not_every_position_is_told(telling: tuple[Telling, Clock], told: list[dict[str, Any]]) -> None:
    one, clock = telling
    one.enter("counting")
    for _ in range(100):
        clock.now += EVERY / 50
        one.move(1.0)
    assert len(told) <= 4


def test_what_was_done_before_is_no_progress_and_no_speed(
    telling: tuple[Telling, Clock], told: list[dict[str, Any]]
) -> None:
    one, clock = telling
    one.resume(50.0)
    for position in (0.0, 25.0, 50.0, 60.0):
        clock.now += 1
        one.move(position)
    positions = [message["progress"]["position"] for message in told]
    assert positions == [50.0, 50.0, 50.0, 60.0]
    assert told[-1]["progress"]["speed"] == 10.0


def test_a_new_job_begins_at_nothing(telling: tuple[Telling, Clock], told: list[dict[str, Any]]) -> None:
    one, _ = telling
    one.duration = 9.0
    one.resume(5.0)
    one.begin()
    one.enter("fetching")
    assert told[-1]["progress"] == progress("fetching", 0.0, None, None)


def test_what_is_not_known_is_none() -> None:
    assert progress("loading", 3.0, None, None) == {
        "stage": "loading",
        "position": 3.0,
        "duration": None,
        "fraction": None,
        "speed": None,
        "remaining": None,
    }
