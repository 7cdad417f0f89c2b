"""Speech without models: a detector that hears loudness, a recogniser that tells what it got, and sounds for both."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from halfgig.records import SAMPLE_RATE
from halfgig.speech.segments import Decoding

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.speech.recognizer import Hearing
    from halfgig.speech.windows import Window


class Loudness:
    """A voice detector that takes every loud chunk for speech."""

    def initial_state(self) -> tuple[None, None]:
        return None, None

    def score(self, chunks: NDArray[np.float32], state: Any) -> tuple[NDArray[np.float32], Any]:
        return (np.abs(chunks[:, 64:]).mean(1) > 0.05).astype(np.float32), state


class Teller:
    """A recogniser whose text for a window is long enough, and whose timestamps are the borders of its speech."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def encode(self, window: Window, padding: int) -> Window:
        self.heard.append(window.duration)
        return window

    def decode(self, windows: list[Window], hearing: Hearing, temperature: float = 0.0) -> list[Decoding]:
        return [self._decode(window) for window in windows]

    def _decode(self, window: Window) -> Decoding:
        loud = np.flatnonzero(window.probabilities >= 0.5) * 0.032
        words = [
            f"Ġ{window.start:.0f}{number:x}{(number * 7919) % 65_536:x}"
            for number in range(int(5 * len(loud) * 0.032) + 1)
        ]
        tokens = (f"<|{loud[0]:.2f}|>", *words, f"<|{loud[-1] + 0.032:.2f}|>")
        return Decoding(tokens, tuple(range(len(tokens))), -0.1, 0.0)


def bursts(seconds: float, at: list[tuple[float, float]]) -> NDArray[np.float32]:
    """A tone between each two moments, and silence elsewhere."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    loud = np.any([(time >= start) & (time < end) for start, end in at], axis=0)
    tone: NDArray[np.float32] = (0.5 * np.sin(2 * np.pi * 440 * time) * loud).astype(np.float32)
    return tone


def recording(path: Path, sound: NDArray[np.float32]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((32767 * sound).astype("<i2").tobytes())
    return path
