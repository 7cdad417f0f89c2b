"""`halfgig index copy` and `halfgig library copy`: an index brought to another place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from halfgig.progress import Paced, bar
from halfgig.retrieval.address import is_address, read_index_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halfgig.operations.copying import Copied
    from halfgig.settings import Settings


def is_copy(words: Sequence[str]) -> bool:
    """Whether the words after `halfgig index` mean a copy and not sources: `copy` before addresses of indexes."""
    return len(words) == 3 and words[0] == "copy" and any(map(is_address, words[1:]))


def copy(old: str, new: str, settings: Settings) -> int:
    """Copy, and tell what came of it."""
    from halfgig.operations.copying import copy_index

    paced = Paced()
    try:
        copied = copy_index(old, new, settings, lambda far: paced.draw(partial(describe, far)))
    finally:
        paced.wipe()
    there = f"; {_sources(copied.known)} there already" if copied.known else ""
    fresh = copied.done - copied.known
    shown = read_index_address(new).shown
    print(
        f"Copied {_sources(fresh)} ({copied.passages} passage{'' if copied.passages == 1 else 's'}) to {shown}{there}."
    )
    return 0


def describe(far: Copied, elapsed: float) -> str:
    """`[#####---------------]  25%  3 of 12 sources  450 passages  310 a second`."""
    parts = [bar(far.done / max(far.total, 1)), f"{far.done} of {far.total} sources", f"{far.passages} passages"]
    return "  ".join([*parts, *([f"{far.passages / elapsed:.0f} a second"] if elapsed > 0 else [])])


def _sources(count: int) -> str:
    return f"{count} source{'' if count == 1 else 's'}"
