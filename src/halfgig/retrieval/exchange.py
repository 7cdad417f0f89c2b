"""JSON over HTTP with one service: a connection that is kept, and requests made again where that can help."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from halfgig.again import AGAIN, retry_after
from halfgig.errors import BadRequest, HalfgigError, ServerTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from halfgig.records import Bytes, Seconds

CONNECT: Seconds = 5.0
ANSWER: Seconds = 30.0  # without a byte
MOST_ANSWER: Bytes = 64 * 1024 * 1024
MOST_TOLD = 300  # characters of an error that a service answers with
BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is made again, and for how long a service may ask to be left alone; in seconds.

    With six answers that each take their time it stays below the five minutes after which a worker counts as stuck.
    """

    pauses: tuple[Seconds, ...]  # before each repetition
    longest: Seconds = 60.0  # a Retry-After past this is not waited for
    total: Seconds = 90.0  # of all waits


WRITING = Patience((0.5, 1.0, 2.0, 4.0, 8.0))
ASKING = Patience((0.2,), longest=1.0)  # somebody waits for the answer


class Refusal(Exception):
    """The service has answered with an error; `status` and what it says, for the one who asked to make sense of."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status, self.said = status, said


class Exchange:
    """Requests to one service, below `base`, for one thread at a time; what is sent may be sent again.

    So only what can be done twice may be asked for. The headers hold the key, and are told nobody. `setting` is the
    variable that holds `base`, for the remedies.
    """

    def __init__(
        self,
        base: str,
        headers: Mapping[str, str],
        *,
        setting: str = "INDEX_URL",
        sleep: Callable[[Seconds], object] = time.sleep,
    ) -> None:
        self._setting, self._parts = setting, split_base(base, setting)
        self._headers = {"Accept": "application/json", **headers}
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        patience: Patience = ASKING,
    ) -> Any:
        """The JSON of the answer, None where it is empty. Raises Refusal, or ServerTrouble where there is no answer."""
        target = f"{self._parts.path.rstrip('/')}{path}{'?' if query else ''}{urlencode(query)}"
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        left = patience.total
        for pause in (*patience.pauses, None):
            trouble, wait = self._attempt(method, target, payload)
            if not isinstance(trouble, Exception):
                return trouble
            if pause is None or wait is None or wait > min(patience.longest, left):
                raise trouble
            left -= max(pause, wait)
            self._sleep(max(pause, wait))
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _attempt(self, method: str, target: str, payload: bytes | None) -> tuple[Any, Seconds | None]:
        """What the answer holds, or the error; and after how long another attempt may do, None where none will."""
        try:
            status, wait, text = self._once(method, target, payload)
        except BROKEN as error:
            self.close()
            return self._unreachable(error), 0.0
        if status >= 300:
            return Refusal(status, _said(text)), wait if status in AGAIN else None
        try:
            return json.loads(text) if text.strip() else None, None
        except (ValueError, RecursionError):
            said = f"What answers at {self._parts.netloc} is no such service."
            return ServerTrouble(said, f"Check {self._setting}."), None

    def _once(self, method: str, target: str, payload: bytes | None) -> tuple[int, Seconds, bytes]:
        connection = self._connected()
        headers = {**self._headers, **({"Content-Type": "application/json"} if payload is not None else {})}
        connection.request(method, target, payload, headers)
        answer = connection.getresponse()
        text = answer.read(MOST_ANSWER)
        if answer.length and len(text) < MOST_ANSWER:  # a read of so much at most takes a short body for a whole one
            raise http.client.IncompleteRead(text, answer.length)
        if answer.will_close or not answer.isclosed():
            self.close()
        return answer.status, retry_after(answer.getheader("Retry-After", "")) or 0.0, text

    def _connected(self) -> http.client.HTTPConnection:
        """The connection; a kept one that the service has closed meanwhile breaks, and is opened anew."""
        if self._connection is None:
            secure = self._parts.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(self._parts.hostname or "", self._parts.port, timeout=CONNECT)
            self._connection.connect()
            self._connection.sock.settimeout(ANSWER)
        return self._connection

    def _unreachable(self, error: Exception) -> HalfgigError:
        why = "it does not answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or error
        why = "it closed the connection" if isinstance(error, http.client.RemoteDisconnected) else why
        why = "its answer broke off" if isinstance(error, http.client.IncompleteRead) else why
        return ServerTrouble(f"{self._parts.netloc} cannot be reached: {why}.", "Try again when it can be.")


def split_base(base: str, setting: str = "INDEX_URL") -> Any:
    """The parts of a service's address. BadRequest where it is none."""
    parts = urlsplit(base)
    try:
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound:
        raise BadRequest(f"{setting} names no host.", "Set it as docs/search.md says; a key has a variable of its own.")
    return parts


def _said(text: bytes) -> str:
    """What a person may read of an error: the message within JSON, else the text itself."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = text.decode("utf-8", "replace")
    for name in ("status", "error", "message"):
        if isinstance(told, dict) and name in told:
            told = told[name]
    return " ".join(str(told).split())[:MOST_TOLD]
