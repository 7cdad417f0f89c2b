"""What each kind of job does with its source, from its last checkpoint to its result."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from halfgig.jobs.job import PART
from halfgig.jobs.keeping import Counted, keep_counted
from halfgig.jobs.sharing import Sharing, can_be_shared
from halfgig.memory import budget
from halfgig.memory.allocator import trim
from halfgig.motion.drawn_poses import Stretch
from halfgig.motion.pose_batches import pack_poses, unpack_poses
from halfgig.motion.regions import Region
from halfgig.motion.report import as_json, rep_json
from halfgig.operations import exercises
from halfgig.operations.admission import room, speech_cost
from halfgig.operations.captions import CAPTIONS, read_captions
from halfgig.operations.counting import Past, prepare_count
from halfgig.operations.exercises import AUTO
from halfgig.operations.indexing import check_index, file_transcript
from halfgig.operations.library import file_report
from halfgig.operations.pose_models import PoseModels
from halfgig.operations.poses import frames_from
from halfgig.operations.reindexing import reindex
from halfgig.operations.speech_models import SpeechModels
from halfgig.operations.transcription import transcribe
from halfgig.records import StoredSource
from halfgig.speech.parts import Parts
from halfgig.speech.transcript import Seam
from halfgig.store.home import is_there, open_store
from halfgig.store.library import Library
from halfgig.store.place import open_belongings
from halfgig.store.reports import Reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from halfgig.jobs.attempt import Attempt
    from halfgig.jobs.job import Job
    from halfgig.jobs.telling import Telling
    from halfgig.motion.forms import Exercise
    from halfgig.operations.transcription import Transcription
    from halfgig.records import Bytes, PoseAt, Rep, Report, Segment, Source
    from halfgig.settings import Settings
    from halfgig.speech.transcript import Stretch as Heard

WHOLE = Parts()  # all of a source
BATCH = 50  # poses of a checkpoint: five seconds of video, 47 kB


@dataclass(slots=True)
class Work:
    """One attempt's surroundings. `admitted` hears the variant that will run, the bytes that it needs, and the peak
    that is expected of it; `captions` is a file of them that came with the source, where they were asked for.
    """

    attempt: Attempt
    source: Source
    address: str
    fingerprint: str
    settings: Settings
    telling: Telling
    tools: Tools
    admitted: Callable[[str, Bytes, Bytes], None]
    captions: Path | None = None

    @property
    def options(self) -> Mapping[str, Any]:
        """What the client asked for."""
        return self.attempt.job.options


class Tools:
    """The models of a worker, kept from job to job; of one kind at a time, since a worker does one kind."""

    def __init__(self, settings: Settings, beat: Callable[[object], None]) -> None:
        self.speech = SpeechModels(settings, beat)
        self.poses = PoseModels(settings, beat)


def do(work: Work) -> None:
    """Do the job and end it with its result. Errors: of the operations, and Fenced."""
    KINDS[work.attempt.job.kind](work)


# --- speech


def do_transcript(work: Work) -> None:
    """A transcript: a checkpoint after each window."""
    result = _transcribed(work)
    work.attempt.succeed(result)


def do_index(work: Work) -> None:
    """A transcript, then passages and vectors in the library; content that is there already is not heard again."""
    result = _from_library(work) or _heard(work)
    if "whole" not in (work.attempt.checkpointed() or {}):  # once: an attempt that only fails again is no progress
        work.attempt.checkpoint({"whole": result})
    work.tools.speech.close_recognizer()
    work.telling.enter("indexing")
    filed = file_transcript(
        _stored(work, result),
        _alive(work),
        tags=work.options.get("tags", ()),
        settings=work.settings,
        report=work.telling.beat,
    )
    trim()
    work.attempt.succeed({**result, "source_id": filed.source.id, "passages": filed.passages})


def _heard(work: Work) -> dict[str, Any]:
    """Hear it, once the index will take what is to be heard."""
    if "whole" not in (work.attempt.checkpointed() or {}):
        with open_store(work.settings) as connection:
            check_index(connection, work.settings)
    return _transcribed(work)


def _transcribed(work: Work) -> dict[str, Any]:
    """Hear what is not heard yet, and return the facts of the whole."""
    kept = work.attempt.checkpointed() or {}
    if "whole" in kept:
        return dict(kept["whole"])
    if not kept and work.options.get("captions"):
        if work.captions is not None:
            return _captioned(work, work.captions)
        work.attempt.describe(notes=["The source has no captions, so it was heard."])
    transcription = _prepare(work, kept)
    _admit(work, transcription)
    if can_be_shared(work.attempt.job, work.source, transcription, work.settings):
        _hear(work, transcription, Sharing(work.attempt, transcription, work.fingerprint).stretches())
    else:
        _hear(work, transcription, transcription.stretches())
    work.attempt.describe(notes=_said(transcription.log.summary()))
    return _facts(work, transcription)


def _hear(work: Work, transcription: Transcription, stretches: Iterable[Heard]) -> None:
    """Keep each stretch as it is heard, with where to go on."""
    work.telling.enter("recognizing")
    for stretch in stretches:
        state = {"seam": asdict(stretch.seam), "language": transcription.language, "model": transcription.model}
        work.attempt.checkpoint(state, segments=stretch.segments)
        work.telling.kept(stretch.seam.position)


def do_part(work: Work) -> None:
    """A part of what another job hears, for that to take over. No smaller model will do."""
    kept, options = work.attempt.checkpointed() or {}, work.options
    budget.choose([speech_cost(options["model"])], room(work.settings))
    work.settings = replace(work.settings, whisper_beam_size=options["beam"])
    number, last = options["part"], options["last"]
    transcription = _prepare(work, kept, Parts(options["length"], number, None if last else number + 1))
    _admit(work, transcription)
    _hear(work, transcription, transcription.stretches())
    work.attempt.succeed({"part": number, "model": transcription.model, "log": asdict(transcription.log)})


def _captioned(work: Work, captions: Path) -> dict[str, Any]:
    """Take captions for the transcript, in one checkpoint; nothing is heard."""
    segments = [replace(segment, text=segment.text.strip()) for segment in read_captions(captions)]
    facts = {
        "task": "transcribe",
        "language": work.options.get("language") or work.settings.language,
        "duration": round(segments[-1].end, 3),
        "model": CAPTIONS,
        "segments": len(segments),
    }
    work.attempt.checkpoint({"whole": facts}, segments=segments)
    work.attempt.describe(notes=["The captions of the source were taken; it was not heard."])
    return facts


def _prepare(work: Work, kept: Mapping[str, Any], parts: Parts | None = None) -> Transcription:
    """The transcription from the last seam on, in the language and with the model that were found."""
    parts = parts or WHOLE
    seam = Seam(**kept["seam"]) if "seam" in kept else Seam(part=parts.first)
    work.telling.resume(max(seam.position, seam.part * parts.length))
    return transcribe(
        work.source,
        model=kept.get("model") or work.options.get("model"),
        language=kept.get("language") or work.options.get("language"),
        translate=bool(work.options.get("translate")),
        words=bool(work.options.get("words")),
        settings=work.settings,
        seam=seam,
        parts=parts,
        models=work.tools.speech,
        watch=work.telling.move,
        report=work.telling.beat,
    )


def _admit(work: Work, transcription: Transcription) -> None:
    work.telling.duration = transcription.info.duration if transcription.info else None
    work.attempt.describe(degraded=_said(transcription.choice.note))
    cost = speech_cost(transcription.model)
    work.admitted(transcription.model, cost.needs, cost.likely(work.telling.duration))


def _facts(work: Work, transcription: Transcription) -> dict[str, Any]:
    return {
        "task": transcription.task,
        "language": transcription.language,
        "duration": round(transcription.duration, 3),
        "model": transcription.model,
        "segments": work.attempt.count("segment"),
    }


def _from_library(work: Work) -> dict[str, Any] | None:
    """The facts of a transcript that the library has, its segments copied; None where it has none."""
    if not is_there(work.settings) or work.attempt.checkpointed():
        return None
    with open_store(work.settings) as connection:
        library = Library(connection)
        known = library.shown(work.fingerprint)
        if known is None or not _is_what_is_wanted(known, work.options):
            return None
        facts = {
            "task": "transcribe",
            "language": known.language or "",
            "duration": known.duration,
            "model": known.model,
            "segments": sum(1 for _ in library.segments(known.id)),
        }
        work.attempt.checkpoint({"whole": facts}, segments=library.segments(known.id))
    work.attempt.describe(notes=["The library has this content already."])
    return facts


def _is_what_is_wanted(known: StoredSource, options: Mapping[str, Any]) -> bool:
    """Whether the library's transcript is one of these options: it knows of no words, translations or models."""
    asked = {name: value for name, value in options.items() if value}
    return asked in ({}, {"language": known.language}, {"language": "auto"})


def still_holds(twin: Job, content: str, settings: Settings, *, keep: bool = False) -> bool:
    """Whether what a job has made is still there: what was indexed may have been removed from the library.

    With `keep` the poses of a count must be there, too.
    """
    if twin.kind in {"transcript", PART} or (twin.kind == "reps" and not keep):
        return True
    if not is_there(settings):
        return False
    with open_store(settings) as connection:
        if twin.kind == "index":
            return Library(connection).shown(content) is not None
        if Reports(connection).find(content) is None:
            return False
    belongings = open_belongings(settings)
    return belongings.poses.find(content) is not None and belongings.drawings.version(content) is not None


def _stored(work: Work, facts: Mapping[str, Any]) -> StoredSource:
    """The source as the library is to know it; of a report only its duration is told."""
    return StoredSource(
        id=work.fingerprint,
        address=work.address,
        title=work.source.title,
        duration=facts["duration"],
        language=facts.get("language"),
        model=facts.get("model", ""),
        added_at="",
        state="recognizing",
        attempt=0,
    )


def _alive(work: Work) -> Iterator[Segment]:
    """The transcript, telling that the work lives while it is read."""
    for segment in work.attempt.segments():
        work.telling.beat()
        yield segment


# --- motion


def do_reps(work: Work) -> None:
    """A report of repetitions: a checkpoint after each batch of poses, and what was taught when the first was made."""
    kept = work.attempt.checkpointed() or {"frames": 0, "region": None, "position": 0.0}
    work.telling.resume(kept["position"])
    keeper = PoseKeeper(work, kept["frames"])
    counting = prepare_count(
        work.source,
        exercise=work.options.get("exercise", AUTO),
        settings=work.settings,
        watch=work.telling.move,
        report=work.telling.beat,
        taught=exercises.read(kept["taught"]) if "taught" in kept else None,
    )
    counting.models, counting.keep, counting.watch_rep = work.tools.poses, keeper.keep, keeper.hear
    region = Region(**kept["region"]) if kept["region"] else None
    counting.past = Past(_poses(work.attempt), kept["frames"], region)
    work.telling.duration = counting.info.duration
    work.attempt.describe(degraded=_said(counting.choice.reason))
    work.admitted(counting.choice.model, counting.choice.needs, counting.choice.peak)
    work.telling.enter("counting")
    keeper.begin(kept.get("sizes", ()), frames_from(kept["frames"], counting), counting.learned)
    report = counting.run()
    result = as_json(report)
    known = _stored(work, {"duration": counting.info.duration})
    tags, job = work.options.get("tags", ()), work.attempt.job
    keep = job.keep_source or _is_kept(work)
    if keep:
        _keep(work, keeper, report)
    file_report(known, result, tags=tags, settings=work.settings, always=keep)
    work.attempt.succeed(result, reps=keeper.rest(report))


def do_reindex(attempt: Attempt, settings: Settings, telling: Telling) -> None:
    """Passages and vectors made anew from a transcript that a person has changed; nothing is heard or seen."""
    telling.enter("indexing")
    source_id = attempt.job.source["source"]
    passages = reindex(source_id, settings, telling.beat)
    attempt.succeed({"source_id": source_id, "passages": passages})


def _is_kept(work: Work) -> bool:
    """Whether an earlier count of this content is kept: what is drawn of it must be of the newest."""
    return open_belongings(work.settings).drawings.version(work.fingerprint) is not None


def _keep(work: Work, keeper: PoseKeeper, report: Report) -> None:
    """Keep the poses for the page, and all of the count for what may be drawn of it."""

    def moments() -> Iterator[PoseAt]:
        return chain(_poses(work.attempt), keeper.poses)

    counted = Counted(work.fingerprint, report, moments, keeper.stretches)
    keep_counted(work.attempt, counted, work.settings, work.telling.beat)


def _poses(attempt: Attempt) -> Iterator[PoseAt]:
    for batch in attempt.batches():
        yield from unpack_poses(batch)


class PoseKeeper:
    """Gathers poses and reps, and writes them in batches. Reps that an earlier attempt told are not told again."""

    def __init__(self, work: Work, frames: int) -> None:
        self._work, self._frames = work, frames
        self.poses: list[PoseAt] = []  # that are in no batch yet
        self.stretches: list[Stretch] = []  # the sizes of all frames, since an attempt may look at smaller ones
        self._taught: list[dict[str, Any]] = []
        self._reps: list[Rep] = []
        self._heard = 0
        self._told = work.attempt.count("rep")

    def begin(self, before: Iterable[Sequence[int]], now: Stretch, taught: Iterable[Exercise]) -> None:
        """Know the sizes of the frames of earlier attempts, and of those that come now, and what was taught."""
        self.stretches = [*(Stretch(*size) for size in before if size[0] < now.first), now]
        self._taught = exercises.written(taught)

    def keep(self, moment: PoseAt, region: Region | None) -> None:
        """One more pose, and the tracker's region behind it."""
        self.poses.append(moment)
        if len(self.poses) == BATCH:
            self._write(region)

    def hear(self, rep: Rep) -> None:
        """One more rep that is certain."""
        self._heard += 1
        if self._heard > self._told:
            self._reps.append(rep)

    def rest(self, report: Report) -> list[dict[str, Any]]:
        """The reps that were not told yet, at the end: all of them where the exercise is known only now."""
        if self._heard or self._told:
            return [rep_json(rep) for rep in self._reps]
        return [rep_json(rep) for rep in sorted((*report.reps, *report.attempts), key=lambda rep: rep.start)]

    def _write(self, region: Region | None) -> None:
        self._frames += len(self.poses)
        position = self.poses[-1].time
        sizes = [list(astuple(stretch)) for stretch in self.stretches]
        tracked = asdict(region) if region else None
        state = {"frames": self._frames, "region": tracked, "position": position, "sizes": sizes}
        reps, batch = [rep_json(rep) for rep in self._reps], pack_poses(self.poses)
        self._work.attempt.checkpoint({**state, "taught": self._taught}, reps=reps, batch=batch)
        self.poses, self._reps = [], []
        self._work.telling.kept(position)


KINDS: dict[str, Callable[[Work], None]] = {
    "transcript": do_transcript,
    "index": do_index,
    "reps": do_reps,
    PART: do_part,
}


def with_less(settings: Settings, less: int) -> Settings:
    """The settings for work that ran out of memory `less` times: lite poses, then smaller frames.

    For speech the lease decides: a smaller one leaves room for a smaller model only.
    """
    if less == 0:
        return settings
    width = min(settings.video_resize_width or SMALL_FRAMES, SMALL_FRAMES) if less > 1 else settings.video_resize_width
    return replace(settings, pose_model="lite", video_resize_width=width)


SMALL_FRAMES = 320  # pixels


def _said(*sentences: str) -> list[str]:
    return [sentence for sentence in sentences if sentence]
