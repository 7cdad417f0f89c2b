"""What may start: the best variant of an operation that fits into the memory that is left, or a refusal."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import MIB
from halfgig.memory import budget
from halfgig.memory.cores import granted_cores
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import held, rss, tree_pss
from halfgig.models.whisper import WhisperChoice, check_language, choose_whisper, is_folder, open_folder

if TYPE_CHECKING:
    from halfgig.memory.budget import Choice
    from halfgig.records import Bytes, SourceInfo
    from halfgig.settings import Settings

log = logging.getLogger("halfgig")


def room(settings: Settings) -> Bytes:
    """Bytes that this process may come to hold: the limit less what others under the same limit hold now."""
    limit = memory_limit(settings)
    others = max(0, held(limit) - tree_pss(os.getpid())) if limit.group else 0
    return limit.bytes - others


def threads(settings: Settings) -> int:
    """Threads for a model: the setting, or the cores that the machine grants."""
    return settings.threads or granted_cores()


def admit_whisper(settings: Settings, *, kind: str = "transcribe", translate: bool = False) -> WhisperChoice:
    """The Whisper models that the settings mean and that fit. Raises DoesNotFit where even the least does not."""
    left = room(settings)
    if is_folder(settings.whisper_model):
        return _own_folder(settings, kind, left, translate=translate)

    def fits(model: str) -> bool:
        return budget.cost(kind, model).at() <= left

    choice = choose_whisper(settings.whisper_model, settings.language, translate=translate, fits=fits)
    budget.choose([budget.cost(kind, choice.first)], left)
    return choice


def admit_reps(settings: Settings, info: SourceInfo) -> Choice:
    """Full or lite poses, whichever fits beside the decoder of this source. Raises DoesNotFit where neither does."""
    pixels = max((stream.width * stream.height for stream in info.video), default=0)
    return budget.choose(budget.at_most("reps", settings.pose_model), room(settings), pixels=pixels)


def log_memory(moment: str) -> None:
    """One log line that tells what is held at a key point of the work."""
    log.info("%s: %d MB resident", moment, rss() // MIB)


def _own_folder(settings: Settings, kind: str, left: Bytes, *, translate: bool) -> WhisperChoice:
    folder = open_folder(Path(settings.whisper_model))
    check_language(folder, settings.language, translate=translate)
    weights = (folder.path / "model.bin").stat().st_size
    budget.choose([budget.whisper_cost(kind, str(folder.path), weights, heads=8)], left)
    return WhisperChoice(str(folder.path), str(folder.path))
