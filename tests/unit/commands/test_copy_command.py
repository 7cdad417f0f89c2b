"""How far a copy is, or a reindexing, on a line of a terminal."""

from __future__ import annotations

import io

from halfgig.commands import copy, reindex
from halfgig.operations.copying import Copied
from halfgig.progress import Paced, StatusLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_copy_tells_its_sources_and_its_pace() -> None:
    far = Copied(3, 12, 0, 450)
    assert copy.describe(far, 1.5) == "[#####---------------]  25%  3 of 12 sources  450 passages  300 a second"
    assert copy.describe(Copied(0, 0, 0, 0), 0.0) == "[--------------------]   0%  0 of 0 sources  0 passages"


def test_a_reindexing_counts_its_pace_from_where_it_went_on() -> None:
    out, times = Terminal(), iter([100.0, 101.0, 110.0])
    count = reindex.Count(Paced(StatusLine(out), lambda: next(times)))
    for done in (100, 130, 300):
        count(done, 1200)
    first, second, third = (line.removesuffix("\x1b[K") for line in out.getvalue().split("\r")[1:])
    assert first == "[##------------------]   8%  100/1200 passages"
    assert second.endswith("130/1200 passages  30 a second  00:35 left")
    assert third == "[#####---------------]  25%  300/1200 passages  20 a second  00:45 left"
