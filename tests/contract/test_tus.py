"""What the tus protocol, version 1.0.0, asks of a server, and the bodies of what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from benchmarks.upload_server import app

from halfgig.settings import Settings
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    Ask: TypeAlias = Callable[..., httpx.Response]

LIMIT = 10_000  # bytes
V = {"Tus-Resumable": "1.0.0"}
OCTETS = {**V, "Content-Type": "application/offset+octet-stream"}
NAME = base64.b64encode("Gespräch.mp4".encode()).decode()


class Clock:
    now = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def uploads(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads", 50_000, Clock(), limit=LIMIT, free=lambda: 1 << 40)


@pytest.fixture
def ask(uploads: UploadStore) -> Ask:
    """Send one request to the app, in this process."""
    served = app(uploads, Settings(upload_stall_seconds=0.2))

    async def send(method: str, path: str, headers: dict[str, str] = V, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, path, headers=headers, **more)

    return lambda *given, **more: asyncio.run(send(*given, **more))


def create(ask: Ask, length: int = 1000, metadata: str = "") -> str:
    headers = {"Upload-Metadata": metadata} if metadata else {}
    answer = ask("POST", "/uploads", {**V, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201
    return answer.headers["location"]


def patch(ask: Ask, path: str, data: Any, offset: int = 0, headers: Mapping[str, str] = {}) -> httpx.Response:
    return ask("PATCH", path, {**OCTETS, "Upload-Offset": str(offset), **headers}, content=data)


def offset(ask: Ask, path: str) -> int:
    return int(ask("HEAD", path).headers["upload-offset"])


def refused(answer: httpx.Response, status: int) -> None:
    assert (answer.status_code, answer.headers["tus-resumable"]) == (status, "1.0.0")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["remedy"]


def test_options_tell_what_is_spoken(ask: Ask) -> None:
    for path in ("/uploads", "/uploads/", "/uploads/" + "a" * 26):
        answer = ask("OPTIONS", path, {})
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-max-size"] == str(LIMIT)
        extensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
        assert answer.headers["tus-extension"] == extensions
        assert {"sha1", "sha256", "md5"} <= set(answer.headers["tus-checksum-algorithm"].split(","))


def test_an_upload_in_two_pieces(ask: Ask, uploads: UploadStore) -> None:
    path = create(ask, metadata=f"filename {NAME},is_private")
    assert path.startswith("/uploads/")
    head = ask("HEAD", path)
    assert head.status_code == 200
    assert head.headers["upload-length"] == "1000"
    assert head.headers["upload-offset"] == "0"
    assert head.headers["cache-control"] == "no-store"
    assert head.headers["upload-metadata"] == f"filename {NAME},is_private"
    assert head.headers["upload-expires"] == "Fri, 02 Jan 2026 00:00:00 GMT"
    first = patch(ask, path, b"x" * 400)
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "400", b"")
    assert first.headers["upload-expires"] == "Fri, 02 Jan 2026 00:00:00 GMT"
    assert offset(ask, path) == 400
    second = patch(ask, path, b"y" * 600, 400)
    assert (second.headers["upload-offset"], "upload-expires" in second.headers) == ("1000", False)
    facts = ask("GET", path, {}).json()
    assert (facts["title"], facts["complete"], facts["offset"], facts["length"]) == ("Gespräch.mp4", True, 1000, 1000)
    assert (facts["created_at"], facts["expires_at"]) == ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z")
    assert uploads.open(facts["id"]).read_bytes() == b"x" * 400 + b"y" * 600
    assert patch(ask, path, b"", 1000).status_code == 204


def test_a_slash_at_the_end_is_no_other_place(ask: Ask) -> None:
    answer = ask("POST", "/uploads/", {**V, "Upload-Length": "3"})
    assert answer.status_code == 201
    assert offset(ask, answer.headers["location"]) == 0


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused_and_nothing_is_done(ask: Ask, method: str, version: dict[str, str]) -> None:
    path = create(ask)
    headers = {**OCTETS, "Upload-Offset": "0", "Upload-Length": "5"}
    del headers["Tus-Resumable"]
    answer = ask(method, "/uploads" if method == "POST" else path, {**headers, **version}, content=b"x")
    assert (answer.status_code, answer.headers["tus-version"], answer.headers["tus-resumable"]) == (
        412,
        "1.0.0",
        "1.0.0",
    )
    assert offset(ask, path) == 0


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "multipart/form-data; boundary=x"])
def test_another_content_type_is_refused(ask: Ask, content_type: str) -> None:
    path = create(ask)
    refused(patch(ask, path, b"x", headers={"Content-Type": content_type}), 415)
    headers = {**V, "Upload-Length": "1", "Content-Type": content_type}
    refused(ask("POST", "/uploads", headers, content=b"x"), 415)
    assert offset(ask, path) == 0


@pytest.mark.parametrize("wrong", [1, 399, 401, 1000, 10**17])
def test_a_wrong_offset_is_a_conflict(ask: Ask, wrong: int) -> None:
    path = create(ask)
    patch(ask, path, b"x" * 400)
    refused(patch(ask, path, b"y", wrong), 409)
    assert offset(ask, path) == 400


@pytest.mark.parametrize("offset_", ["", "-1", "1.0", "one", "９", "9" * 30])
def test_an_offset_that_is_no_number_is_refused(ask: Ask, offset_: str) -> None:
    path = create(ask)
    headers: Any = {key: value.encode() for key, value in {**OCTETS, "Upload-Offset": offset_}.items()}
    refused(ask("PATCH", path, headers, content=b"x"), 400)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Length": "-1"},
        {"Upload-Length": "ten"},
        {"Upload-Length": "5", "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "2"},
        {"Upload-Length": "5", "Upload-Metadata": "filename no/base64!"},
        {"Upload-Length": "5", "Upload-Metadata": "filename,filename"},
        {"Upload-Length": "5", "Upload-Metadata": ","},
        {"Upload-Length": "5", "Upload-Metadata": "x" * 9000},
    ],
)
def test_a_creation_that_makes_no_sense_is_refused(ask: Ask, uploads: UploadStore, headers: dict[str, str]) -> None:
    refused(ask("POST", "/uploads", {**V, **headers}), 400)
    assert list(uploads.uploads()) == []


def test_a_name_that_is_no_utf_8_is_read_all_the_same(ask: Ask) -> None:
    path = create(ask, metadata=f"filename {base64.b64encode(bytes([0x67, 0xFC])).decode()}")
    assert ask("GET", path, {}).json()["title"] == "gü"


def test_what_is_too_large_is_refused_before_it_comes(ask: Ask, uploads: UploadStore) -> None:
    refused(ask("POST", "/uploads", {**V, "Upload-Length": str(LIMIT + 1)}), 413)
    assert list(uploads.uploads()) == []
    path = create(ask, LIMIT)
    refused(patch(ask, path, b"x" * (LIMIT + 1)), 413)
    assert offset(ask, path) == 0


async def pieces(count: int, size: int = 1000) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_what_grows_too_large_is_refused_as_it_comes(ask: Ask) -> None:
    path = create(ask, 2500)
    refused(patch(ask, path, pieces(3)), 413)
    assert offset(ask, path) == 2000
    path = ask("POST", "/uploads", {**V, "Upload-Defer-Length": "1"}).headers["location"]
    refused(patch(ask, path, pieces(11)), 413)
    assert offset(ask, path) == LIMIT


def test_what_does_not_fit_is_refused(ask: Ask) -> None:
    for _ in range(5):
        create(ask, LIMIT)
    answer = ask("POST", "/uploads", {**V, "Upload-Length": "1"})
    refused(answer, 507)
    assert "no room for 1 MB more" in answer.json()["detail"]


def test_a_length_may_be_told_later(ask: Ask) -> None:
    path = ask("POST", "/uploads", {**V, "Upload-Defer-Length": "1"}).headers["location"]
    assert ask("HEAD", path).headers["upload-defer-length"] == "1"
    assert "upload-length" not in ask("HEAD", path).headers
    patch(ask, path, b"x" * 10)
    refused(patch(ask, path, b"", 10, headers={"Upload-Length": "9"}), 400)
    assert patch(ask, path, b"y" * 5, 10, headers={"Upload-Length": "15"}).status_code == 204
    head = ask("HEAD", path).headers
    assert (head["upload-length"], head["upload-offset"], "upload-defer-length" in head) == ("15", "15", False)
    refused(patch(ask, path, b"", 15, headers={"Upload-Length": "16"}), 400)


def test_a_creation_may_bring_bytes(ask: Ask) -> None:
    answer = ask("POST", "/uploads", {**OCTETS, "Upload-Length": "8"}, content=b"12345")
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert patch(ask, answer.headers["location"], b"678", 5).headers["upload-offset"] == "8"
    assert ask("POST", "/uploads", {**OCTETS, "Upload-Length": "0"}).headers["upload-offset"] == "0"


def test_a_creation_whose_bytes_are_refused_leaves_nothing(ask: Ask, uploads: UploadStore) -> None:
    refused(ask("POST", "/uploads", {**OCTETS, "Upload-Length": "2"}, content=b"12345"), 413)
    refused(ask("POST", "/uploads", {**OCTETS, "Upload-Length": "2000"}, content=pieces(3)), 413)
    headers = {**OCTETS, "Upload-Length": "5", "Upload-Checksum": checksum("sha1", b"other")}
    refused(ask("POST", "/uploads", headers, content=b"12345"), 460)
    assert list(uploads.uploads()) == []
    assert uploads.used == 0


def checksum(algorithm: str, data: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "sha512"])
def test_bytes_with_a_checksum_count_when_it_is_right(ask: Ask, algorithm: str) -> None:
    path = create(ask, 10)
    patch(ask, path, b"12")
    answer = patch(ask, path, b"345", 2, headers={"Upload-Checksum": checksum(algorithm, b"346")})
    refused(answer, 460)
    assert offset(ask, path) == 2
    answer = patch(ask, path, b"345", 2, headers={"Upload-Checksum": checksum(algorithm, b"345")})
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "5")


@pytest.mark.parametrize("value", ["", "crc32 AAAA", "sha1", "sha1 no/base64!", "SHA1 AAAA"])
def test_a_checksum_that_is_not_understood_is_refused(ask: Ask, value: str) -> None:
    path = create(ask, 10)
    status = 460 if value == "sha1" else 400
    refused(patch(ask, path, b"12", headers={"Upload-Checksum": value}), status)
    assert offset(ask, path) == 0


async def silence() -> AsyncIterator[bytes]:
    yield b"123"
    await asyncio.sleep(30)


def test_a_silent_client_is_given_up_and_what_came_is_kept(ask: Ask) -> None:
    path = create(ask, 10)
    refused(patch(ask, path, silence()), 408)
    assert offset(ask, path) == 3


def test_a_checked_patch_that_is_broken_off_does_not_count(ask: Ask) -> None:
    path = create(ask, 10)
    refused(patch(ask, path, silence(), headers={"Upload-Checksum": checksum("sha1", b"123")}), 408)
    assert offset(ask, path) == 0


def test_a_deleted_upload_is_gone(ask: Ask, uploads: UploadStore) -> None:
    path = create(ask)
    assert ask("DELETE", path).status_code == 204
    for method in ("HEAD", "DELETE", "GET"):
        assert ask(method, path).status_code == 404
    refused(patch(ask, path, b"x"), 404)
    assert uploads.used == 0


@pytest.mark.parametrize("name", ["x", "a" * 26, "..", "%2e%2e%2fetc", "..%2f..%2f" + "a" * 16, "A" * 26])
def test_what_was_never_created_is_not_found(ask: Ask, name: str) -> None:
    for method in ("HEAD", "GET", "DELETE", "PATCH"):
        assert ask(method, f"/uploads/{name}", {**OCTETS, "Upload-Offset": "0"}).status_code in (404, 405)


def test_a_method_may_be_overridden(ask: Ask) -> None:
    path = create(ask, 3)
    headers = {**OCTETS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert ask("POST", path, headers, content=b"123").headers["upload-offset"] == "3"
    assert ask("POST", path, {**V, "X-HTTP-Method-Override": "head"}).headers["upload-offset"] == "3"
    refused(ask("POST", path, {**V, "X-HTTP-Method-Override": "PUT"}), 400)
    assert ask("POST", path, {**V, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert ask("HEAD", path).status_code == 404


def test_the_location_keeps_what_a_proxy_stripped(uploads: UploadStore) -> None:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app(uploads, Settings()), root_path="/video")
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.post("/video/uploads", headers={**V, "Upload-Length": "1"})

    assert asyncio.run(send()).headers["location"].startswith("/video/uploads/")


def test_every_route_is_documented(uploads: UploadStore) -> None:
    paths = app(uploads, Settings()).openapi()["paths"]
    assert set(paths["/uploads"]) == {"options", "post"}
    assert set(paths["/uploads/{upload_id}"]) == {"options", "head", "get", "patch", "delete"}
