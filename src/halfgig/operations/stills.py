"""Stills of a source, kept where the server finds them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from halfgig.errors import HalfgigError
from halfgig.memory.allocator import trim

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Source
    from halfgig.store.stills import Stills

log = logging.getLogger("halfgig")


def keep_stills(source: Source, source_id: str, stills: Stills, beat: Callable[[], object]) -> int:
    """Take stills of a source that has none yet, and keep them; how many. The one with most detail is its poster.

    A source without pictures gets none, and neither does one of which none can be taken: no work fails for that.
    """
    if not source_is_seekable(source):
        return 0
    try:
        return 0 if stills.poster(source_id) is not None else _keep(stills, source, source_id, beat)
    except (HalfgigError, OSError, ValueError, ArithmeticError) as error:
        log.info("no stills were taken: %s", error)
        return 0
    finally:
        trim()


def source_is_seekable(source: Source) -> bool:
    """Whether the source can be read at any place, and again afterwards."""
    return source.stream is None or source.stream.seekable()


def _keep(stills: Stills, source: Source, source_id: str, beat: Callable[[], object]) -> int:
    from halfgig.media.stills import take_stills

    taken = list(take_stills(source, beat))  # some dozens, of 10 kB each
    if taken:
        poster = max(taken, key=lambda still: still.detail)
        stills.keep(source_id, [(still.time, still.jpeg) for still in taken], poster.jpeg)
    return len(taken)
