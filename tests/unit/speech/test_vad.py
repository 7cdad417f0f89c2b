from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfgig.speech.vad import CHUNK, CONTEXT, VoiceDetector, detect_speech, read_safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.speech.vad import Weights

# (name, shape) of Silero VAD v6 at 16 kHz
SHAPES = {
    "stft_conv.weight": (258, 1, 256),
    "conv1.weight": (128, 129, 3),
    "conv1.bias": (128,),
    "conv2.weight": (64, 128, 3),
    "conv2.bias": (64,),
    "conv3.weight": (64, 64, 3),
    "conv3.bias": (64,),
    "conv4.weight": (128, 64, 3),
    "conv4.bias": (128,),
    "lstm_cell.weight_ih": (512, 128),
    "lstm_cell.weight_hh": (512, 128),
    "lstm_cell.bias_ih": (512,),
    "lstm_cell.bias_hh": (512,),
    "final_conv.weight": (1, 128, 1),
    "final_conv.bias": (1,),
}


def random_weights() -> Weights:
    numbers = np.random.default_rng(7)
    return {
        name: (numbers.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in SHAPES.items()
    }


WEIGHTS = random_weights()


@pytest.fixture(scope="module")
def detector() -> VoiceDetector:
    return VoiceDetector(WEIGHTS)


def noise(samples: int) -> NDArray[np.float32]:
    return np.random.default_rng(samples).normal(0, 0.3, samples).astype(np.float32)


def slow_probabilities(sound: NDArray[np.float32], weights: Weights) -> list[float]:
    """The network's definition, one chunk and one tap at a time, in float64."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    heard = np.concatenate([np.zeros(CONTEXT), sound.astype(np.float64)])
    hidden, cell = np.zeros(128), np.zeros(128)
    out = []
    for at in range(CONTEXT, len(heard), CHUNK):
        hidden, cell = slow_step(slow_features(heard[at - CONTEXT : at + CHUNK], w), hidden, cell, w)
        logit = np.maximum(hidden, 0) @ w["final_conv.weight"][0, :, 0] + w["final_conv.bias"][0]
        out.append(1 / (1 + np.exp(-logit)))
    return out


def slow_features(chunk: NDArray[np.float64], w: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    mirrored = np.pad(chunk, (0, 64), mode="reflect")
    steps = [w["stft_conv.weight"][:, 0] @ mirrored[at : at + 256] for at in range(0, len(mirrored) - 255, 128)]
    x = np.array([np.sqrt(s[:129] ** 2 + s[129:] ** 2) for s in steps]).T
    for n, stride in ((1, 1), (2, 2), (3, 2), (4, 1)):
        padded = np.pad(x, ((0, 0), (1, 1)))
        columns = [
            np.tensordot(w[f"conv{n}.weight"], padded[:, at : at + 3], 2) + w[f"conv{n}.bias"]
            for at in range(0, x.shape[1], stride)
        ]
        x = np.maximum(np.array(columns).T, 0)
    return x[:, 0]


def slow_step(
    x: NDArray[np.float64], hidden: NDArray[np.float64], cell: NDArray[np.float64], w: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    gates = w["lstm_cell.weight_ih"] @ x + w["lstm_cell.bias_ih"]
    gates += w["lstm_cell.weight_hh"] @ hidden + w["lstm_cell.bias_hh"]
    i, f, g, o = np.split(gates, 4)
    cell = cell / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(cell) / (1 + np.exp(-o)), cell


def test_it_is_the_network_as_defined(detector: VoiceDetector) -> None:
    sound = noise(20 * CHUNK)
    [block] = detect_speech([sound], detector)
    assert np.allclose(block.probabilities, slow_probabilities(sound, WEIGHTS), atol=1e-5)
    assert block.probabilities.std() > 1e-4  # the random network does tell chunks apart


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=8))
@settings(deadline=None, max_examples=20)
def test_the_size_of_blocks_changes_nothing(sizes: list[int]) -> None:
    detector = VoiceDetector(WEIGHTS)
    sound = noise(sum(sizes))
    cuts = np.cumsum(sizes)[:-1]
    parts = list(detect_speech(np.split(sound, cuts), detector))
    samples = np.concatenate([np.zeros(0, np.float32), *(part.samples for part in parts)])
    scores = np.concatenate([np.zeros(0, np.float32), *(part.probabilities for part in parts)])
    assert len(samples) == len(scores) * CHUNK == -(-len(sound) // CHUNK) * CHUNK
    assert np.array_equal(samples[: len(sound)], sound)
    assert not samples[len(sound) :].any()
    whole = [part.probabilities for part in detect_speech([sound], detector)]
    assert np.allclose(scores, np.concatenate([np.zeros(0, np.float32), *whole]), atol=1e-5)


def test_no_sound_gives_no_block(detector: VoiceDetector) -> None:
    assert list(detect_speech([], detector)) == []
    assert list(detect_speech([np.zeros(0, np.float32)], detector)) == []


def test_the_detector_keeps_nothing_between_recordings(detector: VoiceDetector) -> None:
    first, second = ([b.probabilities for b in detect_speech([noise(9 * CHUNK)], detector)] for _ in range(2))
    assert np.array_equal(first, second)


def test_full_scale_and_broken_samples_give_no_nonsense(detector: VoiceDetector) -> None:
    loud = np.where(np.arange(10 * CHUNK) % 2, 1.0, -1.0).astype(np.float32)
    [block] = detect_speech([loud], detector)
    assert ((block.probabilities >= 0) & (block.probabilities <= 1)).all()


def test_weights_are_read_from_safetensors(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([0.5], np.float32)}
    data, header, at = b"", {"__metadata__": {"format": "pt"}}, 0
    for name, array in arrays.items():
        data += array.tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}  # type: ignore[dict-item]
        at += array.nbytes
    text = json.dumps(header).encode()
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text + data)
    read = read_safetensors(tmp_path / "w")
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[name], array) for name, array in arrays.items())
