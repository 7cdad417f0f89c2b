from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.kill import Outcome, Wish, compare, total_repeated
from benchmarks.traced import POSE, WINDOW, Effort, read_efforts

WISH = Wish(Path("talk.wav"), "transcript", {}, by_tus=False)


def outcome(attempts: int, **begun: int) -> Outcome:
    effort = Effort(Counter(begun), set(range(1, attempts + 1)))
    return Outcome(WISH, {"state": "succeeded"}, b"{}", 1, effort)


def test_two_windows_for_each_interruption_may_be_heard_again() -> None:
    calm, disturbed = outcome(1, window=4), outcome(3, window=8)
    assert compare([calm], [disturbed]) == []
    assert total_repeated([calm], [disturbed]) == "4 of 4 windows, 0 of 0 poses, 0 of 0 filings"


@pytest.mark.parametrize(
    ("calm", "disturbed"),
    [
        (outcome(1, window=4), outcome(2, window=7)),
        (outcome(1, pose=120), outcome(2, pose=171)),
        (outcome(1, filing=1), outcome(1, filing=2)),
        (outcome(1, window=4), outcome(2, window=3)),  # a window that nobody heard
    ],
)
def test_more_work_again_than_a_checkpoint_is_a_fault(calm: Outcome, disturbed: Outcome) -> None:
    assert len(compare([calm], [disturbed])) == 1


def test_efforts_are_read_by_job(tmp_path: Path) -> None:
    units = [("a", 1, WINDOW), ("a", 1, WINDOW), ("b", 1, POSE), ("a", 2, WINDOW)]
    lines = [json.dumps({"job": job, "attempt": attempt, "unit": unit}) for job, attempt, unit in units]
    (tmp_path / "trace").write_text("\n".join(lines) + "\n")
    efforts = read_efforts(tmp_path / "trace")
    assert efforts == {"a": Effort(Counter(window=3), {1, 2}), "b": Effort(Counter(pose=1), {1})}
