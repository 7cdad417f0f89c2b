"""Where the settings keep files: on the disk of this machine, or in the storage of BLOB_URL."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from halfgig.store.belongings import Belongings
from halfgig.store.folder_blobs import FolderBlobs
from halfgig.store.room import held, seldom
from halfgig.store.shelf import DiskShelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.records import Bytes, Seconds
    from halfgig.settings import Settings
    from halfgig.store.blobs import Blobs
    from halfgig.store.shelf import Shelf

LOOK: Seconds = 300.0  # between two questions how much there is in storage that machines share
SHARED = 4  # storages that are known at a time: a process has one


def upload_shelf(settings: Settings) -> Shelf:
    """The shelf of uploads. Errors: OSError of the disk, BadRequest for a BLOB_URL that cannot be used."""
    if not settings.blob_url:
        return DiskShelf(settings.uploads_dir)
    from halfgig.store.blob_shelf import BlobShelf

    return BlobShelf(_blobs(settings.blob_url), settings.uploads_dir)


def open_belongings(settings: Settings) -> Belongings:
    """What belongs to sources. Errors: BadRequest for a BLOB_URL that cannot be used."""
    if not settings.blob_url:
        return Belongings(FolderBlobs(settings.data_dir, lasting=False))
    return Belongings(_blobs(settings.blob_url))


def belongings_size(settings: Settings) -> Callable[[], Bytes]:
    """Asks how many bytes belong to sources: the disk each time, storage that machines share now and then."""
    return _belongings_size(settings.blob_url) if settings.blob_url else open_belongings(settings).size


def uploads_size(settings: Settings) -> Callable[[], Bytes]:
    """Asks how many bytes have come of uploads, in the same way."""
    return _uploads_size(settings.blob_url) if settings.blob_url else partial(held, settings.uploads_dir)


# One for all in this process: each has lines of its own to the storage, or a figure that took a look at all of it.


@lru_cache(SHARED)
def _blobs(url: str) -> Blobs:
    from halfgig.store.blobs import open_blobs

    return open_blobs(url)


@lru_cache(SHARED)
def _belongings_size(url: str) -> Callable[[], Bytes]:
    return seldom(Belongings(_blobs(url)).size, LOOK)


@lru_cache(SHARED)
def _uploads_size(url: str) -> Callable[[], Bytes]:
    from halfgig.store.blob_shelf import FOLDER

    return seldom(lambda: sum(one.size for one in _blobs(url).walk(FOLDER)), LOOK)
