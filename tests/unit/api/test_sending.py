"""Ranges as RFC 9110 has them, and the kind of media by its first bytes."""

from __future__ import annotations

import pytest

from halfgig.api.sending import Span, Unsatisfiable, has_already, media_type, read_range


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=10-19", Span(10, 20)),
        ("bytes=90-", Span(90, 100)),
        ("bytes=90-1000", Span(90, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("BYTES = 5 - 6", Span(5, 7)),
        ("", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0x1-2", None),
        ("bytes=" + "9" * 19 + "-", None),
    ],
)
def test_a_range_is_read(text: str, span: Span | None) -> None:
    assert read_range(text, 100) == span


@pytest.mark.parametrize(("text", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_range_past_the_end_cannot_be_had(text: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        read_range(text, size)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"\x1aE\xdf\xa3\x01", "video/webm"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"fLaC", "audio/flac"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<html><script>alert(1)</script>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_bytes_tell_what_it_is(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


def test_tags_are_compared_weakly() -> None:
    assert has_already('"b", W/"a"', 'W/"a"')
    assert has_already('"a"', 'W/"a"')
    assert has_already("*", 'W/"a"')
    assert not has_already("", 'W/"a"')
    assert not has_already('"ab"', 'W/"a"')
