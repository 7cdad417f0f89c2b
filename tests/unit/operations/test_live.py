from __future__ import annotations

import base64
import json
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.motion.conftest import true_pose

from halfgig.demo.athlete import bodies, render, steady
from halfgig.errors import BadRequest, HalfgigError
from halfgig.operations.live import LONGEST_TEXT, Coach
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, offline=True)


def texts(exercise: str, reps: int) -> Iterator[dict[str, str]]:
    """A performance as landmarks."""
    for time, body in bodies(steady(exercise, reps, fps=10)):
        pose = true_pose(body)
        rows = np.concatenate([pose.landmarks, pose.visibility[:, None]], axis=1)
        yield {"text": json.dumps({"time": time, "landmarks": rows.round(2).tolist()})}


def picture(time: float, jpeg: bytes) -> dict[str, str]:
    return {"jpeg": base64.b64encode(struct.pack("<d", time) + jpeg).decode()}


def test_landmarks_are_counted(settings: Settings) -> None:
    coach = Coach("squats", "full", settings)
    assert coach.exercise == "squat"
    told = [coach.answer(message) for message in texts("squat", 3)]
    assert told[-1] == {
        **{"time": told[-1]["time"], "phase": "rest", "exercise": "squat", "count": 3, "sides": {"both": 3}},
        **{"attempts": 0, "held": 0.0, "signal": "knee", "unit": "degrees", "angle": told[-1]["angle"]},
    }
    assert told[-1]["angle"] > 160


def test_nobody_may_be_sent(settings: Settings) -> None:
    told = Coach("auto", "full", settings).answer({"text": '{"time": 0, "landmarks": null}'})
    assert (told["phase"], told["exercise"], told["count"], told["angle"]) == ("unseen", None, 0, None)


def test_an_exercise_that_there_is_not_is_refused(settings: Settings) -> None:
    with pytest.raises(BadRequest, match=r"no exercise called sqat.*Did you mean squat"):
        Coach("sqat", "full", settings)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"text": "{"}, "no JSON object"),
        ({"text": "[1]"}, "no JSON object"),
        ({"text": "[" * 50_000}, "no JSON object"),
        ({"text": '"' + "x" * LONGEST_TEXT + '"'}, "no JSON object"),
        ({"text": "{}"}, "no time"),
        ({"text": '{"time": "1"}'}, "no time"),
        ({"text": '{"time": true}'}, "no time"),
        ({"text": '{"time": NaN}'}, "no time"),
        ({"text": '{"time": -1}'}, "no time"),
        ({"text": '{"time": 1e300}'}, "no time"),
        ({"text": '{"time": 2}'}, "33"),
        ({"text": '{"time": 2, "landmarks": [[1, 2, 3, 4]]}'}, "33"),
        ({"text": '{"time": 1, "landmarks": null}'}, "not after"),
        ({"jpeg": ""}, "too short"),
        (picture(2, b""), "too short"),
        (picture(float("nan"), b"x"), "no time"),
        (picture(2, b"no picture"), "JPEG"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_session_goes_on(
    settings: Settings, message: dict[str, str], why: str
) -> None:
    coach = Coach("squat", "full", settings)
    coach.answer({"text": '{"time": 1, "landmarks": null}'})
    with pytest.raises(HalfgigError, match=why) as refused:
        coach.answer(message)
    assert refused.value.remedy
    assert coach.answer({"text": '{"time": 2, "landmarks": null}'})["time"] == 2


def test_a_model_that_is_not_there_is_told(settings: Settings) -> None:
    out = BytesIO()
    Image.new("RGB", (64, 48)).save(out, "JPEG")
    with pytest.raises(HalfgigError, match="models pull"):
        Coach("squat", "full", settings).answer(picture(1, out.getvalue()))


@pytest.mark.models
def test_pictures_are_counted_and_landmarks_drawn(tmp_path: Path, model_store: Path) -> None:
    coach = Coach("squat", "full", Settings(data_dir=tmp_path, models=model_store, offline=True))
    told: dict[str, Any] = {}
    for frame in render(steady("squat", 2, fps=10, width=240, height=320)):
        out = BytesIO()
        Image.fromarray(frame.pixels).save(out, "JPEG")
        told = coach.answer(picture(frame.time, out.getvalue()))
    assert (told["count"], told["phase"]) == (2, "rest")
    assert len(told["landmarks"]) == 33
    head, ankle = told["landmarks"][0], told["landmarks"][28]
    assert 0 < head[1] < 0.3 < 0.7 < ankle[1] < 1
    assert 0.3 < head[0] < 0.7
    assert ankle[2] > 0.5
