"""A server whose uploads are in S3: gone on with after a break elsewhere, heard by its worker, played, and gone."""

from __future__ import annotations

import random
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.conftest import absent
from tests.system.site import PATIENCE, Site, running, until
from tests.system.talk import write_beginning

from halfgig.errors import MIB, Conflict, Locked
from halfgig.memory.meter import rss
from halfgig.store.blob_file import PART
from halfgig.store.blob_shelf import BlobShelf
from halfgig.store.blobs import open_blobs
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.store.blobs import Blobs

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
GROWTH = 40 * MIB  # that a server may hold more while it sends: two parts on their way, and what obstore is
FINAL = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def url(s3_of_all: Front | None) -> str:
    if s3_of_all is None:
        absent("moto or obstore is not installed")
    assert s3_of_all is not None
    return s3_of_all.make_bucket()


@pytest.fixture(scope="module")
def site(s3_of_all: Front, url: str, tmp_path_factory: pytest.TempPathFactory, model_store: Path) -> Iterator[Site]:
    more = {"BLOB_URL": url, "WHISPER_MODEL": "tiny.en", "WHISPER_BEAM_SIZE": "1", "WORKER_IDLE_SECONDS": "1"}
    with running(tmp_path_factory.mktemp("site"), model_store, **more, **s3_of_all.environment()) as one:
        yield one


@pytest.fixture
def blobs(s3: Front, url: str) -> Blobs:
    """What the server keeps."""
    return open_blobs(url)


@pytest.fixture
def elsewhere(blobs: Blobs, tmp_path: Path) -> UploadStore:
    """The same uploads, as a server of another machine has them."""
    return UploadStore(BlobShelf(blobs, tmp_path / "elsewhere"))


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE) as opened:
        yield opened


def begin(client: httpx.Client, site: Site, size: int) -> str:
    """A new upload; its path."""
    answer = client.post(f"{site.address}/uploads", headers={**TUS, "Upload-Length": str(size)})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


@contextmanager
def sending(site: Site, path: str, data: bytes, length: int) -> Iterator[None]:
    """A PATCH of `length` bytes that stops after `data`, and hangs up at the end of the block."""
    head = [f"PATCH {path} HTTP/1.1", f"Host: 127.0.0.1:{site.port}", "Upload-Offset: 0", f"Content-Length: {length}"]
    head += [f"{name}: {value}" for name, value in BYTES.items()]
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode() + data)
        yield


def go_on(store: UploadStore, upload_id: str, data: bytes) -> bool:
    """Send what is missing; False while the storage still believes in the one who hung up."""
    offset = store.facts(upload_id).offset
    try:
        writer = store.append(upload_id, offset)
    except (Conflict, Locked):
        return False
    with writer:
        writer.append(data[offset:])
    return True


def ended(site: Site, job_id: str) -> Any:
    """The job, once it has ended."""

    def look() -> Any:
        job = site.get(f"/jobs/{job_id}")
        return job if job["state"] in FINAL else None

    return until(look)


def test_an_upload_is_gone_on_with_heard_played_and_gone(
    site: Site, client: httpx.Client, blobs: Blobs, elsewhere: UploadStore, tmp_path: Path
) -> None:
    data = write_beginning(tmp_path / "talk.wav", 8).read_bytes() + random.Random(1).randbytes(PART + 12_345)
    path = begin(client, site, len(data))
    upload_id = path.rpartition("/")[2]
    with sending(site, path, data[: PART + 99], len(data)):
        until(lambda: elsewhere.facts(upload_id).offset >= PART)
    until(lambda: go_on(elsewhere, upload_id, data))

    wish = {"kind": "index", "source": {"upload": upload_id}, "keep_source": True}
    job = client.post(f"{site.address}/jobs", json=wish).raise_for_status().json()
    told = ended(site, job["id"])
    assert told["state"] == "succeeded", told["problem"]

    [source] = site.get("/sources")["sources"]
    media = f"{site.address}{source['media']}"
    assert client.get(media).content == data
    for first, last in ((0, 99), (PART - 50, PART + 50), (len(data) - 10, len(data) + 10)):
        part = client.get(media, headers={"Range": f"bytes={first}-{last}"})
        assert (part.status_code, part.content) == (206, data[first : last + 1])
    assert client.get(media, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert list((site.data / "uploads").iterdir()) == []

    client.delete(f"{site.address}/sources/{source['id']}").raise_for_status()
    assert list(blobs.walk("uploads")) == []


def test_a_server_streams_to_s3_in_little_memory(site: Site, client: httpx.Client, blobs: Blobs) -> None:
    size, piece = 48 * MIB, random.Random(2).randbytes(MIB)
    assert site.process is not None
    before, most = rss(site.process.pid), 0
    path = begin(client, site, size)

    def pieces() -> Iterator[bytes]:
        nonlocal most
        for _ in range(size // MIB):
            yield piece
            most = max(most, rss(site.process.pid) if site.process else 0)

    headers = {**BYTES, "Upload-Offset": "0"}
    assert client.patch(f"{site.address}{path}", headers=headers, content=pieces()).status_code == 204
    assert most - before < GROWTH
    assert sum(one.size for one in blobs.walk("uploads")) > size
    client.delete(f"{site.address}{path}", headers=TUS).raise_for_status()
