from __future__ import annotations

import pytest

from halfgig.client.address import Address, read_address
from halfgig.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("http://127.0.0.1:8000", Address("http", "127.0.0.1", 8000), "http://127.0.0.1:8000"),
        ("localhost:8000", Address("http", "localhost", 8000), "http://localhost:8000"),
        (" https://Example.org/ ", Address("https", "example.org", 443), "https://example.org"),
        ("https://example.org/half/gig/", Address("https", "example.org", 443, "/half/gig"), None),
        ("http://[::1]:8000", Address("http", "::1", 8000), "http://[::1]:8000"),
    ],
)
def test_an_address_is_read_and_shown(text: str, address: Address, shown: str | None) -> None:
    assert read_address(text) == address
    assert str(address) == (shown or "https://example.org/half/gig")


@pytest.mark.parametrize(
    "text",
    ["", "ftp://example.org", "http://", "http://a b", "http://a:port", "http://a:99999", "http://[::1", "http://a/?q"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="is no address of a server"):
        read_address(text)


def test_a_password_does_not_belong_there_and_is_not_repeated() -> None:
    with pytest.raises(BadRequest, match="HALFGIG_API_KEY") as refusal:
        read_address("http://me:secret@example.org")
    assert "secret" not in str(refusal.value)
