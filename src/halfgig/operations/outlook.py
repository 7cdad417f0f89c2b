"""Outlook: whether a job on a source that nobody has sent yet would fit, by what is told of it; for the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig.memory.cores import allowed_cores
from halfgig.operations import pace
from halfgig.operations.admission import admit_reps, admit_whisper, speech_cost, threads
from halfgig.operations.calibration import noted_speed
from halfgig.operations.planning import analyzed, speech_seconds, used_models
from halfgig.records import SourceInfo, VideoStream

if TYPE_CHECKING:
    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings

WIDTH, HEIGHT, FPS = 1920, 1080, 30.0  # of a video of which nothing is told


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a source before it is there: a kind of job, seconds, and pixels of its picture."""

    kind: str
    duration: Seconds | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The models that would run, the least memory that they need, how long they take, and what is given up to fit.

    `seconds` is None where the source's length is not known.
    """

    variant: str
    needs: Bytes
    seconds: Seconds | None
    note: str = ""


def look_ahead(told: Told, settings: Settings, left: Bytes) -> Outlook:
    """The outlook of a job where `left` bytes may be held; how fast this machine is, is known once it was measured.

    Raises DoesNotFit.
    """
    speed = noted_speed(settings.data_dir) or 1.0
    machine = pace.Machine(speed, threads(settings), allowed_cores())
    return (_reps if told.kind == "reps" else _speech)(told, settings, left, machine)


def _speech(told: Told, settings: Settings, left: Bytes, machine: pace.Machine) -> Outlook:
    choice = admit_whisper(settings, left=left)
    used = used_models(choice, settings.language)
    seconds = speech_seconds(used, told.duration, machine, indexed=told.kind == "index")
    return Outlook(", then ".join(used), speech_cost(choice.first).needs, seconds, choice.note)


def _reps(told: Told, settings: Settings, left: Bytes, machine: pace.Machine) -> Outlook:
    stream = VideoStream(0, "h264", told.width or WIDTH, told.height or HEIGHT, FPS)
    choice = admit_reps(settings, SourceInfo("unknown", told.duration, None, video=(stream,)), left)
    if told.duration is None:
        return Outlook(choice.model, choice.needs, None, choice.reason)
    pictures = stream.fps * told.duration
    pixels = stream.width * stream.height
    seconds = machine.takes(*pace.motion(choice.model, analyzed(stream, pictures, settings), pictures, pixels))
    return Outlook(choice.model, choice.needs, seconds, choice.reason)
