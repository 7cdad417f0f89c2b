from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from halfgig.commands import exercises as command
from halfgig.errors import BadRequest, LibraryError, NotFound
from halfgig.motion.exercises import EXERCISES, exercise_named
from halfgig.operations.exercises import exercises_path, keep, learn_exercise, learned
from halfgig.settings import Settings

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

MINE = replace(exercise_named("squat"), name="hip circle", aliases=())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings(), data_dir=tmp_path / "data")


def run(settings: Settings, action: str, name: str = "") -> int:
    parsed: argparse.Namespace = __import__("argparse").Namespace(action=action, name=name)
    return command.run(parsed, settings)


def test_what_is_kept_comes_back_the_same(settings: Settings) -> None:
    assert learned(settings) == ()
    keep([MINE, *EXERCISES], settings)
    assert learned(settings) == (MINE, *EXERCISES)


def test_a_damaged_file_is_told(settings: Settings) -> None:
    keep([MINE], settings)
    exercises_path(settings).write_text('[{"name": 1}]')
    with pytest.raises(LibraryError, match=r"exercises\.json"):
        learned(settings)


@pytest.mark.parametrize(("name", "reps"), [("squat", 3), ("  ", 3), ("auto", 3), ("x" * 65, 3), ("hip circle", 0)])
def test_names_and_numbers_that_cannot_be_taught(settings: Settings, name: str, reps: int) -> None:
    with pytest.raises(BadRequest):
        learn_exercise(name, "no clip.mp4", reps, settings=settings)


def test_the_list_has_what_was_taught_until_it_is_forgotten(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keep([MINE], settings)
    assert run(settings, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(EXERCISES) + 2
    assert lines[-1].split()[:2] == ["hip", "circle"]
    run(settings, "forget", "hip circle")
    assert learned(settings) == ()
    with pytest.raises(NotFound):
        run(settings, "forget", "hip circle")
