"""The upload store on a real disk: what counts, what survives, what is refused."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import MIB, BadRequest, Busy, Conflict, HalfgigError, Locked, NotFound, StorageFull, TooLarge
from halfgig.store import shelf as shelf_module
from halfgig.store import uploads as uploads_module
from halfgig.store import writer as writer_module
from halfgig.store.ids import is_id, new_id
from halfgig.store.shelf import DiskShelf
from halfgig.store.upload import clean_title
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400.0
BYTES = random.Random(1).randbytes(3000)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def folder_at(store: UploadStore) -> Path:
    """Where a store on disk has its uploads."""
    assert isinstance(store._shelf, DiskShelf)
    return store._shelf.folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> UploadStore:
    return UploadStore(tmp_path / "uploads", None, clock)


def fill(store: UploadStore, upload_id: str, data: bytes, offset: int = 0, step: int = 1 << 30) -> None:
    with store.append(upload_id, offset) as writer:
        for start in range(0, len(data), step):
            writer.append(data[start : start + step])


def complete(store: UploadStore, data: bytes = BYTES) -> str:
    upload = store.create("talk.mp4", len(data))
    fill(store, upload.id, data)
    return upload.id


def folder_of(store: UploadStore, upload_id: str) -> Path:
    return folder_at(store) / upload_id


# --- ids -----------------------------------------------------------------------------------------------


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id(now) for now in (0.0, 1.0, 1.5, 1_700_000_000.0, 4_000_000_000.0)]
    assert ids == sorted(ids)
    assert all(is_id(each) for each in ids)
    assert len({new_id(1.0) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a" * 25,
        "a" * 27,
        "a" * 26 + "\n",
        "A" * 26,
        "a" * 12 + "/" + "a" * 13,
        "u" * 26,
        "é" * 26,
        "a" * 25 + "\0",
        "%2e%2e%2f" + "a" * 17,
    ],
)
def test_what_is_no_id_is_no_upload(store: UploadStore, name: str) -> None:
    (folder_at(store).parent / "info.json").write_text("{}")
    calls = (store.facts, store.open, store.remove, lambda it: store.append(it, 0), lambda it: store.declare(it, 1))
    for call in calls:
        with pytest.raises(NotFound):
            call(name)


@pytest.mark.parametrize(
    ("given_name", "title"),
    [
        ("talk.mp4", "talk.mp4"),
        ("/tmp/../talk.mp4", "talk.mp4"),
        ("C:\\clips\\a b.mov", "a b.mov"),
        ("", ""),
        ("\x1b[31mred\n.mp4", "[31mred.mp4"),
        ("x" * 999, "x" * 255),
        ("..", ".."),
        ("a/", "a"),
    ],
)
def test_a_title_is_a_name_for_people(given_name: str, title: str) -> None:
    assert clean_title(given_name) == title


# --- a life ----------------------------------------------------------------------------------------------


def test_an_uploads_life(store: UploadStore, clock: Clock) -> None:
    upload = store.create("talk.mp4", 3000, content_type="video/mp4", metadata={"filename": "talk.mp4"})
    assert (upload.offset, upload.complete, upload.created_at, upload.expires_at) == (
        0,
        False,
        clock.now,
        clock.now + DAY,
    )
    with pytest.raises(Conflict, match="not complete"):
        store.open(upload.id)
    fill(store, upload.id, BYTES[:1000])
    assert store.facts(upload.id).offset == 1000
    clock.now += 60
    fill(store, upload.id, BYTES[1000:], 1000)
    done = store.facts(upload.id)
    assert (done.complete, done.sha256, done.expires_at) == (True, None, clock.now + DAY)
    assert done.metadata == {"filename": "talk.mp4"}
    assert store.open(upload.id).read_bytes() == BYTES
    assert [each.id for each in store.uploads()] == [upload.id]
    store.remove(upload.id)
    assert list(folder_at(store).iterdir()) == []
    with pytest.raises(NotFound):
        store.facts(upload.id)


def test_an_upload_in_one_go_ends_with_its_length_and_hash(store: UploadStore) -> None:
    upload, digest = store.create("talk.mp4", expected=9999), hashlib.sha256()
    with store.append(upload.id, 0, digest=digest) as writer:
        writer.append(memoryview(BYTES)[:10])
        writer.append(memoryview(BYTES)[10:])
        done = writer.commit(ended=True, sha256=digest.hexdigest())
    assert done == store.facts(upload.id)
    assert (done.length, done.complete, done.sha256) == (3000, True, hashlib.sha256(BYTES).hexdigest())
    assert store.used == 3000


def test_an_empty_upload_is_complete_at_once(store: UploadStore) -> None:
    assert store.open(store.create(length=0).id).read_bytes() == b""


def test_a_length_may_come_later_but_only_once(store: UploadStore) -> None:
    upload = store.create()
    fill(store, upload.id, BYTES)
    assert not store.facts(upload.id).complete
    with pytest.raises(BadRequest):
        store.declare(upload.id, 2999)
    assert store.declare(upload.id, 3000).complete
    assert store.declare(upload.id, 3000).complete
    with pytest.raises(BadRequest):
        store.declare(upload.id, 3001)


def test_bytes_count_from_where_the_upload_ends(store: UploadStore) -> None:
    upload = store.create(length=3000)
    fill(store, upload.id, BYTES[:7])
    for offset in (0, 6, 8):
        with pytest.raises(Conflict, match="has 7 bytes"):
            store.append(upload.id, offset)
    with pytest.raises(TooLarge, match="more were sent"):
        fill(store, upload.id, BYTES, 7)
    assert store.facts(upload.id).offset == 7


def test_one_writer_at_a_time(store: UploadStore) -> None:
    upload = store.create(length=3000)
    with store.append(upload.id, 0) as writer:
        writer.append(b"x")
        for call in (lambda: store.append(upload.id, 0), lambda: store.remove(upload.id)):
            with pytest.raises(Locked):
                call()
        assert store.facts(upload.id).offset == 0
    with store.append(upload.id, 1):
        pass


def test_provisional_bytes_count_only_when_committed(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SYNC_EVERY", 10)
    upload = store.create(length=3000)
    with store.append(upload.id, 0, provisional=True) as writer:
        writer.append(BYTES[:100])
        assert store.facts(upload.id).offset == 0
        writer.commit()
        writer.append(BYTES[100:200])
        writer.commit()
        writer.append(b"broken off")
    assert store.facts(upload.id).offset == 200
    fill(store, upload.id, BYTES[200:], 200)
    assert store.open(upload.id).read_bytes() == BYTES


def test_what_was_sent_counts_where_the_block_is_left_by_an_error(store: UploadStore) -> None:
    upload = store.create(length=3000)
    with suppress(ZeroDivisionError), store.append(upload.id, 0) as writer:
        writer.append(BYTES[:5])
        raise ZeroDivisionError
    assert store.facts(upload.id).offset == 5


# --- crashes ---------------------------------------------------------------------------------------------


def test_what_is_past_the_recorded_offset_is_cut_off(tmp_path: Path, store: UploadStore) -> None:
    upload = store.create(length=3000)
    fill(store, upload.id, BYTES[:1000])
    with (folder_of(store, upload.id) / "data").open("ab") as file:
        file.write(b"written, but never recorded")
    (folder_of(store, upload.id) / "info.json.new").write_text('{"id"')  # the crash came while recording
    again = UploadStore(tmp_path / "uploads")
    assert again.facts(upload.id).offset == 1000
    fill(again, upload.id, BYTES[1000:], 1000)
    assert again.open(upload.id).read_bytes() == BYTES


def test_bytes_that_a_disk_has_lost_do_not_count(store: UploadStore) -> None:
    upload_id = complete(store)
    os.truncate(folder_of(store, upload_id) / "data", 10)
    assert (store.facts(upload_id).offset, store.facts(upload_id).complete) == (10, False)
    fill(store, upload_id, BYTES[10:], 10)
    assert store.open(upload_id).read_bytes() == BYTES


@pytest.mark.parametrize("torn", ["", '{"id": "', "[]", '{"id": "x"}', "null", "\x00" * 200])
def test_an_upload_without_readable_facts_is_none_and_goes_in_time(
    tmp_path: Path, store: UploadStore, clock: Clock, torn: str
) -> None:
    upload_id = complete(store)
    folder = folder_of(store, upload_id)
    (folder / "info.json").write_text(torn)
    os.utime(folder, (clock.now, clock.now))
    again = UploadStore(tmp_path / "uploads", None, clock)
    with pytest.raises(NotFound):
        again.facts(upload_id)
    assert (again.used, again.expire()) == (0, [])
    clock.now += DAY
    assert again.expire() == [upload_id]
    assert not folder.exists()


def test_a_folder_without_anything_goes_in_time(store: UploadStore, clock: Clock) -> None:
    folder = folder_at(store) / new_id(clock.now)
    folder.mkdir()
    (folder_at(store) / "not ours").mkdir()
    os.utime(folder, (clock.now - DAY, clock.now - DAY))
    assert store.expire() == [folder.name]
    assert (folder_at(store) / "not ours").exists()


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=12), st.integers(1, 50))
def test_after_any_crashes_the_bytes_are_those_that_were_sent(steps: list[tuple[int, bool]], every: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "SYNC_EVERY", every)
        patch.setattr(shelf_module, "_put_on_disk", lambda file: None)
        patch.setattr("halfgig.store.upload.os.fsync", lambda file: None)
        store = UploadStore(Path(folder))
        upload = store.create(length=len(BYTES))
        for size, crashes in steps:
            offset = store.facts(upload.id).offset
            writer = store.append(upload.id, offset)
            writer.append(BYTES[offset : offset + size])
            if crashes:
                writer._hold.close()
                writer._open = False
                store = UploadStore(Path(folder))
                assert offset <= store.facts(upload.id).offset <= offset + size
            writer.close()
        fill(store, upload.id, BYTES[store.facts(upload.id).offset :], store.facts(upload.id).offset)
        assert store.open(upload.id).read_bytes() == BYTES


# --- room --------------------------------------------------------------------------------------------------


def test_the_quota_counts_what_is_declared(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, 10 * MIB)
    first = store.create(length=6 * MIB)
    with pytest.raises(
        StorageFull, match=r"no room for 5 MB more: uploads, drawings .* may take 10 MB in all, and 6 MB are taken"
    ) as told:
        store.create(length=5 * MIB)
    assert (told.value.status, "DISK_QUOTA_MB" in told.value.remedy) == (507, True)
    store.create(length=4 * MIB)
    assert UploadStore(tmp_path).used == store.used == 10 * MIB
    store.remove(first.id)
    assert store.used == 4 * MIB
    assert len(list(tmp_path.iterdir())) == 1


def test_the_quota_counts_what_comes_undeclared(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, 2000)
    upload = store.create()
    with store.append(upload.id, 0) as writer:
        writer.append(BYTES[:1500])
        with pytest.raises(StorageFull):
            writer.append(BYTES[1500:])
    assert store.facts(upload.id).offset == 1500
    with pytest.raises(StorageFull):
        store.declare(upload.id, 2001)
    assert store.declare(upload.id, 2000).length == 2000


def test_what_else_is_there_is_not_left_for_uploads(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, 10 * MIB, others=lambda: 3 * MIB)
    store.create(length=5 * MIB)
    assert store.left == 2 * MIB
    store.check(2 * MIB)
    with pytest.raises(StorageFull):
        store.check(2 * MIB + 1)


def test_what_comes_undeclared_asks_for_room_now_and_then(tmp_path: Path) -> None:
    asked: list[int] = []

    def others() -> int:
        asked.append(1)
        return 0

    store = UploadStore(tmp_path, 20 * MIB, others=others)
    upload = store.create()
    asked.clear()
    with store.append(upload.id, 0) as writer:
        for _ in range(10 * 16):
            writer.append(bytes(MIB // 16))
    assert len(asked) == 2  # in steps of 8 MiB
    assert store.used == 16 * MIB
    with store.append(upload.id, 10 * MIB) as writer:
        writer.append(bytes(10 * MIB))  # as far as there is room, though that is less than a step
        writer.commit(ended=True)
    assert (store.facts(upload.id).complete, store.used) == (True, 20 * MIB)


def test_some_of_the_disk_stays_free(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, floor=30 * MIB, free=lambda: 100 * MIB)
    assert store.left == 70 * MIB
    store.create(length=50 * MIB)
    with pytest.raises(StorageFull, match="100 MB free, of which 30 MB stay free and 50 MB are promised"):
        store.create(length=21 * MIB)
    store.create(expected=20 * MIB)
    store.create(length=0)


def test_a_limit_bounds_each_upload(tmp_path: Path) -> None:
    store = UploadStore(tmp_path, limit=2000)
    with pytest.raises(TooLarge, match="MAX_FILE_SIZE_MB") as told:
        store.create(length=2001)
    assert told.value.status == 413
    upload = store.create()
    with pytest.raises(TooLarge):
        store.declare(upload.id, 2001)
    with pytest.raises(TooLarge):
        fill(store, upload.id, BYTES)


def test_there_are_not_endless_uploads(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads_module, "MOST", 2)
    store.create()
    store.create()
    with pytest.raises(Busy):
        store.create()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this system lets us mount no file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_keeps_what_was_safe(small_disk: Path) -> None:
    store, data = UploadStore(small_disk / "uploads", floor=0, free=lambda: 1 << 40), os.urandom(24 * MIB)
    upload = store.create(length=len(data))
    hog = small_disk / "hog"
    hog.write_bytes(bytes(7 * MIB))
    with pytest.raises(StorageFull, match=r"The disk is full\. (24|16) MB more are needed"):
        fill(store, upload.id, data, step=MIB)
    safe = UploadStore(small_disk / "uploads").facts(upload.id).offset
    assert safe == 8 * MIB
    with pytest.raises(StorageFull):
        fill(store, upload.id, data[safe:], safe)
    hog.unlink()
    store.remove(upload.id)
    assert complete(store, data[: 12 * MIB])


def test_a_disk_without_room_for_facts_takes_no_upload(small_disk: Path) -> None:
    store = UploadStore(small_disk / "uploads", floor=0, free=lambda: 1 << 40)
    upload = store.create(length=MIB)
    with pytest.raises(OSError, match="space"):
        (small_disk / "hog").write_bytes(bytes(21 * MIB))
    with pytest.raises(StorageFull):
        store.create(length=1)
    with pytest.raises(StorageFull):
        fill(store, upload.id, bytes(MIB))
    assert ([each.id for each in store.uploads()], store.facts(upload.id).offset) == ([upload.id], 0)
    assert store.used == MIB


# As on a disk whose files may not grow past 4 MB, such as a quota of the system's.
WRITES_TOO_MUCH = """
import resource, sys
from pathlib import Path
from halfgig.errors import StorageFull
from halfgig.store.uploads import UploadStore
store = UploadStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
upload = store.create(length=8 << 20)
try:
    with store.append(upload.id, 0) as writer:
        for _ in range(8):
            writer.append(bytes(1 << 20))
except StorageFull as error:
    print(error.status, store.facts(upload.id).offset)
"""


def test_a_refused_write_is_told_as_a_full_disk(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITES_TOO_MUCH, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "507 0\n"


# --- expiry ------------------------------------------------------------------------------------------------


def test_what_nobody_touches_expires(store: UploadStore, clock: Clock) -> None:
    broken_off, unused, needed = store.create(length=5).id, complete(store), complete(store)
    clock.now += DAY - 1
    assert store.expire() == []
    fresh = store.create(length=5).id
    clock.now += 1
    assert set(store.expire(lambda upload_id: upload_id == needed)) == {broken_off, unused}
    assert [upload.id for upload in store.uploads()] == [needed, fresh]
    assert store.used == 3000 + 5


def test_a_write_gives_an_upload_its_full_time_again(store: UploadStore, clock: Clock) -> None:
    upload = store.create(length=5)
    clock.now += DAY - 1
    fill(store, upload.id, b"1")
    clock.now += DAY - 1
    assert store.expire() == []


def test_what_is_being_written_does_not_expire(store: UploadStore, clock: Clock) -> None:
    upload = store.create(length=5)
    with store.append(upload.id, 0) as writer:
        clock.now += 2 * DAY
        assert store.expire() == []
        writer.append(b"12345")
    assert store.facts(upload.id).complete


def test_every_refusal_has_a_remedy(store: UploadStore) -> None:
    upload = store.create(length=1)
    with store.append(upload.id, 0):
        for call in (lambda: store.facts("x"), lambda: store.open(upload.id), lambda: store.append(upload.id, 0)):
            with pytest.raises(HalfgigError) as told:
                call()
            assert told.value.remedy
