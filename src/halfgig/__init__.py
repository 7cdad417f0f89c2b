"""halfgig: video understanding in half a gigabyte.

    from halfgig import count_reps, index, search, transcribe

    for segment in transcribe("talk.mp4"):
        print(segment.start, segment.text)

Importing the package loads nothing heavy; a function loads its libraries when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halfgig.errors import (
        BadRequest,
        DoesNotFit,
        HalfgigError,
        LibraryError,
        MissingStream,
        ModelError,
        SourceError,
        TooLarge,
    )
    from halfgig.operations.counting import count_reps
    from halfgig.operations.indexing import index
    from halfgig.operations.searching import search
    from halfgig.operations.transcription import transcribe
    from halfgig.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "BadRequest",
    "DoesNotFit",
    "HalfgigError",
    "LibraryError",
    "MissingStream",
    "ModelError",
    "Settings",
    "SourceError",
    "TooLarge",
    "count_reps",
    "index",
    "search",
    "transcribe",
]

_HOMES = {
    "Settings": "settings",
    "count_reps": "operations.counting",
    "index": "operations.indexing",
    "search": "operations.searching",
    "transcribe": "operations.transcription",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'halfgig' has no attribute {name!r}")
    return getattr(import_module(f"halfgig.{_HOMES.get(name, 'errors')}"), name)
