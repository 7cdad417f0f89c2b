"""What belongs to sources beside the library: their stills, their poses, and counts with what was drawn of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.store.drawings import Drawings
from halfgig.store.poses import Poses
from halfgig.store.stills import Stills

if TYPE_CHECKING:
    from halfgig.records import Bytes
    from halfgig.store.blobs import Blobs


class Belongings:
    """All of it, among these blobs. Blocking, and safe for threads. Errors: of blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self.stills, self.poses, self.drawings = Stills(blobs), Poses(blobs), Drawings(blobs)

    def sources(self) -> set[str]:
        """Every source to which anything belongs."""
        return self.stills.sources() | self.poses.sources() | self.drawings.sources()

    def forget(self, source_id: str) -> None:
        """Delete all that belongs to a source."""
        self.stills.remove(source_id)
        self.poses.remove(source_id)
        self.drawings.forget(source_id)

    def size(self) -> Bytes:
        """Bytes of poses, counts and drawings."""
        return self.poses.size() + self.drawings.size()
