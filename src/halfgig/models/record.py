"""The note beside a model's files: what they are, where they came from, and their hashes once converted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from halfgig.models.manifest import Model
    from halfgig.records import Bytes

RECORD = "record.json"
FORMAT = 1  # raised when the conversion or this note changes, so that older folders are pulled again


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of an installed model."""

    name: str
    size: Bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Record:
    """An installed model: its files as they lie on disk, and the origin that served each published file."""

    model: str
    conversion: str
    files: tuple[FileRecord, ...]
    served: Mapping[str, str]
    format: int = FORMAT

    @property
    def size(self) -> Bytes:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def take_record(model: Model, folder: Path, served: Mapping[str, str]) -> Record:
    """Look at the files of a model that was just made ready."""
    from halfgig.models.pull import sha256_of  # which brings what fetches: a server that only reads notes needs none

    paths = sorted(path for path in folder.iterdir() if path.name != RECORD)
    files = tuple(FileRecord(path.name, path.stat().st_size, sha256_of(path)) for path in paths)
    return Record(model.id, model.conversion, files, served)


def write_record(record: Record, folder: Path) -> None:
    """Write the note into the model's folder."""
    (folder / RECORD).write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record | None:
    """The note of a folder; None where there is none that this version understands."""
    try:
        row = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        files = tuple(FileRecord(**file) for file in row.pop("files"))
        record = Record(files=files, **row)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return record if record.format == FORMAT else None


def is_complete(record: Record, folder: Path) -> bool:
    """Whether every file is there with its recorded length; the bytes are not read."""
    return all(_length(folder / file.name) == file.size for file in record.files)


def damaged_files(record: Record, folder: Path, model: Model) -> tuple[str, ...]:
    """Names of files whose bytes are not as recorded, or, where they are kept as published, as the manifest pins."""
    from halfgig.models.pull import is_intact

    pinned = {file.name: file.sha256 for file in model.files if model.keeps(file.name)}
    return tuple(
        file.name
        for file in record.files
        if not is_intact(folder / file.name, file.size, pinned.get(file.name, file.sha256))
    )


def _length(path: Path) -> Bytes:
    try:
        return path.stat().st_size
    except OSError:
        return -1
