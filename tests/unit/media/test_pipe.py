from __future__ import annotations

import io
from typing import IO, cast

import pytest

from halfgig.errors import SourceError, TooLarge
from halfgig.media.pipe import Pipe

CONTENT = bytes(range(256)) * 8


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a slow pipe does."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 7))


def pipe(content: bytes = CONTENT, **limits: int) -> Pipe:
    return Pipe(cast("IO[bytes]", Trickle(content)), **limits)


def drain(stream: Pipe) -> bytes:
    return b"".join(iter(lambda: stream.read(100), b""))


def test_the_head_is_read_without_being_consumed() -> None:
    stream = pipe()
    assert stream.head(300) == CONTENT[:300]
    assert drain(stream) == CONTENT


def test_a_short_stream_has_a_short_head() -> None:
    assert pipe(b"abc").head(300) == b"abc"


def test_it_can_be_read_again_while_the_beginning_is_kept() -> None:
    stream = pipe()
    assert drain(stream) == CONTENT
    stream.seek(0)
    assert drain(stream) == CONTENT


def test_past_what_is_kept_it_cannot_be_read_again() -> None:
    stream = pipe(kept=500)
    stream.head(400)
    assert drain(stream) == CONTENT
    with pytest.raises(SourceError, match="Save it to a file"):
        stream.seek(0)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(TooLarge, match="MAX_FILE_SIZE_MB"):
        drain(pipe(limit=1000))


def test_as_many_bytes_as_the_limit_are_read() -> None:
    assert drain(pipe(limit=len(CONTENT))) == CONTENT


def test_a_failing_stream_is_an_error_with_a_remedy() -> None:
    closed = io.BytesIO(b"abc")
    closed.close()
    with pytest.raises(SourceError, match="cannot be read"):
        Pipe(closed).read(10)
