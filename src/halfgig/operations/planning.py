"""Plan: what a source would take, before any work starts, from what its container says: nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import MIB, BadRequest, DoesNotFit
from halfgig.memory import budget
from halfgig.memory.cores import allowed_cores
from halfgig.memory.limit import Limit, memory_limit
from halfgig.models.manifest import MODELS, Conversion
from halfgig.models.whisper import WhisperChoice, is_folder
from halfgig.operations import pace
from halfgig.operations.admission import admit_reps, admit_whisper, here, room, speech_cost, threads
from halfgig.operations.calibration import machine_speed
from halfgig.operations.embedders import embedder_cost, model_name
from halfgig.pipelines import FRAME_RATE
from halfgig.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    from halfgig.operations.pace import Machine
    from halfgig.records import Bytes, Seconds, SourceInfo, VideoStream

VAD = "silero-vad"
AUTO = "auto"
OUTLOOKS = ("fits", "does not fit", "nothing to do")


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one kind of work would take.

    `outlook` is one of OUTLOOKS, `variant` the models that would run. `peak` is the working set in bytes, 0 where it
    does not fit, and `needs` the least memory that does. `seconds` is None where the source's length is unknown.
    `download` and `disk` are bytes to fetch, and to have free meanwhile, for models that are not there yet.
    """

    kind: str
    outlook: str
    variant: str = ""
    peak: Bytes = 0
    needs: Bytes = 0
    seconds: Seconds | None = None
    download: Bytes = 0
    disk: Bytes = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A source's facts, the bytes that work may come to hold and who says so, and a forecast for each kind of work."""

    title: str
    info: SourceInfo
    room: Bytes
    origin: str
    forecasts: tuple[Forecast, ...]

    @property
    def refusal(self) -> DoesNotFit | None:
        """The error of the least demanding kind where something could be done, but none of it fits."""
        if any(forecast.outlook == "fits" for forecast in self.forecasts):
            return None
        refused = [forecast for forecast in self.forecasts if forecast.outlook == "does not fit"]
        least = min(refused, key=lambda forecast: forecast.needs, default=None)
        return DoesNotFit(least.kind, least.needs, self.room) if least else None


def plan(
    given: str | os.PathLike[str] | IO[bytes],
    *,
    memory: Bytes | None = None,
    exercise: str = AUTO,
    settings: Settings | None = None,
    speed: Callable[[Path], float] = machine_speed,
) -> Plan:
    """Foresee a transcript, an index and a count of a path, URL or seekable stream, on this machine.

    `memory` plans for a machine that has so many bytes to itself. `speed` tells how fast a core is beside the
    reference; the default measures it once and keeps a note in the settings' folder.
    Errors: SourceError, TooLarge, BadRequest; what does not fit is a forecast, not an error.
    """
    from halfgig.media.source import inspect, open_source
    from halfgig.motion.exercises import exercise_named
    from halfgig.operations.exercises import learned

    settings = settings or Settings.from_environment()
    if exercise != AUTO:
        exercise_named(exercise, learned(settings))
    source = open_source(given, settings)
    if source.stream is not None and not source.stream.seekable():
        raise BadRequest("What comes through a pipe cannot be planned for.", "Save it to a file first.")
    info = inspect(source, settings)
    limit = memory_limit(settings) if memory is None else Limit(memory, "--memory")
    left = room(settings) if memory is None else memory
    machine = pace.Machine(speed(settings.data_dir), threads(settings), allowed_cores())
    return Plan(source.title, info, left, limit.origin, tuple(foresee(info, settings, left, machine)))


def foresee(info: SourceInfo, settings: Settings, left: Bytes, machine: Machine) -> Iterator[Forecast]:
    """A forecast for each kind of work, where `left` bytes may be held."""
    kinds: dict[str, Callable[[], Forecast]] = {
        "transcribe": lambda: foresee_speech("transcribe", info, settings, left, machine),
        "index": lambda: foresee_speech("index", info, settings, left, machine),
        "reps": lambda: foresee_reps(info, settings, left, machine),
    }
    for kind, forecast in kinds.items():
        try:
            yield forecast()
        except DoesNotFit as error:
            yield Forecast(kind, "does not fit", needs=error.needs)


def foresee_speech(kind: str, info: SourceInfo, settings: Settings, left: Bytes, machine: Machine) -> Forecast:
    """The forecast of a transcript, or of an index: it holds the recogniser, then the embedder. Raises DoesNotFit."""
    if not info.audio:
        return Forecast(kind, "nothing to do", note="it has no sound")
    choice = admit_whisper(settings, left=left)
    used = used_models(choice, settings.language)
    embedder = (model_name(settings),) if kind == "index" else ()
    embedding = [embedder_cost(name, settings) for name in embedder]
    for cost in embedding:
        budget.choose([cost], left)
    download, disk = to_fetch((VAD, *used, *embedder), settings)
    return Forecast(
        kind,
        "fits",
        variant=", then ".join((*used, *embedder)),
        peak=max(cost.likely(info.duration) for cost in (*_speech_costs(used), *embedding)),
        needs=max(cost.needs for cost in (speech_cost(choice.first), *embedding)),
        seconds=speech_seconds(used, info.duration, machine, indexed=bool(embedder)),
        download=download,
        disk=disk,
        note=choice.note or _language_note(used, info.duration, machine),
    )


def foresee_reps(info: SourceInfo, settings: Settings, left: Bytes, machine: Machine) -> Forecast:
    """The forecast of a count of reps. Raises DoesNotFit."""
    stream = info.main_video
    if stream is None:
        return Forecast("reps", "nothing to do", note="it has no moving picture")
    choice = admit_reps(settings, info, left)
    pictures = None if info.duration is None else stream.fps * info.duration
    seconds = None
    if pictures is not None:
        frames = analyzed(stream, pictures, settings)
        seconds = machine.takes(*pace.motion(choice.model, frames, pictures, stream.width * stream.height))
    download, disk = to_fetch((f"blazepose-{choice.model}",), settings)
    return Forecast(
        "reps", "fits", choice.model, choice.peak, choice.needs, seconds, download, disk, note=choice.reason
    )


def used_models(choice: WhisperChoice, language: str) -> tuple[str, ...]:
    """The models that will run, one after another; of a language that is not known, as if it were English."""
    if language != AUTO or choice.first == choice.english:
        return (choice.english if language == "en" else choice.first,)
    return (choice.first, choice.english)


def speech_seconds(used: Sequence[str], duration: Seconds | None, machine: Machine, *, indexed: bool) -> Seconds | None:
    """Seconds for a transcript with the last of `used`, after the first has told the language where there are two."""
    if duration is None:
        return None
    known = {name: MODELS[name].ready_size for name in pace.RECOGNITION}
    weights = speech_weights(used[-1])
    model = duration * pace.recognition(used[-1], weights, known) + (pace.DETECTION if len(used) > 1 else 0.0)
    embedding = duration * pace.EMBEDDING + pace.START if indexed else 0.0
    return machine.takes(model + embedding, duration * pace.HEARING)


def speech_weights(model: str) -> Bytes:
    """Bytes of a Whisper model's weights on disk, by its name or folder."""
    return (Path(model).expanduser() / "model.bin").stat().st_size if is_folder(model) else MODELS[model].ready_size


def analyzed(stream: VideoStream, pictures: float, settings: Settings) -> float:
    """How many of a stream's pictures become frames that are looked at."""
    step = settings.frame_skip_rate
    frames = pictures / step if step else pictures * min(1.0, FRAME_RATE / stream.fps)
    return min(frames, settings.max_frames_to_analyze or frames)


def to_fetch(names: Sequence[str], settings: Settings) -> tuple[Bytes, Bytes]:
    """(bytes to download, bytes of disk meanwhile) for those of the models that are not there yet."""
    from halfgig.models.store import ModelStore

    there = ModelStore(settings.models_dir).installed()
    absent = [MODELS[name] for name in names if name in MODELS and name not in there]
    download = sum(model.fetched_size for model in absent)
    converted = sum(model.ready_size for model in absent if model.conversion is not Conversion.NONE)
    return download, download + converted


def _speech_costs(used: Sequence[str]) -> Iterator[budget.Cost]:
    """Of two models, the first only tells the language."""
    for model in used[:-1]:
        yield here(budget.cost("language", model))
    yield speech_cost(used[-1])


def _language_note(used: Sequence[str], duration: Seconds | None, machine: Machine) -> str:
    if len(used) == 1:
        return ""
    other = speech_seconds(used[:1], duration, machine, indexed=False)
    length = "" if other is None else f" and {other:.0f} s in all"
    peak = -(-speech_cost(used[0]).likely(duration) // MIB)
    return f"{used[0]} tells the language; where it is not English, it goes on, with a peak of {peak} MB{length}"
