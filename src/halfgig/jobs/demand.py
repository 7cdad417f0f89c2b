"""How much memory a job may want, before anybody has looked into its source: from the best variant to the least."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.errors import MIB
from halfgig.jobs.job import DRAWING, PART
from halfgig.memory import budget
from halfgig.models.whisper import choose_whisper, is_folder
from halfgig.operations.admission import POSE_MODELS, SMALL, speech_cost
from halfgig.operations.embedders import embedder_cost, model_name
from halfgig.store.drawings import Drawing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from halfgig.jobs.job import Job
    from halfgig.memory.budget import Cost
    from halfgig.memory.learned import Learned
    from halfgig.records import Bytes
    from halfgig.settings import Settings

FULL_HD = 31 * MIB + budget.frames_memory(640, 360)  # what decoder and frames hold of most videos
LOW = 12 * MIB + budget.frames_memory(320, 180)
UPRIGHT_4K = 93 * MIB + budget.frames_memory(450, 800)  # of the largest pictures that cameras make


def candidates(job: Job, settings: Settings, learned: Learned, now: float, ever: Bytes) -> list[Cost]:
    """What the job's variants need, best first; what work has taught may raise a figure, and `job.needs` does.

    A job that ran out of memory before is not offered what it ran out with. What was learned raises nothing past
    `ever`, the bytes that a job can have here at the most: one odd job must not keep all others out.
    """
    costs = [_raised(cost, learned.adjusted(cost, now), ever) for cost in _variants(job, settings)]
    wanted = costs[min(job.less, len(costs) - 1) :]
    floor = max(0, (job.needs or 0) - budget.CODE)
    return [replace(cost, peak=max(cost.peak, floor)) for cost in wanted]


def spare(job: Job) -> Bytes:
    """What a job may have beyond its best variant, where there is room, until its source has been looked into."""
    pictured = job.kind == "reps" or job.options.get("drawing") == Drawing.OVERLAY
    return UPRIGHT_4K - FULL_HD if pictured and job.needs is None else 0


def _variants(job: Job, settings: Settings) -> Iterator[Cost]:
    if job.kind == "reindex":
        yield embedder_cost(model_name(settings), settings)
        return
    if job.kind == DRAWING:
        yield from _drawing(job)
        return
    if job.kind == PART:
        yield speech_cost(job.options["model"])  # no other gives the same text
        return
    if job.kind != "reps":
        embedder = embedder_cost(model_name(settings), settings).peak if job.kind == "index" else 0
        yield from (replace(cost, peak=max(cost.peak, embedder)) for cost in _speech(job.options, settings))
        return
    models: Sequence[str] = POSE_MODELS if settings.pose_model == "full" else POSE_MODELS[1:]
    for model in models:
        cost = budget.cost("reps", model)
        yield replace(cost, peak=cost.peak + FULL_HD)
    least = budget.cost("reps", POSE_MODELS[-1])
    yield replace(least, peak=least.peak + LOW)


def _drawing(job: Job) -> Iterator[Cost]:
    if job.options["drawing"] != Drawing.OVERLAY:
        yield budget.cost("drawing", "table")
        return
    for variant, beside in (("overlay", FULL_HD), (f"overlay{SMALL}", LOW)):
        cost = budget.cost("drawing", variant)
        yield replace(cost, peak=cost.peak + beside)


def _speech(options: Mapping[str, Any], settings: Settings) -> Iterator[Cost]:
    name, language = options.get("model") or settings.whisper_model, options.get("language") or settings.language
    if is_folder(name):
        yield speech_cost(name)
        return
    translate = bool(options.get("translate"))
    wanted = choose_whisper(name, language, translate=translate).first
    least = choose_whisper(name, language, translate=translate, fits=_is_least).first
    for model in dict.fromkeys((wanted, least)):
        yield speech_cost(model)


def _is_least(model: str) -> bool:
    """Whether nothing that hears speech needs less."""
    return speech_cost(model).needs <= min(cost.needs for cost in budget.TABLE if cost.kind == "transcribe")


def _raised(table: Cost, learned: Cost, ever: Bytes) -> Cost:
    """A worker reckons by the table, so what was learned counts only where it is more."""
    return replace(table, peak=max(table.peak, min(learned.peak, ever - budget.CODE)))
