from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.api.forms import FormLimits, FormReader
from halfgig.client.form import PIECE, FormBody
from halfgig.errors import SourceError
from halfgig.store.uploads import UploadStore

if TYPE_CHECKING:
    from pathlib import Path


def received(body: FormBody, folder: Path) -> tuple[dict[str, str], bytes]:
    """What the server makes of the body: its fields, and its file."""
    store = UploadStore(folder)
    reader = FormReader(body.content_type.partition("boundary=")[2].encode(), store, FormLimits(), 0)
    for piece in body.pieces():
        reader.feed(piece)
    form = reader.end()
    assert form.upload
    return form.fields, store.open(form.upload.id).read_bytes()


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, 2 * PIECE + 7])
def test_the_server_receives_fields_and_file_as_they_were(tmp_path: Path, size: int) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"\r\n--x"[: size % 256])
    fields = {"kind": "transcript", "title": 'a "b"\r\n--c; ü\udcff'}
    body = FormBody(path, fields, lambda *_: None)
    assert body.length == sum(map(len, body.pieces()))
    told, content = received(body, tmp_path / "uploads")
    assert told == {"kind": "transcript", "title": 'a "b"\r\n--c; ü?'}
    assert content == path.read_bytes()


def test_what_is_sent_is_told_and_can_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"x" * (PIECE + 1))
    sent: list[tuple[int, int]] = []
    body = FormBody(path, {}, lambda *told: sent.append(told))
    assert list(body.pieces()) == list(body.pieces())
    assert sent == [(PIECE, PIECE + 1), (PIECE + 1, PIECE + 1)] * 2


def test_no_more_is_held_than_a_piece(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"x" * 10 * PIECE)
    assert max(map(len, FormBody(path, {}, lambda *_: None).pieces())) <= PIECE


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        FormBody(tmp_path / "none.mp4", {}, lambda *_: None)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no regular file"):
        FormBody(tmp_path, {}, lambda *_: None)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(SourceError, match=r"a\.mp4 is empty"):
        FormBody(tmp_path / "a.mp4", {}, lambda *_: None)


def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"abc")
    body = FormBody(path, {}, lambda *_: None)
    path.write_bytes(b"abcdef")
    assert sum(map(len, body.pieces())) == body.length


def test_a_file_that_shrinks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"abcdef")
    body = FormBody(path, {}, lambda *_: None)
    path.write_bytes(b"abc")
    with pytest.raises(SourceError, match="became shorter"):
        list(body.pieces())
