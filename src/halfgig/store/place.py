"""Where the settings keep files: on the disk of this machine, or in the storage of BLOB_URL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from halfgig.store.belongings import Belongings
from halfgig.store.folder_blobs import FolderBlobs
from halfgig.store.room import held, seldom
from halfgig.store.shelf import DiskShelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings
    from halfgig.store.shelf import Shelf

LOOK: Seconds = 300.0  # between two questions how much there is in storage that machines share


def upload_shelf(settings: Settings) -> Shelf:
    """The shelf of uploads. Errors: OSError of the disk, BadRequest for a BLOB_URL that cannot be used."""
    if not settings.blob_url:
        return DiskShelf(settings.uploads_dir)
    from halfgig.store.blob_shelf import BlobShelf
    from halfgig.store.blobs import open_blobs

    return BlobShelf(open_blobs(settings.blob_url), settings.uploads_dir)


def open_belongings(settings: Settings) -> Belongings:
    """What belongs to sources. Errors: BadRequest for a BLOB_URL that cannot be used."""
    if not settings.blob_url:
        return Belongings(FolderBlobs(settings.data_dir, lasting=False))
    from halfgig.store.blobs import open_blobs

    return Belongings(open_blobs(settings.blob_url))


def belongings_size(settings: Settings) -> Callable[[], Bytes]:
    """Asks how many bytes belong to sources: the disk each time, storage that machines share now and then."""
    if not settings.blob_url:
        return open_belongings(settings).size
    return seldom(lambda: open_belongings(settings).size(), LOOK)


def uploads_size(settings: Settings) -> Callable[[], Bytes]:
    """Asks how many bytes have come of uploads, in the same way."""
    if not settings.blob_url:
        return partial(held, settings.uploads_dir)
    from halfgig.store.blob_shelf import FOLDER
    from halfgig.store.blobs import open_blobs

    return seldom(lambda: sum(one.size for one in open_blobs(settings.blob_url).walk(FOLDER)), LOOK)
