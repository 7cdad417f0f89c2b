"""Transcribe: a source's segments as they are recognised, with the language and whatever went wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import MissingStream
from halfgig.media.source import inspect, open_source
from halfgig.memory.allocator import trim
from halfgig.models.store import ModelStore
from halfgig.models.whisper import is_folder
from halfgig.operations.admission import admit_whisper, log_memory, threads
from halfgig.records import DecodeLog
from halfgig.settings import Settings
from halfgig.speech.language import AUTO, check_code, detect_language
from halfgig.speech.recognizer import Hearing, Recognizer
from halfgig.speech.vad import VoiceDetector

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from typing import IO

    from halfgig.models.pull import Listener
    from halfgig.models.whisper import WhisperChoice
    from halfgig.records import Seconds, Segment, Source, SourceInfo
    from halfgig.speech.windows import Window

VAD = "silero-vad"
ENGLISH = "en"


def ignore(_: object) -> None:
    """Take no notice."""


@dataclass(slots=True)
class Transcription:
    """A source's segments: iterate over it once, and they are yielded as they are recognised.

    `language` is `auto` until it has been detected, before the first segment. `notes` tell what was given up to fit,
    `log` what decoding ran into. `info` is None for a pipe, whose container is not looked into beforehand.
    """

    source: Source
    info: SourceInfo | None
    settings: Settings
    choice: WhisperChoice
    translate: bool = False
    words: bool = False
    resume_at: Seconds = 0.0
    watch: Callable[[Seconds], None] = ignore
    report: Listener = ignore
    language: str = AUTO
    position: Seconds = 0.0
    log: DecodeLog = field(default_factory=DecodeLog)
    notes: list[str] = field(default_factory=list)

    @property
    def duration(self) -> Seconds:
        """Length of the source in seconds: what it states, or else what was decoded so far."""
        return self.info.duration if self.info and self.info.duration else self.position

    @property
    def task(self) -> str:
        """`transcribe` or `translate`."""
        return "translate" if self.translate else "transcribe"

    def __iter__(self) -> Iterator[Segment]:
        store = ModelStore(self.settings.models_dir, offline=self.settings.offline)
        detector = VoiceDetector.open(store.ensure(VAD, report=self.report) / "silero_vad_16k.safetensors")
        recognizer = self._open(store, self._first_model())
        windows = pipelines.find_speech(self.source, detector, log=self.log, settings=self.settings, watch=self._moved)
        fresh: Iterator[Window] = (window for window in windows if window.end > self.resume_at)
        if self.language == AUTO:
            recognizer, fresh = self._detect(store, recognizer, fresh)
        log_memory("model loaded")
        for segment in pipelines.transcribe(fresh, recognizer, self._hearing(), trim):
            if segment.end > self.resume_at:
                yield segment
        log_memory("transcribed")

    def _first_model(self) -> str:
        return self.choice.english if self.language == ENGLISH and not self.translate else self.choice.first

    def _open(self, store: ModelStore, model: str) -> Recognizer:
        folder = Path(model) if is_folder(model) else store.ensure(model, report=self.report)
        return Recognizer.open(folder, threads(self.settings))

    def _detect(
        self, store: ModelStore, recognizer: Recognizer, windows: Iterator[Window]
    ) -> tuple[Recognizer, Iterator[Window]]:
        """Settle the language, and the recognizer that goes with it; no window is lost."""
        if not recognizer.multilingual:
            self.language = ENGLISH
            return recognizer, windows
        guess = detect_language(windows, recognizer.language_probabilities)
        self.language = guess.language
        if not guess.windows:
            return recognizer, windows  # nobody speaks, so no model is needed
        if self.language == ENGLISH and not self.translate and self.choice.english != self.choice.first:
            recognizer.close()
            del recognizer
            trim()
            recognizer = self._open(store, self.choice.english)
        return recognizer, itertools.chain(guess.windows, windows)

    def _hearing(self) -> Hearing:
        return Hearing(
            language=self.language,
            translate=self.translate,
            beam_size=self.settings.whisper_beam_size,
            words=self.words,
        )

    def _moved(self, position: Seconds) -> None:
        self.position = position
        self.watch(position)


def transcribe(
    given: str | os.PathLike[str] | IO[bytes],
    *,
    model: str | None = None,
    language: str | None = None,
    translate: bool = False,
    words: bool = False,
    settings: Settings | None = None,
    resume_at: Seconds = 0.0,
    watch: Callable[[Seconds], None] = ignore,
    report: Listener = ignore,
) -> Transcription:
    """Prepare the transcription of a path, URL or binary stream; iterating over what is returned does the work.

    `model` is a name (tiny, base, tiny.en) or a folder, `language` a code or auto; both default to the settings, which
    default to the environment. `translate` writes English whatever is spoken, `words` gives each word its times.
    `resume_at` leaves out what ends before that second. `watch` hears the position in seconds, `report` the events of
    a download where a model is not there yet.
    Errors: SourceError, MissingStream, TooLarge, DoesNotFit, BadRequest, ModelError.
    """
    settings = settings or Settings.from_environment()
    settings = replace(
        settings,
        whisper_model=model or settings.whisper_model,
        language=check_code(language or settings.language),
    )
    source = open_source(given, settings)
    info = look_into(source, settings)
    if info and not info.audio:
        raise MissingStream(f"{source.title} has no sound.", "Give a source with speech; reps need no sound.")
    choice = admit_whisper(settings, translate=translate)
    return Transcription(
        source,
        info,
        settings,
        choice,
        translate=translate,
        words=words,
        resume_at=resume_at,
        watch=watch,
        report=report,
        language=settings.language,
        notes=[choice.note] if choice.note else [],
    )


def look_into(source: Source, settings: Settings) -> SourceInfo | None:
    """What the container says; None for a pipe, which can be read only once."""
    if source.stream is not None and not source.stream.seekable():
        return None
    return inspect(source, settings)
