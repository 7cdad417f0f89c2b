"""Tokens of sessions: whom they stand for, how long, and that nobody else can make one."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from halfgig.api.auth import key_hash
from halfgig.api.sessions import LIFE, SECRET, Sessions, server_secret

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = "correct horse battery", "another key of ours"
HASHES = (key_hash(KEY), key_hash(OTHER))


def test_a_token_holds_for_its_time() -> None:
    now = 1000.0
    sessions = Sessions(b"secret", HASHES, lambda: now)
    token = sessions.begin(KEY)
    assert sessions.holds(token)
    now += LIFE - 1
    assert sessions.holds(token)
    now += 2
    assert not sessions.holds(token)


def test_a_token_holds_as_long_as_its_key() -> None:
    token = Sessions(b"secret", HASHES).begin(KEY)
    assert Sessions(b"secret", HASHES[:1]).holds(token)
    assert not Sessions(b"secret", HASHES[1:]).holds(token)
    assert not Sessions(b"secret", ()).holds(token)


def test_nobody_else_makes_one() -> None:
    sessions = Sessions(b"secret", HASHES)
    assert not sessions.holds(Sessions(b"another", HASHES).begin(KEY))
    token = sessions.begin(KEY)
    until, name, chance, signature = token.split(".")
    assert not sessions.holds(f"{int(until) + 1}.{name}.{chance}.{signature}")
    assert not sessions.holds(f"{until}.{HASHES[1][:16]}.{chance}.{signature}")
    assert not sessions.holds(token[:-1])
    assert KEY not in token


@pytest.mark.parametrize("token", ["", ".", "...", "1.2.3.4", "ü.ü.ü.ü", "a" * 10_000, "9999999999.x"])
def test_what_is_no_token_holds_nothing(token: str) -> None:
    assert not Sessions(b"secret", HASHES).holds(token)


def test_tokens_differ() -> None:
    sessions = Sessions(b"secret", HASHES, lambda: 1.0)
    assert sessions.begin(KEY) != sessions.begin(KEY)


def test_the_secret_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "session.key"
    secret = server_secret(path)
    assert len(secret) == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert server_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["session.key"]


@pytest.mark.parametrize("damaged", [b"", b"short", b"l" * (SECRET + 1)])
def test_a_damaged_secret_is_made_anew(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "session.key"
    path.write_bytes(damaged)
    secret = server_secret(path)
    assert len(secret) == SECRET
    assert secret == path.read_bytes() == server_secret(path)
    assert secret not in {damaged, damaged[:SECRET]}


@pytest.mark.parametrize("before", [None, b"short"])
def test_who_begins_at_once_has_one_secret(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "session.key"
    if before:
        path.write_bytes(before)
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda _: server_secret(path), range(16)))
    assert secrets == {path.read_bytes()}


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    assert len(server_secret(tmp_path / "session.key")) == SECRET
