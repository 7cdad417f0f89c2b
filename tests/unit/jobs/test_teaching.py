from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.jobs.teaching import NOTE, Teaching
from halfgig.memory import budget

if TYPE_CHECKING:
    from pathlib import Path

COST = budget.cost("transcribe", "base")


def test_what_was_learned_is_known_after_a_restart(tmp_path: Path) -> None:
    Teaching(tmp_path, lambda: 5.0).learn("index", "base", 2 * COST.peak, COST.peak)
    again = Teaching(tmp_path, lambda: 5.0)
    assert again.learned.adjusted(COST, 5.0).peak > COST.peak


def test_a_note_that_cannot_be_read_is_no_note(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text("{")
    assert Teaching(tmp_path).learned.adjusted(COST, 0.0) == COST


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    teaching = Teaching(tmp_path / "data", lambda: 5.0)
    teaching.learn("index", "base", 2 * COST.peak, COST.peak)
    assert teaching.learned.adjusted(COST, 5.0).peak > COST.peak


def test_a_job_that_admitted_nothing_teaches_nothing(tmp_path: Path) -> None:
    Teaching(tmp_path).learn("reps", "", 1, 1)
    assert not (tmp_path / NOTE).exists()


def test_a_short_clip_in_a_warm_worker_teaches_little(tmp_path: Path) -> None:
    teaching = Teaching(tmp_path, lambda: 5.0)
    teaching.learn("transcript", "base", measured=105 << 20, expected=81 << 20)
    assert teaching.learned.adjusted(COST, 5.0).peak < 1.1 * COST.peak
