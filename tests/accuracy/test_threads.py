"""What is counted does not depend on how many threads decode and compute: real models, a drawn athlete."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from halfgig.demo.athlete import encode, render, steady
from halfgig.media import container
from halfgig.motion.report import as_json
from halfgig.operations.counting import count_reps
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.models, pytest.mark.slow]


def test_the_report_is_the_same_for_one_thread_and_more(
    model_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = steady("squat", 3, 1.5)
    clip = tmp_path / "squats.mp4"
    encode(render(script), clip, script.fps)
    settings = Settings.from_environment({"THREADS": "1", "HALFGIG_OFFLINE": "1"})
    settings = replace(settings, data_dir=model_store.parent)
    alone = count_reps(clip, exercise="squat", settings=settings)
    assert alone.count == 3
    monkeypatch.setattr(container, "DECODER_THREADS", 3)
    several = count_reps(clip, exercise="squat", settings=replace(settings, threads=2))
    assert as_json(several) == as_json(alone)
