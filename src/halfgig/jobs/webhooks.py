"""Webhooks: what is sent to a callback address when its job has ended, how it is signed, and when it is tried again.

The form is that of Standard Webhooks (headers `webhook-id`, `webhook-timestamp`, `webhook-signature`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from halfgig import __version__
from halfgig.again import AGAIN
from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from halfgig.jobs.deliveries import Delivery
    from halfgig.records import Seconds

MOST_TRIES = 10
FIRST_DELAY: Seconds = 5.0  # after the first try that failed; four times as long after each that follows
LONGEST_DELAY: Seconds = 6 * 3600.0
JITTER = 0.2  # share by which a delay varies, so that what failed together does not come back together
ENCODED = "whsec_"  # what a secret begins with that is base64


def delay_after(tries: int, chance: float) -> Seconds:
    """Seconds from try number `tries`, which failed, to the next; `chance` is in [0, 1)."""
    delay = min(FIRST_DELAY * 4.0 ** (tries - 1), LONGEST_DELAY)
    return delay * (1 + JITTER * (2 * chance - 1))


def is_final(status: int) -> bool:
    """Whether this answer means that no further try can help: of the 4xx most say that the request is unwanted."""
    return 400 <= status < 500 and status not in AGAIN


def body_of(delivery: Delivery) -> bytes:
    """What is sent: which job, its state, since when, and the id of this event. The rest is asked for with a key."""
    at = datetime.fromtimestamp(delivery.created_at, UTC).isoformat(timespec="milliseconds")
    told = {"event": delivery.id, "id": delivery.job_id, "state": delivery.state, "time": at}
    return json.dumps(told, separators=(",", ":")).encode()


def headers_of(delivery: Delivery, body: bytes, secret: bytes, now: Seconds) -> dict[str, str]:
    """The headers, with a signature where there is a secret. `now` is the time of this try."""
    stamp = str(int(now))
    headers = {
        "content-type": "application/json",
        "user-agent": f"halfgig/{__version__}",
        "webhook-id": delivery.id,
        "webhook-timestamp": stamp,
    }
    if secret:
        headers["webhook-signature"] = sign(secret, delivery.id, stamp, body)
    return headers


def sign(secret: bytes, id: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over id, time and body."""
    digest = hmac.digest(secret, f"{id}.{stamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def read_secret(text: str) -> bytes:
    """The key that WEBHOOK_SECRET means: whsec_ and base64, or the text itself. BadRequest for base64 that is none."""
    if not text.startswith(ENCODED):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(ENCODED), validate=True)
    except binascii.Error:
        raise BadRequest("WEBHOOK_SECRET is no base64 after whsec_.", "Copy it whole, or give plain text.") from None
