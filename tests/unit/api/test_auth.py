from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from halfgig.api.auth import (
    MOST_ADDRESSES,
    MOST_TRIES,
    WINDOW,
    Tries,
    key_hash,
    matches,
    new_key,
    read_keys,
    sent_key,
)
from halfgig.errors import BadRequest

KEY = "correct horse battery"


def test_keys_are_read_as_they_are_or_as_hashes() -> None:
    assert read_keys("") == ()
    assert read_keys(f" {KEY} , sha256:{key_hash('another').upper()},") == (key_hash(KEY), key_hash("another"))


@pytest.mark.parametrize("text", ["pass42", "sha256:", "sha256:zz", f"sha256:{'0' * 63}", "long enough,x"])
def test_what_can_be_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_keys(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", [",", " , ,", ",,"])
def test_a_setting_without_a_key_in_it_opens_nothing(text: str) -> None:
    with pytest.raises(BadRequest, match="holds no key"):
        read_keys(text)


def test_a_fresh_key_is_one_of_many() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert len(new_key()) > 40


def test_a_key_matches_its_hash_alone() -> None:
    hashes = read_keys(f"{KEY},{KEY}2")
    assert matches(KEY, hashes)
    assert matches(f"{KEY}2", hashes)
    assert not matches(f"{KEY}3", hashes)
    assert not matches("ключ", hashes)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"x-api-key": "abc"}, "abc"),
        ({"authorization": "Basic abc", "x-api-key": "def"}, "def"),
        ({"authorization": "Bearer"}, ""),
        ({}, ""),
    ],
)
def test_a_key_is_found_in_its_headers(headers: dict[str, str], key: str) -> None:
    assert sent_key(Headers(headers)) == key


def test_who_guesses_must_wait() -> None:
    now = 1000.0
    tries = Tries(lambda: now)
    for _ in range(MOST_TRIES - 1):
        tries.failed("a")
    assert tries.wait("a") == 0
    tries.failed("a")
    assert (tries.wait("a"), tries.wait("b")) == (WINDOW, 0)
    now += WINDOW - 1
    assert tries.wait("a") == 1
    now += 2
    assert tries.wait("a") == 0
    tries.failed("a")
    assert tries.wait("a") == 0  # a new window has begun


def test_the_table_of_addresses_is_bounded() -> None:
    tries = Tries(lambda: 0.0)
    for number in range(2 * MOST_ADDRESSES):
        tries.failed(str(number))
    assert len(tries) == MOST_ADDRESSES
