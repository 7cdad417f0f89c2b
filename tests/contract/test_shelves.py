"""What the upload store keeps to wherever its bytes are, and what it adds where machines share them."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest
from tests.unit.jobs.conftest import Clock

from halfgig.api.forms import FormLimits, FormReader
from halfgig.errors import MIB, BadRequest, Conflict, Locked, NotFound, ServerTrouble, StorageFull
from halfgig.store import blob_file, blob_shelf
from halfgig.store import writer as writer_module
from halfgig.store.blob_file import BlobFile, Parts
from halfgig.store.blob_shelf import LEASE, BlobShelf
from halfgig.store.blobs import open_blobs
from halfgig.store.s3_blobs import S3Blobs
from halfgig.store.shelf import DiskShelf
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.store.shelf import Shelf

PART = 1000
BYTES = random.Random(1).randbytes(3500)
DAY = 86_400.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, and what is recorded at a time, of a thousand bytes."""
    for module in (blob_file, blob_shelf):
        monkeypatch.setattr(module, "PART", PART)
    monkeypatch.setattr(writer_module, "SYNC_EVERY", PART)


@pytest.fixture(params=["disk", "folder", "s3"])
def shelf(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, small_parts: None, s3_of_all: Front | None
) -> Shelf:
    if request.param == "disk":
        return DiskShelf(tmp_path / "uploads")
    url = f"file://{tmp_path}/shared" if request.param == "folder" else request.getfixturevalue("s3").make_bucket()
    return BlobShelf(open_blobs(url), tmp_path / "staging", clock)


@pytest.fixture
def reopen(shelf: Shelf, clock: Clock) -> Callable[..., UploadStore]:
    """A store of the same uploads, as another server or the same one after a start has it."""
    return lambda quota=None, **more: UploadStore(shelf, quota, clock, **more)


@pytest.fixture
def shared(tmp_path: Path, clock: Clock, small_parts: None) -> BlobShelf:
    return BlobShelf(open_blobs(f"file://{tmp_path}/shared"), tmp_path / "staging", clock)


def send(store: UploadStore, upload_id: str, data: bytes, step: int = 300) -> None:
    """Append what is missing of `data`."""
    offset = store.facts(upload_id).offset
    with store.append(upload_id, offset) as writer:
        for start in range(offset, len(data), step):
            writer.append(data[start : start + step])


def keys(shelf: BlobShelf) -> list[str]:
    return sorted(one.key.rpartition("/")[2].partition("-")[0] for one in shelf._blobs.walk("uploads"))


# --- everywhere ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, PART, 3500])
def test_an_uploads_life(reopen: Callable[..., UploadStore], size: int) -> None:
    store, data = reopen(), BYTES[:size]
    upload = store.create("talk.mp4", size)
    send(store, upload.id, data)
    again = reopen()
    assert (again.facts(upload.id).complete, again.open(upload.id).read_bytes()) == (True, data)
    assert (store.used, store.held, store.count, again.used) == (size, size, 1, size)
    again.remove(upload.id)
    assert list(store.uploads()) == []
    with pytest.raises(NotFound):
        again.open(upload.id)


@pytest.mark.parametrize("ends", [(999, 1000, 1001), (1, 2500, 2501)])
def test_one_is_gone_on_with_wherever_it_ended(reopen: Callable[..., UploadStore], ends: tuple[int, ...]) -> None:
    upload = reopen().create(length=len(BYTES))
    for end in ends:
        send(reopen(), upload.id, BYTES[:end])
        assert reopen().facts(upload.id).offset == end
    send(reopen(), upload.id, BYTES)
    assert reopen().open(upload.id).read_bytes() == BYTES


def test_what_is_recorded_is_whole_parts_until_the_end(reopen: Callable[..., UploadStore]) -> None:
    store = reopen()
    upload = store.create()
    with store.append(upload.id, 0) as writer:
        writer.append(BYTES[:900])
        assert reopen().facts(upload.id).offset == 0
        writer.append(BYTES[900:1300])
        assert reopen().facts(upload.id).offset == 1300
        digest = hashlib.sha256(BYTES[:1300]).hexdigest()
        writer.commit(ended=True, sha256=digest)
    assert (store.facts(upload.id).complete, store.facts(upload.id).sha256) == (True, digest)


def test_provisional_bytes_count_only_when_committed(reopen: Callable[..., UploadStore]) -> None:
    store = reopen()
    upload = store.create(length=2500)
    send(store, upload.id, BYTES[:1300])
    with store.append(upload.id, 1300, provisional=True) as writer:
        writer.append(bytes(1200))
    assert store.facts(upload.id).offset == 1300
    with store.append(upload.id, 1300, provisional=True) as writer:
        writer.append(BYTES[1300:2500])
        writer.commit()
    assert store.open(upload.id).read_bytes() == BYTES[:2500]


def test_one_writes_at_a_time(reopen: Callable[..., UploadStore]) -> None:
    store, other = reopen(), reopen()
    upload = store.create(length=1000)
    with store.append(upload.id, 0) as writer:
        for attempt in (other.append, store.append):
            with pytest.raises(Locked):
                attempt(upload.id, 0)
        with pytest.raises(Locked):
            other.remove(upload.id)
        writer.append(BYTES[:500])
    with pytest.raises(Conflict):
        other.append(upload.id, 0)
    send(other, upload.id, BYTES[:1000])
    assert store.open(upload.id).read_bytes() == BYTES[:1000]


def test_the_quota_counts_what_is_declared_and_given_back(reopen: Callable[..., UploadStore]) -> None:
    store = reopen(10 * MIB)
    upload = store.create(length=6 * MIB)
    with pytest.raises(StorageFull):
        store.create(length=5 * MIB)
    store.remove(upload.id)
    assert store.create(length=9 * MIB)


def test_what_nobody_touches_expires_with_all_that_it_left(reopen: Callable[..., UploadStore], clock: Clock) -> None:
    store = reopen()
    old = store.create(length=5000)
    send(store, old.id, BYTES)
    clock.now += DAY / 2
    young = store.create(length=5000)
    clock.now += DAY / 2
    assert reopen().expire() == [old.id]
    assert [each.id for each in store.uploads()] == [young.id]


def test_a_form_brings_an_upload_whole_or_not_at_all(reopen: Callable[..., UploadStore]) -> None:
    store = reopen()
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    reader = FormReader(b"x", store, FormLimits(), len(BYTES))
    for piece in (head, BYTES[:1500], BYTES[1500:], b"\r\n--x--\r\n"):
        reader.feed(piece)
    upload = reader.end().upload
    assert upload is not None
    assert (upload.complete, upload.sha256) == (True, hashlib.sha256(BYTES).hexdigest())
    assert reopen().open(upload.id).read_bytes() == BYTES
    store.remove(upload.id)
    broken = FormReader(b"x", store, FormLimits(), len(BYTES))
    broken.feed(head + BYTES[:2500])
    broken.discard()
    assert list(reopen().uploads()) == []


def test_it_belongs_to_one_queue_where_machines_share_it(shelf: Shelf) -> None:
    for _ in range(2):
        shelf.own("a queue")
    if not shelf.shared:
        return
    with pytest.raises(BadRequest, match=r"Another queue owns the uploads at BLOB_URL.*a prefix of its own"):
        shelf.own("another")
    shelf.own("a queue")


# --- shared by machines ------------------------------------------------------------------------------------


def test_an_upload_has_parts_of_one_size(shared: BlobShelf, clock: Clock) -> None:
    store = UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    for end in (500, 1500, 2000, 3500):
        send(store, upload.id, BYTES[:end])
    assert keys(shared) == ["000000", "000001", "000002", "000003", "info.json"]
    store.remove(upload.id)
    assert keys(shared) == []


def test_what_did_not_count_is_not_left(shared: BlobShelf, clock: Clock) -> None:
    store = UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    send(store, upload.id, BYTES[:1500])
    with store.append(upload.id, 1500, provisional=True) as writer:
        writer.append(bytes(2000))
    assert keys(shared) == ["000000", "000001", "info.json"]


def test_a_machine_that_died_holds_an_upload_for_a_while(shared: BlobShelf, clock: Clock) -> None:
    store, other = UploadStore(shared, None, clock), UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    dead = store.append(upload.id, 0)
    dead.append(BYTES[:1200])
    dead._hold._stage.close()  # type: ignore[attr-defined]  # it ends with its process
    clock.now += LEASE - 1
    with pytest.raises(Locked):
        other.append(upload.id, 1200)
    clock.now += 2
    send(other, upload.id, BYTES)
    assert other.open(upload.id).read_bytes() == BYTES


def test_a_slow_writer_keeps_its_upload_and_nothing_counts_before_its_time(shared: BlobShelf, clock: Clock) -> None:
    store, other = UploadStore(shared, None, clock), UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    with store.append(upload.id, 0, provisional=True) as writer:
        for start in range(0, len(BYTES), 100):
            writer.append(BYTES[start : start + 100])
            clock.now += LEASE / 3
            with pytest.raises(Locked):
                other.append(upload.id, 0)
            with pytest.raises(Locked):
                other.remove(upload.id)
            assert (other.facts(upload.id).offset, shared._record(upload.id)[0].parts) == (0, Parts())
        writer.commit(ended=True)
    assert other.open(upload.id).read_bytes() == BYTES


def test_what_a_killed_server_had_begun_to_write_goes_with_its_upload(
    shared: BlobShelf, clock: Clock, tmp_path: Path
) -> None:
    store = UploadStore(shared, None, clock)
    upload = store.create(length=10)
    (tmp_path / f"shared/uploads/{upload.id}/.draft-x").write_bytes(bytes(100))
    clock.now += DAY
    assert store.expire() == [upload.id]
    assert shared.names() == []
    alone = tmp_path / f"shared/uploads/{upload.id}"  # as one that was deleted while it was written to
    alone.mkdir()
    (alone / ".draft-x").write_bytes(bytes(100))
    clock.now = (alone / ".draft-x").stat().st_mtime + DAY + 1
    assert store.expire() == [upload.id]
    assert shared.names() == []


def test_one_that_wakes_too_late_changes_nothing(shared: BlobShelf, clock: Clock) -> None:
    store, other = UploadStore(shared, None, clock), UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    late = store.append(upload.id, 0)
    late.append(BYTES[:1200])
    clock.now += LEASE + 1
    send(other, upload.id, BYTES)
    with pytest.raises(Locked):
        late.append(bytes(1000))
    late.close()
    assert (other.facts(upload.id).complete, other.open(upload.id).read_bytes()) == (True, BYTES)


def test_what_other_machines_hold_counts_after_a_look(shared: BlobShelf, clock: Clock) -> None:
    store, other = UploadStore(shared, 10 * MIB, clock), UploadStore(shared, 10 * MIB, clock)
    upload = other.create(length=8 * MIB)
    store.expire()
    assert store.used == 8 * MIB
    with pytest.raises(StorageFull):
        store.create(length=3 * MIB)
    other.remove(upload.id)
    store.expire()
    assert store.used == 0


def test_what_cannot_be_read_is_none_and_goes_in_time(shared: BlobShelf, clock: Clock) -> None:
    store = UploadStore(shared, None, clock)
    upload = store.create(length=10)
    shared._blobs.put(f"uploads/{upload.id}/info.json", b"{}")
    with pytest.raises(NotFound):
        store.facts(upload.id)
    assert store.expire() == []
    clock.now = max(one.modified for one in shared._blobs.walk("uploads")) + DAY + 1
    assert store.expire() == [upload.id]
    assert keys(shared) == []


def test_a_stream_reads_and_leaps_as_a_file_does(shared: BlobShelf, clock: Clock) -> None:
    store = UploadStore(shared, None, clock)
    upload = store.create(length=len(BYTES))
    send(store, upload.id, BYTES)
    kept, heard = store.open(upload.id), list[int]()
    assert isinstance(kept, BlobFile)
    chance = random.Random(2)
    with kept.open(lambda: heard.append(1)) as stream:
        for _ in range(200):
            at, size = chance.randrange(4000), chance.randrange(1500)
            stream.seek(at)
            data = stream.read(size)
            assert data == BYTES[at : at + len(data)]
            assert data or size == 0 or at >= len(BYTES)
        stream.seek(0)
        assert stream.readall() == BYTES
        assert stream.seek(-5, 2) == len(BYTES) - 5
    assert heard


def test_parts_carry_the_word_of_who_wrote_them_last() -> None:
    parts = Parts().with_ours(0, "a").with_ours(1, "a").with_ours(2, "b").with_ours(3, "b").with_ours(3, "c")
    assert parts.runs == ((0, "a"), (2, "b"), (3, "c"))
    assert [parts.name(number) for number in range(5)] == [
        "000000-a",
        "000001-a",
        "000002-b",
        "000003-c",
        "000004-c",
    ]
    assert Parts().name(0) == ""


# --- S3 --------------------------------------------------------------------------------------------------------


def test_a_writer_outlives_a_busy_s3(s3: Front, tmp_path: Path) -> None:
    store = UploadStore(BlobShelf(open_blobs(s3.make_bucket()), tmp_path))
    data = random.Random(3).randbytes(9 * MIB)
    upload = store.create(length=len(data))
    s3.be_busy(1)
    send(store, upload.id, data, MIB)
    assert store.open(upload.id).read_bytes() == data


def test_what_was_safe_stays_where_s3_goes_away(s3: Front, tmp_path: Path) -> None:
    bucket = s3.make_bucket().split("/")[2]
    store = UploadStore(BlobShelf(S3Blobs(bucket, "", patience=0.5), tmp_path))
    data = random.Random(3).randbytes(17 * MIB)
    upload = store.create(length=len(data))
    writer = store.append(upload.id, 0)
    writer.append(data[: 8 * MIB])
    s3.be_busy(60)
    with pytest.raises(ServerTrouble):
        writer.append(data[8 * MIB : 16 * MIB])
    writer.close()
    s3.be_busy(0)
    assert store.facts(upload.id).offset == 8 * MIB
    store._shelf._clock = lambda: upload.created_at + 1000  # type: ignore[attr-defined]  # its hold is over by then
    send(store, upload.id, data, MIB)
    assert store.open(upload.id).read_bytes() == data
