"""What belongs to sources, carried from the disk into storage that machines share, as it is named there."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.store import drawings, poses, stills
from halfgig.store.belongings import Belongings
from halfgig.store.carrying import sha256_of
from halfgig.store.drawings import COUNT, Drawing, Drawn
from halfgig.store.folder_blobs import FolderBlobs
from halfgig.store.stills import POSTER, is_content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from halfgig.store.blobs import Blobs


def carry_belongings(
    data_dir: Path, there: Blobs, scratch: Path, beat: Callable[[], object], title_of: Callable[[str], str]
) -> int:
    """Copy what is not there yet; how many files those were. What is here stays, and what is there is left alone.

    Cut off anywhere, it goes on when it is called again: each is there whole or not at all. `scratch` is a file that
    may be made. A drawing is downloaded there under the title of its source. Errors: OSError, and those of the storage.
    """
    here, carried = Belongings(FolderBlobs(data_dir)), 0
    scratch.parent.mkdir(parents=True, exist_ok=True)
    for key in _keys(data_dir):
        folder, source_id, name = (*key.split("/"), "")[:3]
        version, _, drawn = name.partition("-")
        if folder != drawings.FOLDER or name == COUNT:
            carried += _copy(data_dir / key, there, key, scratch, beat)
        elif drawn in set(Drawing) and version == here.drawings.version(source_id):
            shown = Drawn(source_id, "", Drawing(drawn), title_of(source_id))
            carried += _copy_drawing(data_dir / key, there, shown, scratch, beat)
    return carried


def _keys(data_dir: Path) -> Iterator[str]:
    """Everything that belongs to a source: of stills the poster last, of drawings the count first."""
    here = FolderBlobs(data_dir)
    for folder in (stills.FOLDER, poses.FOLDER, drawings.FOLDER):
        keys = [one.key for one in here.walk(folder) if is_content(one.key.split("/")[1])]
        yield from sorted(keys, key=lambda key: (key.endswith(f"/{POSTER}"), not key.endswith(f"/{COUNT}"), key))


def _copy(path: Path, there: Blobs, key: str, scratch: Path, beat: Callable[[], object]) -> bool:
    if there.have([key]) or path.name.startswith("."):
        return False
    there.take(key, _copied(path, scratch), beat)
    return True


def _copy_drawing(path: Path, there: Blobs, drawn: Drawn, scratch: Path, beat: Callable[[], object]) -> bool:
    """A drawing is named by the version that its count has there, where that is the count that it shows."""
    known = Belongings(there).drawings
    version = known.version(drawn.source_id)  # asked first: a count that comes after it is not the same
    if version is None or known.find(drawn.source_id, drawn.drawing) is not None:
        return False
    count = known.count(drawn.source_id)
    if count is None or sha256_of(count) != sha256_of(path.with_name(COUNT)):
        return False
    known.keep(replace(drawn, version=version), _copied(path, scratch), beat)
    return True


def _copied(path: Path, scratch: Path) -> Path:
    """The same file under a name that may go, which takes no room; a copy on a disk that knows no links."""
    scratch.unlink(missing_ok=True)  # a killed one left it
    try:
        os.link(path, scratch)
    except OSError:
        shutil.copyfile(path, scratch)
    return scratch
