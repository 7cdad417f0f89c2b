from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.commands import doctor
from halfgig.errors import MIB
from halfgig.operations import diagnosis, selftest
from halfgig.operations.diagnosis import Diagnosis, Fit, ModelState
from halfgig.operations.selftest import Outcome
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WELL = Diagnosis(
    versions={"halfgig": "0.1.0", "python": "3.11"},
    system="Linux",
    processor="Fast One",
    cores=2,
    threads=2,
    features=("avx2",),
    limit=512 * MIB,
    origin="cgroup v2 memory.max",
    held=20 * MIB,
    room=500 * MIB,
    data_dir="/data",
    free_disk=10**9,
    models=(ModelState("tiny.en", True, 40 * MIB, True), ModelState("base", False, 140 * MIB, False)),
    fits=(Fit("transcribe", "tiny.en", 220 * MIB, True), Fit("reps", "full", 600 * MIB, False)),
    changed_settings={"THREADS": "1"},
)
GOOD = Outcome("transcribe", 1.5, 180 * MIB, "cgroup v2")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the doctor finds: a diagnosis and the outcomes of the self-test."""
    found: dict[str, Any] = {"diagnosis": WELL, "outcomes": [GOOD], "limits": []}

    def trials(_: Settings, limit: int) -> Iterator[Outcome]:
        found["limits"].append(limit)
        yield from found["outcomes"]

    monkeypatch.setattr(diagnosis, "diagnose", lambda _: found["diagnosis"])
    monkeypatch.setattr(selftest, "run_trials", trials)
    return found


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    return doctor.run(parser.parse_args(["doctor", *words]), Settings())


def test_all_is_well(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    assert "halfgig 0.1.0, python 3.11" in out
    assert "memory: 512 MB (cgroup v2 memory.max), 20 MB held, 500 MB for work" in out
    assert "base              absent, 140 MB to fetch, optional" in out
    assert "reps        full       600 MB  does not fit" in out
    assert "setting: THREADS=1" in out
    assert "transcribe     1.5 s  peak  180 MB (cgroup v2)  ok" in out
    assert out.endswith("\nAll is well.\n")
    assert machine["limits"] == [500 * MIB]


def test_quick_runs_nothing(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--quick") == 0
    assert "self-test" not in capsys.readouterr().out
    assert machine["limits"] == []


def test_a_failed_trial_is_an_exit_code(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    machine["outcomes"].append(replace(GOOD, kind="reps", fault="it ran out of memory"))
    assert run() == 1
    out = capsys.readouterr().out
    assert "FAILED: it ran out of memory" in out
    assert out.endswith("The self-test of reps failed: it ran out of memory\n")


def test_without_its_models_nothing_is_tested(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    models = (ModelState("tiny.en", False, 75 * MIB, True),)
    machine["diagnosis"] = replace(WELL, models=models, remedies=("Run: halfgig models pull tiny.en",))
    assert run() == 1
    out = capsys.readouterr().out
    assert "self-test: left out, as models are missing" in out
    assert "halfgig models pull tiny.en" in out
    assert machine["limits"] == []


def test_json_is_one_object(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    machine["outcomes"] = [replace(GOOD, fault="bad")]
    assert run("--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["limit"] == 512 * MIB
    assert told["self_test"][0]["fault"] == "bad"
    assert told["remedies"] == ["The self-test of transcribe failed: bad"]


def test_json_without_self_test(machine: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", "--quick") == 0
    assert json.loads(capsys.readouterr().out)["self_test"] is None


def test_a_real_machine_without_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    assert doctor.run(parser.parse_args(["doctor", "--quick"]), Settings(data_dir=tmp_path)) == 1
    assert "Run: halfgig models pull" in capsys.readouterr().out
