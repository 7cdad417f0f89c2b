from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from halfgig.errors import MIB
from halfgig.memory.jail import Run
from halfgig.operations.selftest import TRIALS, Outcome, fault, run_trials
from halfgig.settings import Settings

GOOD = Run(0, 1.5, 1.0, 100 * MIB, 99 * MIB, 110 * MIB, 150 * MIB, False, False, "half a gigabyte", "", "fake")
ANSWERS = {
    "transcribe": "A Gigabyte.",
    "index": "indexed: 3 passages",
    "search": "Memory",
    "reps": "squat: 1 repetition",
}


class Runner:
    """Notes what it is asked to run, and answers rightly."""

    def __init__(self, drawing: Run = GOOD) -> None:
        self.calls: list[tuple[list[str], int | None, dict[str, Any]]] = []
        self.drawing = drawing

    def __call__(self, command: list[str], limit: int | None, **options: Any) -> Run:
        self.calls.append((command, limit, options))
        assert (options["cwd"] / "talk.opus").stat().st_size > 10_000
        if command[1] == "-c":
            return self.drawing
        return replace(GOOD, stdout=ANSWERS[command[3]])


def outcomes(runner: Runner, limit: int | None = 300 * MIB) -> list[Outcome]:
    return list(run_trials(Settings(data_dir=Path("/data")), limit, runner))


def test_each_pipeline_has_a_trial_and_every_answer_is_checked() -> None:
    found = outcomes(Runner())
    assert [outcome.kind for outcome in found] == ["transcribe", "index", "search", "reps"]
    assert not any(outcome.fault for outcome in found)
    assert (found[0].seconds, found[0].peak, found[0].meter) == (1.5, 100 * MIB, "fake")


def test_every_process_is_held_to_the_limit_and_fetches_nothing() -> None:
    runner = Runner()
    outcomes(runner, 123)
    assert {limit for _, limit, _ in runner.calls} == {123}
    for _, _, options in runner.calls:
        assert options["env"]["HALFGIG_OFFLINE"] == "1"
        assert options["env"]["HALFGIG_DATA"] == "/data"
        assert Path(options["env"]["LIBRARY_PATH"]).parent == options["cwd"]


def test_nothing_is_left_behind() -> None:
    runner = Runner()
    outcomes(runner)
    assert not runner.calls[0][2]["cwd"].exists()


def test_a_drawing_that_fails_is_told() -> None:
    failed = replace(GOOD, exit_code=1, stderr="Traceback\nValueError: no paint\n")
    assert outcomes(Runner(failed))[0] == Outcome("drawing", 1.5, 100 * MIB, "fake", "ValueError: no paint")


def test_faults() -> None:
    assert fault(GOOD, "gigabyte") == ""
    assert fault(GOOD, "terabyte") == "its answer is wrong"
    assert fault(replace(GOOD, oom_killed=True, exit_code=-9), "") == "it ran out of memory"
    assert fault(replace(GOOD, timed_out=True, exit_code=-9), "") == "it took more than 300 s"
    assert fault(replace(GOOD, exit_code=5, stderr="one\nhalfgig: two\n"), "") == "halfgig: two"
    assert fault(replace(GOOD, exit_code=-11), "") == "exit code -11"


def test_every_trial_asks_for_something_in_the_answer() -> None:
    assert all(trial.expected for trial in TRIALS)
