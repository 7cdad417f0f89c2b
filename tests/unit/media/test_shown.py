from __future__ import annotations

import time

import pytest

from halfgig.media.shown import kept_url, told_text, told_url

PAGE = "https://www.youtube.com/watch?v=abc&list=def#t=5"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (PAGE, PAGE),
        ("https://me:secret@example.org:8443/a.mp4?x=1", "https://example.org:8443/a.mp4?x=1"),
        ("https://me@a:b@example.org/a.mp4", "https://example.org/a.mp4"),
        ("https://example.org/@me/a.mp4?to=you@b", "https://example.org/@me/a.mp4?to=you@b"),
        (
            "https://a.example/b.mp4?author=x&design=y&keyframe=3",
            "https://a.example/b.mp4?author=x&design=y&keyframe=3",
        ),
        ("/data/talks/a?token=1.mp4", "/data/talks/a?token=1.mp4"),
        ("", ""),
        ("https://a.example/b#access_token=x", "https://a.example/b"),
        ("https://a.example/b?v=1#t=5&access_token=x", "https://a.example/b?v=1"),
        ("https://a.example/b?v=1#t=1h2m3s", "https://a.example/b?v=1#t=1h2m3s"),
    ],
)
def test_an_address_is_kept_without_its_login(url: str, kept: str) -> None:
    assert kept_url(url) == kept


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F1&X-Amz-Signature=12ab",
        "X-Goog-Signature=12ab",
        "sv=2024&sp=r&sig=12%3D",
        "Expires=1&Signature=s&Key-Pair-Id=k",
        "v=abc&access_token=t",
        "token=",
        "api_key=1",
        "key=1",
        "auth=1",
        "__hdnts=1",
        "AccessKey=1",
        "sas=1",
        "md5=1&expire=2",
    ],
)
def test_a_query_that_gives_rights_is_not_kept(query: str) -> None:
    assert kept_url(f"https://me:secret@example.org/a.mp4?{query}#t=5") == "https://example.org/a.mp4"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (PAGE, "https://www.youtube.com/watch"),
        ("https://me:secret@example.org:0/a.mp4?x=1", "https://example.org:0/a.mp4"),
        ("http://me:secret@[::1/a?b", "http://[::1/a"),
    ],
)
def test_a_message_has_no_query_either(url: str, told: str) -> None:
    assert told_url(url) == told


def test_addresses_within_a_text_are_told_so_too() -> None:
    said = 'HTTP 403: <https://me:secret@a.example/b?sig=1>, "ftp://x:y@b/c#d" (see https://c.example/e?f=1). 5:4 http:'
    assert told_text(said) == 'HTTP 403: <https://a.example/b>, "ftp://b/c" (see https://c.example/e). 5:4 http:'


def test_a_scheme_of_any_length_hides_no_login() -> None:
    assert told_text(f"1{'a' * 50}://me:secret@x/y?z") == f"1{'a' * 50}://x/y"
    assert told_text("https://me:secret@") == "https://"


@pytest.mark.parametrize("text", ["a." * 50_000, "http://" * 15_000])
def test_the_text_of_others_is_read_in_time(text: str) -> None:
    """In milliseconds; at the square of its length it would be a minute."""
    begun = time.process_time()
    told_text(text)
    assert time.process_time() - begun < 10
