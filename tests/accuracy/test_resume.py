"""Work that was cut off anywhere goes on as if it had not been, to the last bit: real models, a talk, an athlete."""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.demo.athlete import encode, render, steady
from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.motion.regions import Region
from halfgig.motion.report import as_json
from halfgig.operations.counting import Past, PoseModels, prepare_count
from halfgig.operations.transcription import ignore, transcribe
from halfgig.settings import Settings
from halfgig.speech.transcript import Seam

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.operations.counting import Counting
    from halfgig.records import PoseAt, Report
    from halfgig.speech.transcript import Stretch

pytestmark = [pytest.mark.models, pytest.mark.slow]
ONE_THREAD = Settings.from_environment({"THREADS": "1", "HALFGIG_OFFLINE": "1"})


def stretches(settings: Settings, **kept: Any) -> list[Stretch]:
    with as_file(files("halfgig.demo") / "talk.opus") as talk:
        return list(transcribe(talk, language="en", settings=settings, **kept).stretches())


def test_a_transcript_is_the_same_from_whichever_seam_it_goes_on(model_store: Path) -> None:
    settings = replace(ONE_THREAD, data_dir=model_store.parent)
    whole = stretches(settings)
    assert len(whole) > 3
    for cut in (1, len(whole) // 2, len(whole) - 1):
        kept = Seam(**asdict(whole[cut - 1].seam))  # as it comes back from JSON
        assert stretches(settings, seam=kept) == whole[cut:]
    assert stretches(settings, seam=whole[-1].seam) == []


def counting(clip: Path, settings: Settings) -> Counting:
    return prepare_count(clip, exercise="squat", settings=settings)


def test_a_count_is_the_same_from_whichever_pose_it_goes_on(model_store: Path, tmp_path: Path) -> None:
    settings = replace(ONE_THREAD, data_dir=model_store.parent)
    script = steady("squat", 3)
    clip = tmp_path / "squats.mp4"
    encode(render(script), clip, script.fps)
    models = PoseModels(settings, ignore)
    seen: list[tuple[PoseAt, Region | None]] = []
    first = counting(clip, settings)
    first.models = models
    first.keep = lambda moment, region: seen.append((moment, region))
    whole = first.run()
    assert whole.count == 3
    for cut in (1, len(seen) // 3, len(seen) - 1):
        again, reps = gone_on(clip, settings, models, seen[:cut])
        assert as_json(again) == as_json(whole)
        assert again.reps == whole.reps
        assert reps == len(whole.reps) + len(whole.attempts)


def gone_on(
    clip: Path, settings: Settings, models: PoseModels, seen: list[tuple[PoseAt, Region | None]]
) -> tuple[Report, int]:
    """The report of a later run, and how many reps it told on its way."""
    told: list[object] = []
    region = seen[-1][1]
    later = counting(clip, settings)
    later.models, later.watch_rep = models, told.append
    poses = unpack_poses(pack_poses([moment for moment, _ in seen]))
    later.past = Past(poses, len(seen), Region(**asdict(region)) if region else None)
    return later.run(), len(told)
