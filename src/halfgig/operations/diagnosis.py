"""What a report of a fault needs: versions, processor, memory, models, disk, settings, what fits."""

from __future__ import annotations

import dataclasses
import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.errors import MIB
from halfgig.memory.budget import TABLE, frames_memory
from halfgig.memory.cgroup import ROOT, read
from halfgig.memory.cores import granted_cores
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import held
from halfgig.models.store import ModelStore, known_models
from halfgig.operations.admission import here, room, threads
from halfgig.operations.calibration import processor
from halfgig.operations.embedders import wanted_models
from halfgig.settings import Settings
from halfgig.store.room import free_space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.operations.selftest import Outcome
    from halfgig.records import Bytes

LIBRARIES = ("numpy", "av", "ctranslate2", "tokenizers", "ai-edge-litert", "apsw", "sqlite-vec")
# Processor features that int8 and float32 arithmetic use, x86 and ARM.
FEATURES = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
LEAST_DISK = 100 * MIB  # bytes that must be free for transcripts and the index
HIDDEN = "(set, not shown)"  # in place of a secret
KINDS = ("transcribe", "reps", "search")


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model of the manifest: bytes on disk, or bytes to fetch where it is not there."""

    id: str
    installed: bool
    size: Bytes
    wanted: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A row of the budget, and whether it fits into what is left."""

    kind: str
    variant: str
    needs: Bytes
    fits: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The facts. `limit`, `held` and `room` are bytes; `remedies` say what is wrong and what to do."""

    versions: dict[str, str]
    system: str
    processor: str
    cores: int
    threads: int
    features: tuple[str, ...]
    limit: Bytes
    origin: str
    held: Bytes
    room: Bytes
    data_dir: str
    free_disk: Bytes
    models: tuple[ModelState, ...]
    fits: tuple[Fit, ...]
    changed_settings: dict[str, str]
    remedies: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedies


def diagnose(settings: Settings) -> Diagnosis:
    """Look at this machine and the model store."""
    limit, left = memory_limit(settings), room(settings)
    models, fits = tuple(model_states(settings)), tuple(table(left))
    free = free_disk(settings.data_dir)
    return Diagnosis(
        versions=dict(versions()),
        system=f"{platform.platform()}, {libc()}",
        processor=processor(),
        cores=granted_cores(),
        threads=threads(settings),
        features=features(),
        limit=limit.bytes,
        origin=limit.origin,
        held=held(limit),
        room=left,
        data_dir=str(settings.data_dir),
        free_disk=free,
        models=models,
        fits=fits,
        changed_settings=dict(changed_settings(settings)),
        remedies=(*model_remedies(models), *memory_remedies(fits), *disk_remedies(settings.data_dir, free)),
    )


def versions() -> Iterator[tuple[str, str]]:
    """halfgig, Python and the libraries that work is done with; `missing` where one is not installed."""
    yield "halfgig", __version__
    yield "python", platform.python_version()
    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "missing"


def libc() -> str:
    """The C library: glibc gives memory back when it is told to, others do not."""
    name, number = platform.libc_ver()
    if name:
        return f"{name} {number}"
    return "musl" if list(Path("/lib").glob("ld-musl-*")) else "C library unknown"


def features(root: Path = ROOT) -> tuple[str, ...]:
    """Those of FEATURES that the processor has; empty where the system does not tell."""
    for line in read(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return tuple(feature for feature in FEATURES if feature in value.split())
    return ()


def model_states(settings: Settings) -> Iterator[ModelState]:
    """Every model of the manifest, and others that are here; wanted are those that the settings use."""
    models = known_models(settings.models_dir)
    there = ModelStore(settings.models_dir, models=models).installed()
    wanted = wanted_models(settings)
    for model in models.values():
        record = there.get(model.id)
        yield ModelState(
            model.id, record is not None, record.size if record else model.fetched_size, model.id in wanted
        )


def table(left: Bytes) -> Iterator[Fit]:
    """Every row of the budget; reps with the decoder and frames of a full HD video."""
    from halfgig.media.pictures import decoder_memory

    video = decoder_memory(1920, 1080, "h264") + frames_memory(640, 360)
    for row in map(here, TABLE):
        if row.kind in KINDS:
            needs = row.needs + (video if row.kind == "reps" else 0)
            yield Fit(row.kind, row.variant, needs, needs <= left)


def free_disk(folder: Path) -> Bytes:
    """Bytes free where `folder` is, or will be."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return free_space(there)


def changed_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    """Environment name and value of each setting that is not at its default."""
    default = Settings.from_environment({})
    for row in dataclasses.fields(Settings):
        value = getattr(settings, row.name)
        if value != getattr(default, row.name):
            yield row.metadata["env"], HIDDEN if row.metadata["secret"] else str(value)


def model_remedies(models: Sequence[ModelState]) -> Iterator[str]:
    """What to run for the models that are wanted and not there."""
    absent = [model.id for model in models if model.wanted and not model.installed]
    if absent:
        yield f"Models are missing. Run: halfgig models pull {' '.join(absent)}"


def memory_remedies(fits: Sequence[Fit]) -> Iterator[str]:
    """What to do for the kinds of which no variant fits."""
    for kind in KINDS:
        rows = [fit for fit in fits if fit.kind == kind]
        if not any(fit.fits for fit in rows):
            least = -(-min(fit.needs for fit in rows) // MIB)
            yield f"Nothing of {kind} fits. Give this machine {least} MB, or raise MEMORY_LIMIT_MB."


def disk_remedies(folder: Path, free: Bytes) -> Iterator[str]:
    """What to do where the data folder is full or cannot be written."""
    if free < LEAST_DISK:
        yield f"Only {free // MIB} MB of disk are free at {folder}. Free some, or set HALFGIG_DATA to another."
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK):
        yield f"{there} cannot be written. Make it writable, or set HALFGIG_DATA to another folder."


def trial_remedies(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What failed in the self-test."""
    for outcome in outcomes:
        if outcome.fault:
            yield f"The self-test of {outcome.kind} failed: {outcome.fault}"
