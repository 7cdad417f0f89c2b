"""The storage of BLOB_URL handed from the queue in files to the one in Postgres, with what lies on this disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from halfgig.jobs.home import home_of
from halfgig.jobs.job import DRAWING
from halfgig.jobs.table import JobTable
from halfgig.store.blob_shelf import BlobShelf
from halfgig.store.blobs import open_blobs
from halfgig.store.carrying import carry_uploads
from halfgig.store.carrying_belongings import carry_belongings
from halfgig.store.home import open_store
from halfgig.store.library import Library
from halfgig.store.place import upload_shelf
from halfgig.store.shelf import DiskShelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.settings import Settings
    from halfgig.store.carrying import Carried

_FREE = """UPDATE jobs SET place = ''
 WHERE place = :home AND (kind = :drawing OR {inside[source.upload]} IS NOT NULL)"""


class Handing:
    """What is handed over by the settings of the queue that gets it; `old` is empty where there is none in files.

    Errors: BadRequest where the storage belongs to a third queue; those of storage and databases.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        shelf = upload_shelf(settings)
        assert isinstance(shelf, BlobShelf)
        self._shelf = shelf
        path = settings.data_dir / "jobs.db"
        self.old = ""
        if path.exists():
            with JobTable(path) as queue:
                self.old = queue.identity()
        with JobTable(settings.database_url) as queue:
            self.new = queue.identity()
        self._shelf.owned_by(self.old, self.new)

    def carry(self, watch: Callable[[Carried], object]) -> Carried:
        """Copy the complete uploads of this disk into the storage; as of `carry_uploads`."""
        here, expiry = DiskShelf(self._settings.uploads_dir), self._settings.upload_expiry_seconds
        return carry_uploads(here, self._shelf, expiry, watch=watch)

    def carry_belongings(self, beat: Callable[[], object]) -> int:
        """Copy what belongs to sources on this disk into the storage, after its library; as of `carry_belongings`."""
        scratch = self._settings.fetched_dir / "carried"
        there = open_blobs(self._settings.blob_url)
        with open_store(self._settings) as database:
            library = Library(database)
            return carry_belongings(self._settings.data_dir, there, scratch, beat, partial(_title, library))

    def hand_over(self, *, alone: bool) -> bool:
        """The storage is the new queue's from now on, and jobs on what is there wait for no machine.

        False, and nothing of that, where the old queue's server may use it: `alone` tells that none runs.
        """
        if not alone and self._shelf.owned_by(self.old, self.new) == self.old != "":
            return False
        self._shelf.hand_over(self.old, self.new)
        home = home_of(self._settings.data_dir)
        with JobTable(self._settings.database_url) as queue, queue.transaction():
            queue.execute(_FREE, {"home": home, "drawing": DRAWING})
        return True


def _title(library: Library, source_id: str) -> str:
    """The title of a source; empty where it is not known."""
    source = library.source(source_id)
    return "" if source is None else source.title
