"""Work that was cut off anywhere goes on as if it had not been, to the last bit: real models, a talk, an athlete."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from functools import partial
from importlib.resources import as_file, files
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from halfgig.demo.athlete import encode, render, steady
from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.motion.regions import Region
from halfgig.motion.report import as_json
from halfgig.operations.counting import Past, prepare_count
from halfgig.operations.pose_models import PoseModels
from halfgig.operations.transcription import ignore, transcribe
from halfgig.settings import Settings
from halfgig.speech.parts import Parts
from halfgig.speech.transcript import Seam

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.operations.counting import Counting
    from halfgig.records import PoseAt, Report
    from halfgig.speech.transcript import Stretch

pytestmark = [pytest.mark.models, pytest.mark.slow]
PART = 15.0  # seconds of a part
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


def test_a_transcript_is_the_same_in_whichever_order_its_parts_are_heard(model_store: Path) -> None:
    settings = replace(ONE_THREAD, data_dir=model_store.parent)
    whole = stretches(settings, parts=Parts(PART), words=True)
    numbers = {stretch.seam.part for stretch in whole}
    assert numbers == set(range(len(numbers)))
    assert len(numbers) > 2
    parts = {
        number: stretches(settings, parts=Parts(PART, first=number, until=number + 1), words=True)
        for number in reversed(range(len(numbers)))
    }
    assert [stretch for number in sorted(parts) for stretch in parts[number]] == whole
    assert stretches(settings, parts=Parts(PART), words=True, seam=whole[2].seam) == whole[3:]


Seen: TypeAlias = "list[tuple[PoseAt, Region | None]]"


@pytest.fixture(scope="module")
def models(model_store: Path) -> PoseModels:
    return PoseModels(replace(ONE_THREAD, data_dir=model_store.parent), ignore)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four squats, the last two in another shot, which is darker."""
    script = steady("squat", 2, 1.8, fps=10)
    dark = (replace(frame, pixels=frame.pixels // 3) for frame in render(script))
    path: Path = tmp_path_factory.mktemp("squats") / "squats.mp4"
    encode(chain(render(script), dark), path, script.fps)
    return path


@pytest.mark.parametrize(("exercise", "shares"), [("squat", (0.3, 0.99)), ("auto", (0.9,))])
def test_a_count_is_the_same_from_whichever_pose_it_goes_on(
    model_store: Path, models: PoseModels, clip: Path, exercise: str, shares: tuple[float, ...]
) -> None:
    counting = partial(
        prepare_count, clip, exercise=exercise, settings=replace(ONE_THREAD, data_dir=model_store.parent)
    )
    seen: Seen = []
    first = counting()
    first.models = models
    first.keep = lambda moment, region: seen.append((moment, region))
    whole = first.run()
    assert (whole.exercise, whole.count) == ("squat", 4)
    assert [moment.cut for moment, _ in seen].count(True) == 1
    shot = next(number for number, (moment, _) in enumerate(seen) if moment.cut)
    for cut in (shot, *(math.ceil(share * len(seen)) for share in shares)):
        again, reps = gone_on(counting(), models, seen[:cut])
        assert as_json(again) == as_json(whole)
        assert again.reps == whole.reps
        assert reps == (0 if exercise == "auto" else len(whole.reps) + len(whole.attempts))


def gone_on(later: Counting, models: PoseModels, seen: Seen) -> tuple[Report, int]:
    """The report of a later run, and how many reps it told on its way."""
    told: list[object] = []
    region = seen[-1][1]
    later.models, later.watch_rep = models, told.append
    poses = unpack_poses(pack_poses([moment for moment, _ in seen]))
    later.past = Past(poses, len(seen), Region(**asdict(region)) if region else None)
    return later.run(), len(told)
