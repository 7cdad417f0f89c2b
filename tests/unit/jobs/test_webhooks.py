from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.errors import BadRequest
from halfgig.jobs.deliveries import Delivery
from halfgig.jobs.webhooks import (
    FIRST_DELAY,
    JITTER,
    LONGEST_DELAY,
    MOST_TRIES,
    body_of,
    delay_after,
    headers_of,
    is_final,
    read_secret,
)

DELIVERY = Delivery("evt_1", "01job", "https://example.org/hook", "succeeded", 1_800_000_000.25)
KEY = bytes(range(24))


def test_the_body_tells_the_id_and_the_state_and_no_more() -> None:
    assert json.loads(body_of(DELIVERY)) == {
        **{"event": "evt_1", "id": "01job", "state": "succeeded"},
        "time": "2027-01-15T08:00:00.250+00:00",
    }


def test_the_signature_is_over_id_time_and_body() -> None:
    body = body_of(DELIVERY)
    headers = headers_of(DELIVERY, body, KEY, now=1_800_000_009.9)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("evt_1", "1800000009")
    expected = hmac.new(KEY, b"evt_1.1800000009." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    example = Delivery("msg_p5jXN8AQM9LWM0D4loKWxJek", "", "", "", 0.0)
    headers = headers_of(example, b'{"test": 2432232314}', secret, now=1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed() -> None:
    assert "webhook-signature" not in headers_of(DELIVERY, b"", read_secret(""), now=0)


def test_a_secret_is_text_or_base64() -> None:
    assert read_secret("whsec_" + base64.b64encode(KEY).decode()) == KEY
    assert read_secret("pässword") == "pässword".encode()
    with pytest.raises(BadRequest, match="base64"):
        read_secret("whsec_not base64!")


@pytest.mark.parametrize(
    ("status", "final"),
    [*((status, True) for status in (400, 401, 404, 410, 422)), *((s, False) for s in (408, 425, 429, 500, 503, 302))],
)
def test_only_an_unwanted_request_is_given_up(status: int, final: bool) -> None:
    assert is_final(status) is final


@given(tries=st.integers(1, MOST_TRIES), chance=st.floats(0, 1, exclude_max=True))
def test_delays_grow_within_bounds(tries: int, chance: float) -> None:
    plain = min(FIRST_DELAY * 4 ** (tries - 1), LONGEST_DELAY)
    assert plain * (1 - JITTER) <= delay_after(tries, chance) <= plain * (1 + JITTER)


def test_all_tries_together_take_most_of_a_day() -> None:
    hours = sum(delay_after(tries, 0.5) for tries in range(1, MOST_TRIES)) / 3600
    assert 12 < hours < 24
