"""A source's identity: the sha256 of its content, so that a moved or renamed file is still the same source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from halfgig.errors import SourceError


def fingerprint(path: Path | str) -> str:
    """64 hexadecimal digits for the file's bytes, read in small blocks; SourceError where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror}).", "Check the path and its permissions."
        ) from error
