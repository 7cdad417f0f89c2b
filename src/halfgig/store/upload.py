"""One upload as a record, and its info.json on disk, which is replaced whole or not at all."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from halfgig.records import Bytes

INFO, DATA = "info.json", "data"
_DRAFT = "info.json.new"
_MOST_TITLE = 255  # characters


@dataclass(frozen=True, slots=True)
class Upload:
    """What was uploaded, or is being uploaded. Times are unix seconds.

    `length` is None until it is known. `offset` counts the bytes that are safe. `content_type` is what the
    client called it. `sha256` is None where the bytes did not come in one go.
    """

    id: str
    length: Bytes | None
    offset: Bytes
    title: str
    content_type: str
    created_at: float
    expires_at: float
    sha256: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every byte is there."""
        return self.offset == self.length

    def as_json(self) -> dict[str, Any]:
        """The facts for a client, and for the file."""
        return {**asdict(self), "complete": self.complete}


_FIELDS = {row.name for row in fields(Upload)}


def read_upload(folder: Path) -> Upload | None:
    """The upload in `folder`; None where there is none, or nothing readable.

    Bytes that were recorded but are not there, as after a disk that lied, are not counted.
    """
    try:
        facts = json.loads((folder / INFO).read_bytes())
        upload = Upload(**{name: value for name, value in facts.items() if name in _FIELDS})
        return _with_offset(upload, min(upload.offset, (folder / DATA).stat().st_size))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_upload(folder: Path, upload: Upload) -> None:
    """Replace the info.json of `folder` so that any crash leaves the old one or the new one. Raises OSError."""
    draft = folder / _DRAFT
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(upload.as_json(), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / INFO)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync(folder)


def write_all(file: int, view: memoryview) -> None:
    """Write every byte to an open file. Raises OSError."""
    while view:
        view = view[os.write(file, view) :]


def sync(path: Path) -> None:
    """Put a file's bytes on disk, or a folder's own entries: names that were made, changed or taken away."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clean_title(name: str) -> str:
    """A file's name for people: without its folders, without control characters, not endless."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable()).strip()[:_MOST_TITLE]


def _with_offset(upload: Upload, offset: Bytes) -> Upload:
    if offset == upload.offset:
        return upload
    return Upload(**{**asdict(upload), "offset": offset, "sha256": None})
