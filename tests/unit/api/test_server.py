from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from halfgig.api.server import is_loopback, listen, refuse_public, serve, shown
from halfgig.errors import BadRequest
from halfgig.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)
    refuse_public(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
def test_others_want_a_key(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(BadRequest, match="API_KEYS"):
        refuse_public(Settings(host=host))
    refuse_public(Settings(host=host, allow_public=True))
    refuse_public(Settings(host=host, api_keys="a long enough key"))


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_keys_that_are_all_empty_are_refused_and_not_taken_for_some(host: str) -> None:
    with pytest.raises(BadRequest, match="holds no key"):
        refuse_public(Settings(host=host, api_keys=","))  # as of "${A},${B}" with neither set


def test_a_free_port_is_taken_and_shown() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert shown(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_ipv6_is_shown_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listener = listen("[::1]", 0)
    except BadRequest:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        assert shown(listener).startswith("http://[::1]:")


@pytest.mark.parametrize(("host", "port"), [("203.0.113.7", 0), ("no such host", 80), ("127.0.0.1", 70_000)])
def test_what_cannot_be_listened_on_is_told(host: str, port: int) -> None:
    with pytest.raises(BadRequest, match=r"--host and --port"):
        listen(host, port)


def test_a_port_in_use_is_told() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(BadRequest, match="in use"):
        listen("127.0.0.1", listener.getsockname()[1])


def test_what_is_accepted_sends_at_once() -> None:
    """Or a short answer on a connection that was used before would come 40 ms late."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(("url", "why"), [("foo://me:secret@x", "none that is known"), ("pinecone://x", "no key")])
def test_an_index_that_cannot_be_is_told_before_anything_begins(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=why) as told:
        serve(Settings(data_dir=tmp_path, index_url=url))
    assert "secret" not in str(told.value)
    assert list(tmp_path.iterdir()) == []
