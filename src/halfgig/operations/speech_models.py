"""The models that speech is heard with: opened when they are first needed, kept for the next source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.memory.allocator import trim
from halfgig.models.store import ModelStore
from halfgig.models.whisper import is_folder
from halfgig.operations.admission import threads
from halfgig.speech.recognizer import Recognizer
from halfgig.speech.vad import VoiceDetector

if TYPE_CHECKING:
    from halfgig.models.pull import Listener
    from halfgig.settings import Settings

VAD = "silero-vad"


class SpeechModels:
    """One voice detector and at most one recogniser at a time; fetched where they are not on disk yet.

    `report` hears the events of a download.
    """

    def __init__(self, settings: Settings, report: Listener) -> None:
        self._store = ModelStore(settings.models_dir, offline=settings.offline)
        self._threads = threads(settings)
        self._report = report
        self._detector: VoiceDetector | None = None
        self._recognizer: tuple[str, Recognizer] | None = None

    def detector(self) -> VoiceDetector:
        """The voice detector. Errors: ModelError."""
        if self._detector is None:
            folder = self._store.ensure(VAD, report=self._report)
            self._detector = VoiceDetector.open(folder / "silero_vad_16k.safetensors")
        return self._detector

    def recognizer(self, model: str) -> Recognizer:
        """The recogniser of this name or folder; another that was open is closed first. Errors: ModelError."""
        if self._recognizer is not None and self._recognizer[0] == model:
            return self._recognizer[1]
        self.close_recognizer()
        folder = Path(model) if is_folder(model) else self._store.ensure(model, report=self._report)
        self._recognizer = model, Recognizer.open(folder, self._threads)
        return self._recognizer[1]

    def close_recognizer(self) -> None:
        """Give the recogniser's memory back."""
        if self._recognizer is not None:
            self._recognizer[1].close()
            self._recognizer = None
            trim()
