from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.operations import calibration
from halfgig.operations.calibration import machine_speed, measure, processor, read_note, write_note

if TYPE_CHECKING:
    from pathlib import Path


def test_measured_once_and_then_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = iter([1.5])
    monkeypatch.setattr(calibration, "measure", lambda: next(speeds))
    assert machine_speed(tmp_path / "data") == 1.5
    assert machine_speed(tmp_path / "data") == 1.5
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["speed.json"]


def test_another_processor_or_version_is_measured_anew(tmp_path: Path) -> None:
    note = tmp_path / "speed.json"
    write_note(note, "this one", 2.0)
    assert read_note(note, "this one") == 2.0
    assert read_note(note, "another") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"machine": "m"}', '{"machine": "m", "speed": "fast"}', '{"machine": "m", "speed": NaN}',
     '{"machine": "m", "speed": 0}', '{"machine": "m", "speed": 1e9}', '{"machine": "m", "speed": null}', "\x00\xff"],
)  # fmt: skip
def test_a_damaged_note_is_no_note(tmp_path: Path, text: str) -> None:
    note = tmp_path / "speed.json"
    note.write_text(text)
    assert read_note(note, "m") is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(calibration, "measure", lambda: 3.0)
    assert machine_speed(blocked / "data") == 3.0


def answer(text: str) -> Any:
    return lambda *_, **__: subprocess.CompletedProcess([], 0, text, "")


@pytest.mark.parametrize(("seconds", "speed"), [("0.000237", 2.0), ("0.000948", 0.5), ("1e9", 0.05), ("1e-12", 20.0)])
def test_speed_is_the_reference_over_the_trial_and_bounded(
    monkeypatch: pytest.MonkeyPatch, seconds: str, speed: float
) -> None:
    monkeypatch.setattr(subprocess, "run", answer(seconds))
    assert measure() == pytest.approx(speed)


@pytest.mark.parametrize("text", ["", "fast", "0.0"])
def test_a_trial_without_an_answer_is_average(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(subprocess, "run", answer(text))
    assert measure() == 1.0


def test_a_trial_that_fails_is_average(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(1, "trial")

    monkeypatch.setattr(subprocess, "run", fail)
    assert measure() == 1.0


def test_a_real_trial_finds_a_believable_speed() -> None:
    assert 0.05 < measure() < 20.0


def test_the_processor_is_named(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast One 9000\n")
    assert processor(tmp_path) == "Fast One 9000"
    assert processor(tmp_path / "none")


def test_a_note_is_json(tmp_path: Path) -> None:
    write_note(tmp_path / "speed.json", "m", 1.23456)
    assert json.loads((tmp_path / "speed.json").read_text()) == {"machine": "m", "speed": 1.235}
