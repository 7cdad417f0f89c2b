"""Where the settings keep uploads: on the disk of this machine, or in the storage of BLOB_URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.store.shelf import DiskShelf

if TYPE_CHECKING:
    from halfgig.settings import Settings
    from halfgig.store.shelf import Shelf


def upload_shelf(settings: Settings) -> Shelf:
    """The shelf of uploads. Errors: OSError of the disk, BadRequest for a BLOB_URL that cannot be used."""
    if not settings.blob_url:
        return DiskShelf(settings.uploads_dir)
    from halfgig.store.blob_shelf import BlobShelf
    from halfgig.store.blobs import open_blobs

    return BlobShelf(open_blobs(settings.blob_url), settings.uploads_dir)
