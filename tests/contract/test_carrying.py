"""Uploads carried from the disk onto another shelf: whole, resumed, and not used before they are verified."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.jobs.conftest import Clock

from halfgig.errors import Conflict
from halfgig.store import blob_file, blob_shelf
from halfgig.store import writer as writer_module
from halfgig.store.blob_shelf import BlobShelf
from halfgig.store.blobs import open_blobs
from halfgig.store.carrying import carry_uploads
from halfgig.store.shelf import DiskShelf
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.store.blobs import Blobs
    from halfgig.store.upload import Upload

PART = 1000
BYTES = random.Random(1).randbytes(3500)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, and what is read and recorded at a time, of a thousand bytes."""
    for module in (blob_file, blob_shelf):
        monkeypatch.setattr(module, "PART", PART)
    monkeypatch.setattr(writer_module, "SYNC_EVERY", PART)
    monkeypatch.setattr("halfgig.store.carrying.PIECE", PART)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def here(tmp_path: Path) -> DiskShelf:
    return DiskShelf(tmp_path / "uploads")


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/shared")


@pytest.fixture
def there(blobs: Blobs, tmp_path: Path, clock: Clock) -> BlobShelf:
    return BlobShelf(blobs, tmp_path / "staging", clock)


@pytest.fixture
def upload(here: DiskShelf) -> Upload:
    store = UploadStore(here)
    upload = store.create("talk.mp4", content_type="video/mp4", metadata={"a": "b"})
    with store.append(upload.id, 0) as writer:
        writer.append(BYTES)
        return writer.commit(ended=True, sha256="5" * 64)


def test_one_is_there_with_its_facts_and_lives_anew(here: DiskShelf, there: BlobShelf, upload: Upload) -> None:
    far = carry_uploads(here, there, expiry=2 * 86_400.0)
    assert (far.moved, far.known, far.broken) == (1, 0, [])
    found = UploadStore(there).facts(upload.id)
    assert {**found.as_json(), "expires_at": 0} == {**upload.as_json(), "expires_at": 0}
    assert found.expires_at > upload.expires_at + 80_000
    assert UploadStore(there).open(upload.id).read_bytes() == BYTES
    assert carry_uploads(here, there).known == 1


@pytest.mark.parametrize("reads", [0, 1, 2, 3])
def test_one_that_was_cut_off_goes_on_where_it_was(
    here: DiskShelf, there: BlobShelf, upload: Upload, clock: Clock, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    class Killed(BaseException):
        pass

    left, write = [reads], blob_shelf.BlobHold.write

    def dying(self: blob_shelf.BlobHold, piece: memoryview) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        write(self, piece)

    with monkeypatch.context() as patch:
        patch.setattr(blob_shelf.BlobHold, "write", dying)
        patch.setattr(blob_shelf.BlobHold, "close", lambda _: None)  # who is killed lets nothing go
        with pytest.raises(Killed):
            carry_uploads(here, there)
    with pytest.raises(Conflict):  # it is not complete
        UploadStore(there).open(upload.id)
    there_already = UploadStore(there).facts(upload.id).offset
    assert there_already == reads * PART

    def sleep(seconds: float) -> None:
        clock.now += seconds

    assert carry_uploads(here, there, sleep=sleep).moved == 1
    assert UploadStore(there).open(upload.id).read_bytes() == BYTES


def test_what_does_not_arrive_as_it_is_here_is_told_and_is_not_there(
    here: DiskShelf, there: BlobShelf, blobs: Blobs, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(blobs), "read", lambda _, key, first, size: bytes(size))
        far = carry_uploads(here, there)
    assert (far.moved, far.broken) == (0, [upload.id])
    assert list(UploadStore(there).uploads()) == []
    assert carry_uploads(here, there).moved == 1


def test_one_that_is_another_there_is_left_alone_and_told(here: DiskShelf, there: BlobShelf, upload: Upload) -> None:
    there.lay(replace(upload, sha256="6" * 64))
    far = carry_uploads(here, there)
    assert (far.known, far.other) == (1, [upload.id])


def test_one_that_is_still_arriving_stays(here: DiskShelf, there: BlobShelf) -> None:
    UploadStore(here).create("later.mp4", 10)
    far = carry_uploads(here, there)
    assert (far.arriving, list(UploadStore(there).uploads())) == (1, [])
