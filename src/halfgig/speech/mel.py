"""Whisper's log-mel spectrogram of one window, as (mels, columns) with a column for every 10 ms.

The definition is that of the Whisper paper (Radford et al., 2022): 25 ms Hann windows every 10 ms, 80 or 128
Slaney mel bands, log10, clamped to 8 below the loudest, scaled to about [-1, 1].
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from halfgig.records import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from halfgig.records import Samples

FFT = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
COLUMNS_PER_SECOND = SAMPLE_RATE // HOP
STRIPE = 512  # columns transformed at a time, which bounds the complex spectrum to 0.8 MB


def log_mel(samples: Samples, mels: int, columns: int) -> NDArray[np.float32]:
    """Log-mel spectrogram, (mels, columns) float32; samples beyond the end count as silence."""
    room = np.zeros(columns * HOP + FFT, np.float32)
    sound = samples[: columns * HOP]
    room[FFT // 2 : FFT // 2 + len(sound)] = sound
    room[: FFT // 2] = room[FFT : FFT // 2 : -1]  # mirrored, as Whisper was trained
    frames = np.lib.stride_tricks.sliding_window_view(room, FFT)[: columns * HOP : HOP]
    out = np.empty((mels, columns), np.float32)
    for at in range(0, columns, STRIPE):
        spectrum = np.fft.rfft(frames[at : at + STRIPE] * _hann(), axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        out[:, at : at + STRIPE] = _filters(mels) @ power.T.astype(np.float32)
    out = np.log10(np.maximum(out, 1e-10))
    scaled: NDArray[np.float32] = (np.maximum(out, out.max() - 8) + 4) / 4
    return scaled


@functools.cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)


@functools.cache
def _filters(mels: int) -> NDArray[np.float32]:
    """Triangular Slaney filters, (mels, FFT // 2 + 1), each with unit area in Hz."""
    bins = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    edges = _hertz(np.linspace(0, _mel_of(SAMPLE_RATE / 2), mels + 2))
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _mel_of(hertz: float) -> float:
    return 15 + 27 * math.log(hertz / 1000) / math.log(6.4)  # above 1 kHz; below it the scale is linear


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
