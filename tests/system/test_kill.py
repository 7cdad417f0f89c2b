"""A live server and its workers are killed at random moments; `python -m benchmarks.kill` does it a hundred times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.kill import compare, make_wishes, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.models, pytest.mark.slow]


def test_nothing_is_lost_and_nothing_ends_twice(tmp_path: Path, model_store: Path) -> None:
    assert model_store.is_dir()
    wishes = make_wishes(tmp_path, 3, seconds=25, squats=3)
    calm, _ = run(wishes, tmp_path / "calm", 0, 1)
    disturbed, killer = run(wishes, tmp_path / "disturbed", 4, 1, longest=2.0)
    assert compare(calm, disturbed) == []
    assert killer.killed["server"] > 0
    assert killer.killed["worker"] > 0
