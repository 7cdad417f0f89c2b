"""Transcribe: a source's segments as they are recognised, with the language and whatever went wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import MissingStream
from halfgig.media.source import look_into, open_source
from halfgig.memory.allocator import trim
from halfgig.operations.admission import admit_whisper, log_memory
from halfgig.operations.speech_models import SpeechModels
from halfgig.records import DecodeLog
from halfgig.settings import Settings
from halfgig.speech.language import AUTO, check_code, detect_language
from halfgig.speech.parts import Parts
from halfgig.speech.recognizer import Hearing
from halfgig.speech.transcript import Seam

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from typing import IO

    from halfgig.models.pull import Listener
    from halfgig.models.whisper import WhisperChoice
    from halfgig.records import Seconds, Segment, Source, SourceInfo
    from halfgig.speech.transcript import Stretch
    from halfgig.speech.windows import Window

ENGLISH = "en"


def ignore(_: object) -> None:
    """Take no notice."""


def whatever(_: object) -> bool:
    """Agree."""
    return True


@dataclass(slots=True)
class Transcription:
    """A source's segments: iterate over it once, and they are yielded as they are recognised.

    `language` is `auto` until it has been detected, before the first segment; `seam` is where it goes on. `notes` tell
    what was given up to fit, `log` what decoding ran into. `info` is None for a pipe, whose container is not looked
    into beforehand. `may_hear` is asked before the first speech of each part, in order; at the first that may not be
    heard it ends, and `stopped_at` is its number, else None.
    """

    source: Source
    info: SourceInfo | None
    settings: Settings
    choice: WhisperChoice
    translate: bool = False
    words: bool = False
    resume_at: Seconds = 0.0
    seam: Seam = field(default_factory=Seam)
    parts: Parts = field(default_factory=Parts)
    models: SpeechModels | None = None
    watch: Callable[[Seconds], None] = ignore
    report: Listener = ignore
    may_hear: Callable[[int], bool] = whatever
    stopped_at: int | None = None
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
        for stretch in self.stretches():
            for segment in stretch.segments:
                if segment.end > self.resume_at:
                    yield segment

    def stretches(self) -> Iterator[Stretch]:
        """The segments window by window, each with the seam from which a later run can go on exactly."""
        kept = self.models
        models = kept or SpeechModels(self.settings, self.report)
        try:
            yield from self._hear(models)
        finally:
            if kept is None:
                models.close_recognizer()

    def _hear(self, models: SpeechModels) -> Iterator[Stretch]:
        """Recognise what stands behind the seam."""
        self.stopped_at = None
        parts = replace(self.parts, first=max(self.parts.first, self.seam.part))
        windows = pipelines.find_speech(
            self.source, models.detector(), parts, log=self.log, settings=self.settings, watch=self._moved
        )
        begin = max(self.resume_at, self.seam.position)
        fresh = self._permitted(window for window in windows if window.end > begin)
        model = self.model
        if self.language == AUTO:
            model, fresh = self._detect(models, fresh)
        recognizer = models.recognizer(model)
        log_memory("model loaded")
        yield from pipelines.transcribe(fresh, recognizer, self._hearing(), trim, self.seam)
        log_memory("transcribed")

    def _permitted(self, windows: Iterator[Window]) -> Iterator[Window]:
        """The windows before the first part that may not be heard."""
        for part, group in itertools.groupby(windows, key=lambda window: window.part_number):
            if not self.may_hear(part):
                self.stopped_at = part
                return
            yield from group

    @property
    def model(self) -> str:
        """The name or folder of the model that hears the speech, as far as the language is known."""
        return self.choice.english if self.language == ENGLISH and not self.translate else self.choice.first

    def _detect(self, models: SpeechModels, windows: Iterator[Window]) -> tuple[str, Iterator[Window]]:
        """Settle the language, and the model that goes with it; no window is lost."""
        model = self.model
        recognizer = models.recognizer(model)
        if not recognizer.multilingual:
            self.language = ENGLISH
            return model, windows
        guess = detect_language(windows, recognizer.language_probabilities)
        self.language = guess.language
        if not guess.windows:
            return model, windows  # nobody speaks, so no other model is needed
        return self.model, itertools.chain(guess.windows, windows)

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
    given: str | os.PathLike[str] | IO[bytes] | Source,
    *,
    model: str | None = None,
    language: str | None = None,
    translate: bool = False,
    words: bool = False,
    settings: Settings | None = None,
    resume_at: Seconds = 0.0,
    seam: Seam | None = None,
    parts: Parts | None = None,
    models: SpeechModels | None = None,
    watch: Callable[[Seconds], None] = ignore,
    report: Listener = ignore,
) -> Transcription:
    """Prepare the transcription of a path, URL or binary stream; iterating over what is returned does the work.

    `model` is a name (tiny, base, tiny.en) or a folder, `language` a code or auto; both default to the settings, which
    default to the environment. `translate` writes English whatever is spoken, `words` gives each word its times.
    `resume_at` leaves out what ends before that second; `seam` goes on exactly where an earlier run left off. `parts`
    are those of the source that are heard. `models`
    are kept for the next source, else they are closed at the end. `watch` hears the position in seconds, `report` the
    events of a download where a model is not there yet.
    Errors: SourceError, MissingStream, TooLarge, DoesNotFit, BadRequest, ModelError.
    """
    settings = _settings_for(settings or Settings.from_environment(), model, language)
    source = open_source(given, settings)
    info = _look_for_sound(source, settings)
    choice = admit_whisper(settings, translate=translate)
    return Transcription(
        source,
        info,
        settings,
        choice,
        translate=translate,
        words=words,
        resume_at=resume_at,
        seam=seam or Seam(),
        parts=parts or Parts(),
        models=models,
        watch=watch,
        report=report,
        language=settings.language,
        notes=[choice.note] if choice.note else [],
    )


def _settings_for(settings: Settings, model: str | None, language: str | None) -> Settings:
    """The settings with what was asked for in their place; BadRequest for a language that nobody knows."""
    asked = check_code(language or settings.language)
    return replace(settings, whisper_model=model or settings.whisper_model, language=asked)


def _look_for_sound(source: Source, settings: Settings) -> SourceInfo | None:
    """What the container tells, None for a pipe; MissingStream where it has no sound."""
    info = look_into(source, settings)
    if info and not info.audio:
        raise MissingStream(f"{source.title} has no sound.", "Give a source with speech; reps need no sound.")
    return info
