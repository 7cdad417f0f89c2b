from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.records import SAMPLE_RATE
from halfgig.speech.mel import FFT, HOP, STRIPE, log_mel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slow_log_mel(sound: NDArray[np.float32], mels: int, columns: int) -> NDArray[np.float64]:
    """The textbook: a discrete Fourier transform by its sum, triangles by their corners, all in float64."""
    padded = np.zeros(columns * HOP + FFT)
    padded[FFT // 2 : FFT // 2 + len(sound)] = sound
    padded[: FFT // 2] = padded[FFT // 2 + 1 : FFT + 1][::-1]
    k, n = np.arange(FFT // 2 + 1)[:, None], np.arange(FFT)[None]
    waves = np.exp(-2j * np.pi * k * n / FFT)
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(FFT) / FFT))
    power = np.array([np.abs(waves @ (padded[c * HOP : c * HOP + FFT] * hann)) ** 2 for c in range(columns)]).T
    bands = np.array([slow_band(m, mels) for m in range(mels)]) @ power
    out = np.log10(np.maximum(bands, 1e-10))
    scaled: NDArray[np.float64] = (np.maximum(out, out.max() - 8) + 4) / 4
    return scaled


def slow_band(m: int, mels: int) -> list[float]:
    top = 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4)
    low, middle, high = (hertz(top * (m + i) / (mels + 1)) for i in range(3))
    peak = 2 / (high - low)
    bins = [b * SAMPLE_RATE / FFT for b in range(FFT // 2 + 1)]
    return [peak * max(0.0, min((f - low) / (middle - low), (high - f) / (high - middle))) for f in bins]


def hertz(mel: float) -> float:
    return float(mel * 200 / 3 if mel < 15 else 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def sound(samples: int) -> NDArray[np.float32]:
    t = np.arange(samples) / SAMPLE_RATE
    quiet = 0.02 * np.random.default_rng(3).normal(size=samples)
    return (0.3 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 3000 * t) + quiet).astype(np.float32)


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize(("samples", "columns"), [(16_000, 100), (16_000, 160), (12_345, 78), (400, 2)])
def test_it_is_the_textbook_definition(samples: int, columns: int, mels: int) -> None:
    heard = sound(samples)
    assert log_mel(heard, mels, columns) == pytest.approx(slow_log_mel(heard[: columns * HOP], mels, columns), abs=2e-4)


def test_columns_are_the_same_however_many_are_asked_for() -> None:
    heard = sound(7 * SAMPLE_RATE)
    few, many = log_mel(heard, 80, 700), log_mel(heard, 80, 1300)
    assert STRIPE < 700
    assert few[:, :695] == pytest.approx(many[:, :695], abs=1e-5)
    assert many.shape == (80, 1300)
    assert many.dtype == np.float32


def test_silence_and_no_sound_are_flat() -> None:
    for samples in (np.zeros(16_000, np.float32), np.zeros(0, np.float32)):
        mel = log_mel(samples, 80, 100)
        assert np.isfinite(mel).all()
        assert np.allclose(mel, -1.5)


def test_more_sound_than_columns_is_cut() -> None:
    assert log_mel(sound(32_000), 80, 100).shape == (80, 100)
