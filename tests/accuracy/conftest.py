"""What the accuracy tests of speech share: models opened once, a word error rate, and sounds without words."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from halfgig import pipelines
from halfgig.media.source import open_source
from halfgig.records import SAMPLE_RATE, DecodeLog
from halfgig.settings import Settings
from halfgig.speech.parts import Parts
from halfgig.speech.recognizer import Hearing, Recognizer
from halfgig.speech.vad import VoiceDetector, detect_speech
from halfgig.speech.windows import find_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.records import Samples, Segment
    from halfgig.speech.windows import Window


@dataclass(frozen=True)
class Listener:
    """A detector and a recogniser, ready to hear files and samples as `halfgig transcribe` would."""

    detector: VoiceDetector
    recognizer: Recognizer

    def file(self, path: Path, hearing: Hearing | None = None) -> list[Segment]:
        """The segments of a file."""
        windows = pipelines.find_speech(
            open_source(path, Settings()),
            self.detector,
            Parts(),
            log=DecodeLog(),
            settings=Settings(),
            watch=lambda _: None,
        )
        return self._segments(windows, hearing)

    def samples(self, blocks: Iterable[Samples], hearing: Hearing | None = None) -> list[Segment]:
        """The segments of mono 16 kHz blocks."""
        return self._segments(find_windows(detect_speech(blocks, self.detector)), hearing)

    def _segments(self, windows: Iterator[Window], hearing: Hearing | None) -> list[Segment]:
        stretches = pipelines.transcribe(windows, self.recognizer, hearing or Hearing(), lambda: None)
        return [segment for stretch in stretches for segment in stretch.segments]


@pytest.fixture(scope="session")
def listen(model_store: Path) -> Iterator[Callable[[str], Listener]]:
    """listen(model): a Listener; every model is opened once."""
    opened: dict[str, Listener] = {}

    def open_model(name: str) -> Listener:
        for needed in (name, "silero-vad"):
            if not (model_store / needed).is_dir():
                pytest.skip(f"the model {needed} is not here: run `halfgig models pull {needed}`")
        if name not in opened:
            detector = VoiceDetector.open(model_store / "silero-vad" / "silero_vad_16k.safetensors")
            opened[name] = Listener(detector, Recognizer.open(model_store / name, 1))
        return opened[name]

    yield open_model
    for listener in opened.values():
        listener.recognizer.close()


@pytest.fixture(scope="session")
def word_errors() -> Callable[[Sequence[str], Sequence[str]], float]:
    """word_errors(references, texts): WER in percent, over text normalised with Whisper's English normaliser."""
    jiwer = pytest.importorskip("jiwer")
    english = pytest.importorskip("whisper_normalizer.english").EnglishTextNormalizer()

    def rate(references: Sequence[str], texts: Sequence[str]) -> float:
        return 100 * float(jiwer.wer([english(one) for one in references], [english(one) for one in texts]))

    return rate


@pytest.fixture(scope="session")
def utterances(shared_data: Path) -> Callable[[str], list[tuple[Path, str]]]:
    """utterances(part): the recordings of one part of the shared speech, each with what is said in it."""

    def of_part(part: str) -> list[tuple[Path, str]]:
        with (shared_data / "speech" / "manifest.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["file"].startswith(f"{part}/")]
        return [(shared_data / "speech" / row["file"], row["reference"]) for row in rows]

    return of_part


# --- sounds without words ------------------------------------------------------------------------------


def noise(seconds: int, *, fall: float, level: float) -> Samples:
    """Noise whose power falls with frequency ** `fall`: 0 is white, 1 pink, 2 brown."""
    numbers = np.random.default_rng(1)
    count = seconds * SAMPLE_RATE
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    frequency[0] = frequency[1]
    sound = np.fft.irfft(np.fft.rfft(numbers.normal(size=count)) * frequency ** (-fall / 2), count)
    return single(level * sound / np.abs(sound).max())


def note(pitch: float, seconds: float, decay: float) -> Samples:
    """A plucked string: six partials that die away."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    partials = np.arange(1, 7)[:, None]
    wave = (np.sin(2 * np.pi * pitch * partials * time) / partials**1.5).sum(0)
    return single(wave * np.exp(-decay * time))


def drum(kind: int) -> Samples:
    """0 is a bass drum, 2 a snare, and the others a hi-hat."""
    time = np.arange(int(0.2 * SAMPLE_RATE)) / SAMPLE_RATE
    hiss = np.random.default_rng(kind).normal(size=len(time))
    if kind == 0:
        return single(np.sin(2 * np.pi * (50 * time - np.exp(-30 * time))) * np.exp(-15 * time))
    return single(hiss * np.exp(-(20 if kind == 2 else 60) * time) * (0.5 if kind == 2 else 0.2))


def chords(seconds: int) -> Samples:
    """Four chords in turn, and a melody that wanders over them."""
    numbers = np.random.default_rng(2)
    notes = []
    for beat in range(2 * seconds):
        if beat % 4 == 0:
            harmony = ((0, 4, 7), (-3, 0, 4), (5, 9, 12), (7, 11, 14))[beat // 4 % 4]
            notes += [(beat / 2, 0.5 * note(220 * 2 ** (step / 12), 2.0, 1.0)) for step in harmony]
        step = (0, 2, 4, 5, 7, 9, 11, 12)[numbers.integers(8)]
        notes.append((beat / 2, note(440 * 2 ** (step / 12), 0.6, 4.0)))
    return mixed(notes, seconds)


def drums(seconds: int) -> Samples:
    """A plain beat in four."""
    return mixed([(beat / 4, drum(beat % 4)) for beat in range(4 * seconds)], seconds)


def choir(seconds: int) -> Samples:
    """Three voices that sing "ah" with vibrato and swell: as near to speech as music without words comes."""
    time = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.zeros(len(time))
    for voice, pitch in enumerate((130.8, 164.8, 196.0)):
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.01 * np.sin(2 * np.pi * 5 * time + voice))) / SAMPLE_RATE
        for partial in range(1, 20):
            formants = ((700, 130), (1200, 150), (2600, 250))
            strength = sum(np.exp(-(((pitch * partial - at) / width) ** 2)) for at, width in formants)
            sound += strength * np.sin(partial * phase) / partial**0.5
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * time / 4) ** 2
    return single(0.6 * swell * sound / np.abs(sound).max())


def mixed(notes: Sequence[tuple[float, Samples]], seconds: int) -> Samples:
    sound = np.zeros((seconds + 3) * SAMPLE_RATE, np.float32)
    for start, one in notes:
        at = int(start * SAMPLE_RATE)
        sound[at : at + len(one)] += one
    return single(0.7 * sound / np.abs(sound).max())[: seconds * SAMPLE_RATE]


def single(sound: NDArray[np.floating[Any]]) -> Samples:
    samples: Samples = sound.astype(np.float32)
    return samples


MINUTES = 300  # seconds
WORDLESS: dict[str, Callable[[], Samples]] = {
    "silence": lambda: np.zeros(MINUTES * SAMPLE_RATE, np.float32),
    "white noise": lambda: noise(MINUTES, fall=0, level=0.3),
    "pink noise": lambda: noise(MINUTES, fall=1, level=0.5),
    "brown noise": lambda: noise(MINUTES, fall=2, level=0.7),
    "chords": lambda: chords(MINUTES),
    "drums": lambda: drums(MINUTES),
    "a band": lambda: single(0.6 * chords(MINUTES) + 0.4 * drums(MINUTES)),
    "a choir": lambda: np.tile(choir(60), MINUTES // 60),
}


@pytest.fixture(params=WORDLESS)
def wordless(request: pytest.FixtureRequest) -> Samples:
    """Five minutes of sound in which nobody speaks."""
    return WORDLESS[request.param]()
