"""How long each kind of work takes: seconds of one core on the machine of `calibration.REFERENCE`. Pure.

Paces were measured with `python -m benchmarks.budget`; what a source holds is not known beforehand, so speech is taken
to fill it: one that is half silent takes half the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.records import Bytes, Seconds

START: Seconds = 0.7  # Python, libraries and weights
HEARING = 0.0050  # seconds for a second of sound: decoding and voice activity
RECOGNITION = {"tiny.en": 0.0260, "base": 0.060}  # seconds for a second of speech
DETECTION: Seconds = 1.5  # telling the language, with its model loaded first
EMBEDDING = 0.0025  # seconds for a second of speech: passages and vectors
POSES: dict[str, Seconds] = {"full": 0.0135, "lite": 0.0095}  # for a frame
PIXELS = 1.5e-9  # seconds for a pixel that is decoded
SCALING = 2.5e-9  # seconds for a pixel of the source in a frame that is kept
GAIN = 0.75  # n threads are n ** GAIN times as fast as one


@dataclass(frozen=True, slots=True)
class Machine:
    """`speed` of one core beside the reference, the threads that a model is given, and the cores that there are."""

    speed: float = 1.0
    threads: int = 1
    cores: int = 1

    def takes(self, model: Seconds, beside: Seconds) -> Seconds:
        """Seconds for a model's work on its threads and what is decoded beside it, at once where there are cores."""
        model = model / self.threads**GAIN
        both = max(model, beside) if self.cores > 1 else model + beside
        return (START + both) / self.speed


def recognition(model: str, weights: Bytes, known: dict[str, Bytes]) -> Seconds:
    """Seconds for a second of speech; of a model that is not known, by its weights beside the nearest `known` ones."""
    if model in RECOGNITION:
        return RECOGNITION[model]
    near = min(known, key=lambda name: abs(known[name] - weights))
    return RECOGNITION[near] * weights / known[near]


def motion(model: str, frames: float, pictures: float, pixels: int) -> tuple[Seconds, Seconds]:
    """(pose model, decoder) seconds for so many frames out of so many pictures of `pixels` pixels."""
    return frames * POSES[model], pixels * (pictures * PIXELS + frames * SCALING)
