"""Voice activity: each 32 ms chunk of sound gets the probability that somebody speaks in it.

The network is Silero VAD v6 (MIT), evaluated with numpy: its 1.2 MB of weights need no inference runtime, which
would cost 20 MB of memory for half a second of arithmetic in ten minutes of sound.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from halfgig.records import Samples

CHUNK = 512  # samples that one probability speaks for: 32 ms
CONTEXT = 64  # samples before the chunk that the network sees too
PAD = 64  # samples mirrored after the chunk
FRAME, STRIDE, BINS = 256, 128, 129  # the network's own short-time Fourier transform

Weights: TypeAlias = dict[str, NDArray[np.float32]]
State: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredBlock:
    """Whole chunks of sound, (n * CHUNK,) samples, and their n speech probabilities in [0, 1].

    `part` is the number of their part of the source, `start` that of their first sample in the source.
    """

    samples: Samples
    probabilities: NDArray[np.float32]
    part: int = 0
    start: int = 0


class VoiceDetector:
    """Silero VAD's weights, ready to score chunks. It holds no state between calls."""

    def __init__(self, weights: Weights) -> None:
        self._basis = np.ascontiguousarray(weights["stft_conv.weight"][:, 0, :].T)
        self._convs = [(_taps(weights[f"conv{n}.weight"]), weights[f"conv{n}.bias"]) for n in (1, 2, 3, 4)]
        self._input = np.ascontiguousarray(weights["lstm_cell.weight_ih"].T)
        self._hidden = np.ascontiguousarray(weights["lstm_cell.weight_hh"].T)
        self._bias = weights["lstm_cell.bias_ih"] + weights["lstm_cell.bias_hh"]
        self._out = weights["final_conv.weight"].reshape(-1)
        self._out_bias = float(weights["final_conv.bias"][0])

    @classmethod
    def open(cls, path: Path) -> VoiceDetector:
        """Read `silero_vad_16k.safetensors`."""
        return cls(read_safetensors(path))

    def initial_state(self) -> State:
        """Hidden and cell state, (128,) each, for the start of a recording."""
        zero = np.zeros(self._hidden.shape[0], np.float32)
        return zero, zero

    def score(self, chunks: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        """Speech probabilities, (n,), of (n, CONTEXT + CHUNK) samples that follow one another, and the next state."""
        gates = self._features(chunks) @ self._input + self._bias
        probabilities = np.empty(len(chunks), np.float32)
        hidden, cell = state
        for i, gate in enumerate(gates):
            hidden, cell = _lstm_step(gate + hidden @ self._hidden, cell)
            probabilities[i] = np.maximum(hidden, 0) @ self._out
        return _sigmoid(probabilities + self._out_bias), (hidden, cell)

    def _features(self, chunks: NDArray[np.float32]) -> NDArray[np.float32]:
        mirrored = np.concatenate([chunks, chunks[:, -2 : -PAD - 2 : -1]], axis=1)
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, FRAME, axis=1)[:, ::STRIDE]
        spectrum = frames @ self._basis
        x = np.hypot(spectrum[..., :BINS], spectrum[..., BINS:])
        for (taps, bias), stride in zip(self._convs, (1, 2, 2, 1), strict=True):
            x = np.maximum(_convolve(x, taps, stride) + bias, 0)
        return np.ascontiguousarray(x[:, 0])


def detect_speech(blocks: Iterable[Samples], detector: VoiceDetector) -> Iterator[ScoredBlock]:
    """Score mono 16 kHz blocks of any length; the last chunk is padded with silence."""
    state, context, rest = detector.initial_state(), np.zeros(CONTEXT, np.float32), np.zeros(0, np.float32)
    for block in _with_padded_end(blocks):
        sound = np.concatenate([rest, block])
        whole = len(sound) // CHUNK * CHUNK
        samples, rest = sound[:whole], sound[whole:]
        if not whole:
            continue
        heard = np.concatenate([context, samples])
        chunks = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT + CHUNK)[::CHUNK]
        probabilities, state = detector.score(chunks, state)
        context = heard[-CONTEXT:]
        yield ScoredBlock(samples, probabilities)


def read_safetensors(path: Path) -> Weights:
    """The float32 arrays of a safetensors file: u64 header length, JSON header, then the data."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {
        name: np.frombuffer(content, np.float32, (to - at) // 4, start + at).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
        for at, to in [entry["data_offsets"]]
    }


def _with_padded_end(blocks: Iterable[Samples]) -> Iterator[Samples]:
    total = 0
    for block in blocks:
        total += len(block)
        yield block
    if total % CHUNK:
        yield np.zeros(CHUNK - total % CHUNK, np.float32)


def _taps(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(weight.transpose(2, 1, 0))  # (taps, in, out)


def _convolve(x: NDArray[np.float32], taps: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """1-D convolution of (n, time, in) with three taps, zero-padded by one at both ends."""
    time = x.shape[1]
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    parts = [padded[:, k : k + time : stride] @ taps[k] for k in range(3)]
    total: NDArray[np.float32] = parts[0] + parts[1] + parts[2]
    return total


def _lstm_step(gates: NDArray[np.float32], cell: NDArray[np.float32]) -> State:
    into, forget, fresh, out = gates.reshape(4, -1)
    cell = _sigmoid(forget) * cell + _sigmoid(into) * np.tanh(fresh)
    return _sigmoid(out) * np.tanh(cell), cell


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    y: NDArray[np.float32] = np.reciprocal(1 + np.exp(np.minimum(-x, 80)))  # beyond it float32 overflows
    return y
