"""Count: the exercise repetitions in a source, as a report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from halfgig import pipelines
from halfgig.errors import MissingStream
from halfgig.media.shown import kept_url
from halfgig.media.source import fingerprint, look_into, open_source
from halfgig.memory.allocator import trim
from halfgig.motion.exercises import exercise_named
from halfgig.operations.admission import admit_reps, log_memory
from halfgig.operations.exercises import AUTO, learned
from halfgig.operations.library import file_report
from halfgig.operations.pose_models import PoseModels
from halfgig.records import DecodeLog, SourceInfo, StoredSource
from halfgig.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import IO

    from halfgig.models.pull import Listener
    from halfgig.motion.forms import Exercise
    from halfgig.motion.poses import PoseTracker
    from halfgig.motion.regions import Region
    from halfgig.operations.admission import MotionChoice
    from halfgig.records import PoseAt, Rep, Report, Seconds, Source

UNKNOWN = SourceInfo("unknown", None, None)


def ignore(*_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier run has seen: its poses, how many frames they are, and the tracker's region after the last."""

    poses: Iterable[PoseAt] = ()
    frames: int = 0
    region: Region | None = None


@dataclass(slots=True)
class Counting:
    """The repetitions of a source, ready to be counted: `run` does the work and returns the report.

    `past` goes on exactly where an earlier run was cut off; `keep` hears each fresh pose with the tracker's region
    after it, `watch_rep` each rep that is certain before the end, and `see` every pose, known and
    fresh.
    """

    source: Source
    info: SourceInfo
    exercise: Exercise | None
    choice: MotionChoice
    settings: Settings
    watch: Callable[[Seconds], None] = ignore
    report: Listener = ignore
    log: DecodeLog = field(default_factory=DecodeLog)
    models: PoseModels | None = None
    past: Past = field(default_factory=Past)
    keep: Callable[[PoseAt, Region | None], None] = ignore
    watch_rep: Callable[[Rep], None] = ignore
    see: Callable[[PoseAt], None] = ignore
    learned: tuple[Exercise, ...] = ()

    def run(self) -> Report:
        """Count; the report's notes tell also what was given up to fit, and what decoding ran into."""
        models = self.models or PoseModels(self.settings, self.report)
        tracker = models.tracker(self.choice.model)
        tracker.region = self.past.region
        log_memory("model loaded")
        poses = self._seen(chain(self.past.poses, self._kept(tracker)))
        report = pipelines.count_reps(poses, self.exercise, self.settings, self.watch_rep, self.learned)
        log_memory("counted")
        notes = (*report.notes, self.choice.reason, self.log.summary())
        return replace(report, notes=tuple(note for note in notes if note))

    def _seen(self, poses: Iterable[PoseAt]) -> Iterator[PoseAt]:
        for moment in poses:
            self.see(moment)
            yield moment

    def _kept(self, tracker: PoseTracker) -> Iterator[PoseAt]:
        """The poses that are not known yet."""
        poses = pipelines.find_poses(
            self.source,
            tracker,
            known=self.past.frames,
            width=self.choice.width,
            log=self.log,
            settings=self.settings,
            watch=self.watch,
            tidy=trim,
        )
        for moment in poses:
            self.keep(moment, tracker.region)
            yield moment


def prepare_count(
    given: str | os.PathLike[str] | IO[bytes] | Source,
    *,
    exercise: str = AUTO,
    settings: Settings | None = None,
    watch: Callable[[Seconds], None] = ignore,
    report: Listener = ignore,
    taught: tuple[Exercise, ...] | None = None,
) -> Counting:
    """Look into a source and check that counting fits, before any model is loaded. Errors as of `count_reps`.

    `taught` are the exercises that a person taught; None takes those of the data folder.
    """
    settings = settings or Settings.from_environment()
    taught = learned(settings) if taught is None else taught
    wanted = None if exercise == AUTO else exercise_named(exercise, taught)
    source = open_source(given, settings)
    info = look_into(source, settings) or UNKNOWN
    if info is not UNKNOWN and not info.video:
        raise MissingStream(f"{source.title} has no moving picture.", "Give a video; sound alone can be transcribed.")
    counting = Counting(source, info, wanted, admit_reps(settings, info), settings, watch, report)
    counting.learned = taught
    return counting


def file_counted(counting: Counting, report: Mapping[str, Any], settings: Settings, tags: Iterable[str] = ()) -> None:
    """Put what was counted into the library, where search finds it. Errors: LibraryError; SourceError for a pipe."""
    source = counting.source
    known = StoredSource(
        id=fingerprint(source),
        address=kept_url(source.address),
        title=source.title,
        duration=counting.info.duration,
        language=None,
        model="",
        added_at="",
        state="unheard",
        attempt=0,
    )
    file_report(known, report, settings=settings, tags=tags)


def count_reps(
    given: str | os.PathLike[str] | IO[bytes] | Source,
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
