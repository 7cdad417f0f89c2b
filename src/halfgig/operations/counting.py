"""Count: the exercise repetitions in a source, as a report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import MissingStream
from halfgig.media.source import open_source
from halfgig.memory.allocator import trim
from halfgig.models.store import ModelStore
from halfgig.motion.exercises import exercise_named
from halfgig.motion.poses import PoseTracker
from halfgig.operations.admission import admit_reps, log_memory, threads
from halfgig.operations.transcription import ignore, look_into
from halfgig.records import DecodeLog, SourceInfo
from halfgig.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import IO

    from halfgig.models.pull import Listener
    from halfgig.motion.exercises import Exercise
    from halfgig.operations.admission import MotionChoice
    from halfgig.records import Report, Seconds, Source

AUTO = "auto"
UNKNOWN = SourceInfo("unknown", None, None)


@dataclass(slots=True)
class Counting:
    """The repetitions of a source, ready to be counted: `run` does the work and returns the report."""

    source: Source
    info: SourceInfo
    exercise: Exercise | None
    choice: MotionChoice
    settings: Settings
    watch: Callable[[Seconds], None] = ignore
    report: Listener = ignore
    log: DecodeLog = field(default_factory=DecodeLog)

    def run(self) -> Report:
        """Count; the report's notes tell also what was given up to fit, and what decoding ran into."""
        store = ModelStore(self.settings.models_dir, offline=self.settings.offline)
        folder = store.ensure(f"blazepose-{self.choice.model}", report=self.report)
        tracker = PoseTracker(folder, self.choice.model, threads(self.settings))
        log_memory("model loaded")
        report = pipelines.count_reps(
            self.source,
            tracker,
            self.exercise,
            width=self.choice.width,
            log=self.log,
            settings=self.settings,
            watch=self.watch,
            tidy=trim,
        )
        log_memory("counted")
        notes = (*report.notes, self.choice.reason, self.log.summary())
        return replace(report, notes=tuple(note for note in notes if note))


def prepare_count(
    given: str | os.PathLike[str] | IO[bytes],
    *,
    exercise: str = AUTO,
    settings: Settings | None = None,
    watch: Callable[[Seconds], None] = ignore,
    report: Listener = ignore,
) -> Counting:
    """Look into a source and check that counting fits, before any model is loaded. Errors as of `count_reps`."""
    settings = settings or Settings.from_environment()
    wanted = None if exercise == AUTO else exercise_named(exercise)
    source = open_source(given, settings)
    info = look_into(source, settings) or UNKNOWN
    if info is not UNKNOWN and not info.video:
        raise MissingStream(f"{source.title} has no moving picture.", "Give a video; sound alone can be transcribed.")
    return Counting(source, info, wanted, admit_reps(settings, info), settings, watch, report)


def count_reps(
    given: str | os.PathLike[str] | IO[bytes],
    *,
    exercise: str = AUTO,
    settings: Settings | None = None,
    watch: Callable[[Seconds], None] = ignore,
) -> Report:
    """Count the repetitions in a path, URL or binary stream; `watch` hears the position in seconds.

    `exercise` is a name such as squat or push-up, or auto to recognise it.
    Errors: SourceError, MissingStream, TooLarge, DoesNotFit, BadRequest, ModelError.
    """
    return prepare_count(given, exercise=exercise, settings=settings, watch=watch).run()
