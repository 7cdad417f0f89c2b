from __future__ import annotations

import pytest

from halfgig.api.hosts import host_name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8000", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1", ""),
        ("evil.example", "evil.example"),
        ("localhost.evil.example", "localhost.evil.example"),
        ("evil.example@localhost", "localhost"),
        ("", ""),
    ],
)
def test_the_name_of_a_host(host: str, name: str) -> None:
    assert host_name(host) == name
