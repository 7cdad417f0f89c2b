"""A URL becomes a source, whatever is behind it: a file is read as it is needed, the video of a page fetched first."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from halfgig.media.addresses import allow_list, check_url
from halfgig.media.ranges import Refused
from halfgig.media.sites import grab
from halfgig.media.source import Page, open_source
from halfgig.media.watch import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.media.watch import Watch
    from halfgig.records import Source
    from halfgig.settings import Settings

MAYBE_A_PAGE = frozenset({401, 403, 405, 406, 412})  # refusals that some sites mean for programs only
MEDIA = re.compile(
    r"(?i)\.(aac|ac3|aiff?|amr|avi|flac|flv|m4[abv]|mk[av]|mov|mp[34]|mpe?g|mxf|og[agv]|opus|ts|wav|webm|wmv)$"
)


@dataclass(frozen=True, slots=True)
class Obtained:
    """A source that was behind a URL, and the captions that came with it as a VTT file."""

    source: Source
    captions: Path | None = None


@contextmanager
def obtain(
    url: str,
    folder: Path,
    wanted: str,
    settings: Settings,
    watch: Watch = unwatched,
    *,
    captions: bool = False,
) -> Iterator[Obtained]:
    """What is behind a URL, for the length of the block; `folder` is made for it, and removed afterwards.

    A file is streamed, and stored only where its server gives no ranges. Of a page or a playlist the video is fetched
    by yt-dlp, as `grab` does with `wanted` and `captions`. `watch` hears that it lives, and how much is stored; what it
    raises ends the fetching. This is for workers: whatever the settings say, addresses are guarded.
    Errors: as of `open_source` and `grab`.
    """
    settings = replace(settings, guard_addresses=True)
    check_url(url, allow_list(settings))  # a path, or file:, is none of ours to open
    folder.mkdir(parents=True, exist_ok=True)
    try:
        obtained = _obtain(url, folder, wanted, settings, watch, captions=captions)
        try:
            yield obtained
        finally:
            if obtained.source.stream is not None:
                obtained.source.stream.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _obtain(url: str, folder: Path, wanted: str, settings: Settings, watch: Watch, *, captions: bool) -> Obtained:
    try:
        return Obtained(open_source(url, settings, folder, watch=watch))
    except Page:
        pass
    except Refused as error:  # some sites show their pages to browsers only
        if error.answered not in MAYBE_A_PAGE or MEDIA.search(urlsplit(url).path):
            raise
    grabbed = grab(url, folder, wanted, settings, watch, captions=captions)
    return Obtained(open_source(grabbed.path, settings, title=grabbed.title), grabbed.captions)
