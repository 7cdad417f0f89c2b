from __future__ import annotations

import pytest

from halfgig.models.manifest import MODELS, Kind
from halfgig.operations.pace import POSES, RECOGNITION, START, Machine, motion, recognition


def test_one_core_does_one_thing_after_another() -> None:
    assert Machine(cores=1).takes(10.0, 4.0) == START + 14.0


def test_two_cores_decode_beside_the_model() -> None:
    assert Machine(cores=2).takes(10.0, 4.0) == START + 10.0
    assert Machine(cores=2).takes(4.0, 10.0) == START + 10.0


def test_threads_help_the_model_by_less_than_their_number() -> None:
    one, two = (Machine(threads=threads, cores=4).takes(100.0, 0.0) for threads in (1, 2))
    assert one / 2 < two < one


def test_a_faster_core_is_faster_at_everything() -> None:
    assert Machine(speed=2.0).takes(10.0, 4.0) == Machine().takes(10.0, 4.0) / 2


def test_every_whisper_and_pose_model_has_a_pace() -> None:
    assert set(RECOGNITION) == {model.id for model in MODELS.values() if model.kind is Kind.WHISPER}
    assert {f"blazepose-{name}" for name in POSES} == {model.id for model in MODELS.values() if model.kind is Kind.POSE}


def test_unknown_weights_go_by_the_nearest_known() -> None:
    known = {"tiny.en": 40, "base": 80}
    assert recognition("base", 1, known) == RECOGNITION["base"]
    assert recognition("/own", 160, known) == pytest.approx(2 * RECOGNITION["base"])
    assert recognition("/own", 44, known) == pytest.approx(1.1 * RECOGNITION["tiny.en"])


def test_motion_counts_frames_for_the_model_and_pixels_for_the_decoder() -> None:
    poses, decoding = motion("full", 100, 300, 1_000_000)
    assert poses == 100 * POSES["full"]
    assert decoding > motion("full", 100, 300, 500_000)[1] > 0
