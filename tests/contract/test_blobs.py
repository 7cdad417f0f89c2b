"""What every storage of blobs keeps to: a shared folder, and S3 through obstore; then S3's own troubles."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB, BadRequest, ServerRefuses, ServerTrouble
from halfgig.store import folder_blobs
from halfgig.store.blobs import Moved, open_blobs
from halfgig.store.folder_blobs import FolderBlobs
from halfgig.store.s3_blobs import S3Blobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.store.blobs import Blobs


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, s3_of_all: Front | None) -> Blobs:
    if request.param == "folder":
        return open_blobs(f"file://{tmp_path}/of%20all")
    s3: Front = request.getfixturevalue("s3")
    return open_blobs(s3.make_bucket())


def test_a_blob_is_read_whole_and_in_parts(blobs: Blobs) -> None:
    data = bytes(range(256)) * 40
    version = blobs.put("a/b/data", memoryview(data))
    assert blobs.get("a/b/data") == (data, version)
    assert blobs.read("a/b/data", 0, 16) == data[:16]
    assert blobs.read("a/b/data", 10_000, 100) == data[10_000:10_100]
    assert blobs.read("a/b/data", 10_000, 9_999) == data[10_000:]
    assert blobs.read("a/b/data", 5, 0) == b""


def test_a_blob_without_bytes_is_one(blobs: Blobs) -> None:
    blobs.put("a/nothing", b"")
    assert blobs.get("a/nothing")[0] == b""
    assert [(one.key, one.size) for one in blobs.walk("a")] == [("a/nothing", 0)]


def test_what_is_not_there_is_told(blobs: Blobs) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get("a/none")
    with pytest.raises(FileNotFoundError):
        blobs.read("a/none", 0, 5)
    assert (list(blobs.walk("a")), blobs.folders("a")) == ([], [])
    blobs.remove(["a/none"])


def test_a_blob_is_replaced_only_where_it_is_what_it_was(blobs: Blobs) -> None:
    first = blobs.put("a/facts", b"1", over="")
    with pytest.raises(Moved):
        blobs.put("a/facts", b"2", over="")
    second = blobs.put("a/facts", b"2", over=first)
    with pytest.raises(Moved):
        blobs.put("a/facts", b"3", over=first)
    assert blobs.get("a/facts") == (b"2", second)
    blobs.remove(["a/facts"])
    with pytest.raises(Moved):
        blobs.put("a/facts", b"4", over=second)
    assert list(blobs.walk("a")) == []


def test_what_is_cleared_while_it_is_written_to_a_folder_is_written_again(tmp_path: Path) -> None:
    class Cleared(FolderBlobs):
        times = 0

        def _drafted(self, *arguments: Any, **more: Any) -> Path:
            draft = super()._drafted(*arguments, **more)
            self.times += 1
            if self.times == 1:
                self.remove([one.key for one in self.walk("a")])
            return draft

    blobs = Cleared(tmp_path)
    version = blobs.put("a/part", b"bytes")
    assert blobs.get("a/part") == (b"bytes", version)
    assert (blobs.times, [one.key for one in blobs.walk("a")]) == (2, ["a/part"])


def test_a_folder_that_goes_while_a_file_is_taken_is_made_again(tmp_path: Path) -> None:
    class Cleared(FolderBlobs):
        times = 0

        def _moved(self, draft: Path, path: Path, *more: Any) -> None:
            self.times += 1
            if self.times == 1:
                path.parent.rmdir()
            super()._moved(draft, path, *more)

    blobs, draft = Cleared(tmp_path / "of all"), tmp_path / "draft"
    draft.write_bytes(b"plot")
    blobs.take("a/b/plot", draft, lambda: None)
    assert ([one.key for one in blobs.walk("a")], draft.exists()) == (["a/b/plot"], False)


def test_a_file_that_goes_while_it_is_taken_is_not_said_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = tmp_path / "draft"
    draft.write_bytes(b"plot")
    monkeypatch.setattr(folder_blobs, "sync", lambda path: draft.unlink() if path == draft else None)
    with pytest.raises(FileNotFoundError):
        FolderBlobs(tmp_path / "of all").take("a/b/plot", draft, lambda: None)


def test_one_of_several_who_replace_a_blob_at_once_does(blobs: Blobs) -> None:
    first, start = blobs.put("a/facts", b"0"), threading.Barrier(4)
    done: list[int] = []

    def replace(number: int) -> None:
        start.wait()
        try:
            blobs.put("a/facts", bytes([number]), over=first)
        except Moved:
            return
        done.append(number)

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bytes([number]) for number in done] == [blobs.get("a/facts")[0]]


def test_blobs_are_listed_by_folder_and_go(blobs: Blobs) -> None:
    for key in ("up/b/data", "up/a/data", "up/a/facts", "upper/c/data"):
        blobs.put(key, key.encode())
    assert blobs.folders("up") == ["a", "b"]
    assert sorted((one.key, one.size) for one in blobs.walk("up")) == [
        ("up/a/data", 9),
        ("up/a/facts", 10),
        ("up/b/data", 9),
    ]
    assert all(one.modified > 1e9 for one in blobs.walk("up"))
    blobs.remove(one.key for one in blobs.walk("up/a"))
    assert blobs.folders("up") == ["b"]
    assert blobs.get("upper/c/data")[0] == b"upper/c/data"


def test_a_blob_of_some_megabytes_comes_back_as_it_was(blobs: Blobs) -> None:
    data = bytes(range(251)) * (8 * MIB // 251)
    blobs.put("a/large", data)
    assert blobs.read("a/large", 5 * MIB, MIB) == data[5 * MIB : 6 * MIB]


# --- addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "gs://x/y", "/tmp/x", "file://", "file:///", "s3://b/x?y"])
def test_what_names_no_storage_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="s3://BUCKET"):
        open_blobs(url)


# --- S3's troubles ---------------------------------------------------------------------------------------


def test_a_busy_s3_is_asked_again_until_it_answers(s3: Front) -> None:
    blobs = open_blobs(s3.make_bucket())
    refused = s3.refused
    s3.be_busy(1)
    version = blobs.put("a/facts", b"1", over="")
    assert s3.refused - refused >= 2
    s3.be_busy(0.2)
    assert blobs.get("a/facts") == (b"1", version)


def test_one_that_stays_busy_is_given_up_in_words(s3: Front) -> None:
    blobs = S3Blobs(s3.make_bucket().split("/")[2], "", patience=0.5)
    s3.be_busy(60)
    try:
        with pytest.raises(ServerTrouble, match=r"does not answer as it should: (SlowDown|503)") as told:
            blobs.get("a/facts")
    finally:
        s3.be_busy(0)
    assert told.value.retryable
    assert "BLOB_URL" in told.value.remedy


def test_one_that_is_away_is_given_up_in_words(s3: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ServerTrouble, match="does not answer as it should"):
        S3Blobs("bucket", "", patience=0.5).put("a/facts", b"1")


def test_no_such_bucket_is_told(s3: Front) -> None:
    blobs = open_blobs("s3://no-such-bucket/x")
    calls = (
        lambda: blobs.put("a/facts", b"1"),
        lambda: blobs.put("a/facts", b"1", over="x"),
        lambda: blobs.get("a/facts"),
        lambda: blobs.read("a/facts", 0, 1),
        lambda: list(blobs.walk("a")),
        lambda: blobs.folders("a"),
    )
    for call in calls:
        with pytest.raises(ServerRefuses, match="no bucket no-such-bucket") as told:
            call()
        assert "BLOB_URL" in told.value.remedy


def test_wrong_keys_are_told(s3: Front) -> None:
    blobs = open_blobs(s3.make_bucket())
    s3.want_keys("0")
    try:
        for call in (lambda: blobs.put("a/facts", b"1"), lambda: blobs.get("a/facts"), lambda: blobs.folders("a")):
            with pytest.raises(ServerRefuses, match="InvalidAccessKeyId") as told:
                call()
            assert "AWS_ACCESS_KEY_ID" in told.value.remedy
            assert "secret" not in str(told.value)
    finally:
        s3.want_keys("inf")


def test_encryption_is_asked_for_as_it_is_set(s3: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("AWS_SSE_KMS_KEY_ID", "some-key")
    monkeypatch.setenv("AWS_SSE_BUCKET_KEY_ENABLED", "true")
    blobs = open_blobs(s3.make_bucket())
    (tmp_path / "large").write_bytes(bytes(9 * MIB))
    writes: list[Callable[[], object]] = [
        lambda: blobs.put("a/data", b"1"),
        lambda: blobs.take("a/large", tmp_path / "large", lambda: None),
    ]
    for write in writes:
        s3.asked.clear()
        write()
        told = s3.asked[0]  # of several that is the one that begins the blob
        assert told["x-amz-server-side-encryption"] == "aws:kms"
        assert told["x-amz-server-side-encryption-aws-kms-key-id"] == "some-key"
        assert told["x-amz-server-side-encryption-bucket-key-enabled"] == "true"
