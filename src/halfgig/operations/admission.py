"""What may start: the best variant of an operation that fits into the memory that is left, or a refusal."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import MIB, BadRequest
from halfgig.media.pictures import decoder_memory, fit_frame
from halfgig.memory import budget
from halfgig.memory.cores import granted_cores, multiplies_without_mkl
from halfgig.memory.limit import all_limits
from halfgig.memory.meter import headroom, peak_rss, rss
from halfgig.models.whisper import WhisperChoice, check_language, choose_whisper, is_folder, open_folder
from halfgig.pipelines import FRAME_WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.memory.budget import Cost
    from halfgig.records import Bytes, SourceInfo, VideoStream
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")

POSE_MODELS = ("full", "lite")
SMALL_WIDTH = 320  # pixels, of frames where those of FRAME_WIDTH do not fit
SMALL = ", small frames"


@dataclass(frozen=True, slots=True)
class MotionChoice:
    """How reps will be counted: the pose model, the widest frame in pixels, the peak in bytes and the limit that this
    needs, and why it is not what was wanted (else empty).
    """

    model: str
    width: int
    peak: Bytes
    needs: Bytes
    reason: str = ""


def room(settings: Settings) -> Bytes:
    """Bytes that this process may come to hold: the least that any limit leaves after what others hold under it."""
    return min(headroom(limit) for limit in all_limits(settings))


def threads(settings: Settings) -> int:
    """Threads for a model: the setting, or the cores that the machine grants."""
    return settings.threads or granted_cores()


def admit_whisper(settings: Settings, *, translate: bool = False, left: Bytes | None = None) -> WhisperChoice:
    """The Whisper models that the settings mean and that fit into `left` bytes, by default what is left here.

    Raises DoesNotFit where even the least does not.
    """
    left = room(settings) if left is None else left
    if is_folder(settings.whisper_model):
        return _own_folder(settings, left, translate=translate)

    def fits(model: str) -> bool:
        return speech_cost(model).needs <= left

    choice = choose_whisper(settings.whisper_model, settings.language, translate=translate, fits=fits)
    budget.choose([speech_cost(choice.first)], left)
    return choice


def speech_cost(model: str) -> Cost:
    """What a transcript costs on this machine with a model, given by its name or folder."""
    if is_folder(model):
        return here(budget.whisper_cost(model, (Path(model).expanduser() / "model.bin").stat().st_size))
    return here(budget.cost("transcribe", model))


def here(cost: Cost) -> Cost:
    """The cost on this machine's processor."""
    return cost.without_mkl() if multiplies_without_mkl() else cost


def admit_reps(settings: Settings, info: SourceInfo, left: Bytes | None = None) -> MotionChoice:
    """The poses and frames that fit beside the decoder of this source: full poses, else lite, else smaller frames.

    Raises DoesNotFit where none does, BadRequest where POSE_MODEL is unknown.
    """
    left = room(settings) if left is None else left
    choice = budget.choose(list(reps_costs(settings, info)), left)
    model = choice.variant.removesuffix(SMALL)
    width = SMALL_WIDTH if choice.variant.endswith(SMALL) else FRAME_WIDTH
    return MotionChoice(model, width, choice.peak, choice.needs, choice.reason)


def reps_costs(settings: Settings, info: SourceInfo) -> Iterator[Cost]:
    """What each way of counting costs with this source, best first, from the wanted pose model on."""
    check_pose_model(settings)
    stream = info.main_video
    rows = budget.at_most("reps", settings.pose_model)
    for width, name in ((FRAME_WIDTH, ""), (SMALL_WIDTH, SMALL)):
        beside = _beside(stream, settings.video_resize_width or width) if stream else 0
        for row in rows if width == FRAME_WIDTH else rows[-1:]:
            yield replace(row, variant=row.variant + name, peak=row.peak + beside)


def admit_overlay(settings: Settings, info: SourceInfo, left: Bytes | None = None) -> MotionChoice:
    """The frames that fit beside this source's decoder where they are drawn on and written: small ones, if need be.

    `model` is the name of the variant. Raises DoesNotFit where none does.
    """
    left = room(settings) if left is None else left
    choice = budget.choose(list(overlay_costs(settings, info)), left)
    width = SMALL_WIDTH if choice.variant.endswith(SMALL) else FRAME_WIDTH
    return MotionChoice(choice.variant, width, choice.peak, choice.needs, choice.reason)


def overlay_costs(settings: Settings, info: SourceInfo) -> Iterator[Cost]:
    """What drawing on this source costs, with frames as they are counted in, then with small ones."""
    stream = info.main_video
    assert stream is not None, "only video is drawn on"
    for width, variant in ((FRAME_WIDTH, "overlay"), (SMALL_WIDTH, f"overlay{SMALL}")):
        row = budget.cost("drawing", variant)
        yield replace(row, peak=row.peak + _beside(stream, settings.video_resize_width or width))


def check_pose_model(settings: Settings) -> None:
    """Raise BadRequest where POSE_MODEL is unknown."""
    if settings.pose_model not in POSE_MODELS:
        known = " or ".join(POSE_MODELS)
        raise BadRequest(f"There is no pose model called {settings.pose_model}.", f"Set POSE_MODEL to {known}.")


def log_memory(moment: str) -> None:
    """One log line that tells what is held at a key point of the work."""
    log.info("%s: %d MB resident, at most %d MB so far", moment, rss() // MIB, peak_rss() // MIB)


def _beside(stream: VideoStream, width: int) -> Bytes:
    """What a stream's decoder and its frames, at most `width` pixels wide, hold beside the pose model, in whole MB: a
    control group's limit is cut to whole pages, and what is needed must not be more than that.
    """
    frames = budget.frames_memory(*fit_frame(stream.width, stream.height, width))
    return -(-(decoder_memory(stream.width, stream.height, stream.codec) + frames) // MIB) * MIB


def _own_folder(settings: Settings, left: Bytes, *, translate: bool) -> WhisperChoice:
    folder = open_folder(Path(settings.whisper_model))
    check_language(folder, settings.language, translate=translate)
    budget.choose([speech_cost(str(folder.path))], left)
    return WhisperChoice(str(folder.path), str(folder.path))
