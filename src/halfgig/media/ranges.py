"""A remote file as a seekable stream: ranges of it, one buffer, resumed where a connection breaks off."""

from __future__ import annotations

import io
import os
import re
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, cast

from halfgig.again import AGAIN, retry_after
from halfgig.errors import MIB, SourceError, Unreachable
from halfgig.media.connection import BrokenOff, reason
from halfgig.media.watch import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

    from halfgig.media.connection import Client
    from halfgig.media.watch import Watch
    from halfgig.records import Bytes, Seconds

BUFFER = 256 * 1024  # bytes that are held
LEAST_ASKED, MOST_ASKED = 64 * 1024, 4 * MIB  # bytes of one range: few after a seek, more while it is read on
READ_THROUGH = 512 * 1024  # bytes that are rather dropped than jumped over
READING_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
MAX_WAIT = 30.0  # seconds that a server may ask us to wait
SLOWEST, GRACE = 500, 60.0  # bytes a second, and seconds of waiting after which a server must have kept to it
PARTIAL, OK, NOTHING_THERE = 206, 200, 416


class Refused(SourceError):
    """The server will not give the file; `answered` is the HTTP status that it sent."""

    def __init__(self, title: str, status: int, words: str) -> None:
        super().__init__(f"{title} was refused by its server: {status} {words}.", "Check the address and its rights.")
        self.answered = status


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What a server tells of a file. `address` is what was asked for, `final` where redirects led.

    `size` is in bytes, None where the server does not tell; `etag` and `modified` are empty where it does not.
    """

    address: str
    final: str
    size: Bytes | None
    etag: str
    modified: str
    content_type: str
    ranges: bool

    @property
    def version(self) -> str:
        """What changes when the file does; empty where the server tells nothing."""
        return self.etag or self.modified

    def same_file(self, other: RemoteFacts) -> bool:
        """Whether nothing speaks against both being of the same bytes."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.size, other.size))
        return all(mine == theirs for mine, theirs in pairs if mine and theirs)


def check_status(answer: HTTPResponse, title: str) -> None:
    """That the answer holds bytes of a file as it is. Errors: BrokenOff for what may pass, Refused, SourceError."""
    if answer.status in AGAIN:
        raise BrokenOff(f"its server answers {answer.status} {answer.reason}", _wait(answer))
    if answer.status not in (OK, PARTIAL):
        raise Refused(title, answer.status, answer.reason)
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SourceError(f"{title} is sent compressed, which was not asked for.", "Download it, and give the file.")


def _wait(answer: HTTPResponse) -> Seconds | None:
    """Seconds of a Retry-After, at most `MAX_WAIT`; None where there is none."""
    wait = retry_after(answer.headers.get("Retry-After", ""))
    return None if wait is None else min(wait, MAX_WAIT)


def facts_told(answer: HTTPResponse, address: str, final: str) -> RemoteFacts:
    """What the headers of an answer from `final` say of the file at `address`."""
    first, _, size = range_told(answer)
    told = answer.headers.get("Content-Length", "")
    whole = int(told) if answer.status == OK and told.isdecimal() else None
    ranges = answer.status == PARTIAL and first == 0 and size is not None
    etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    content_type = answer.headers.get_content_type()
    return RemoteFacts(address, final, size if ranges else whole, etag, modified, content_type, ranges)


def range_told(answer: HTTPResponse) -> tuple[Bytes | None, Bytes, Bytes | None]:
    """The first byte that the answer holds, the end of its bytes, and the size of the whole; None where unsaid."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if not found:
        return None, 0, None
    return int(found[1]), int(found[2]) + 1, None if found[3] == "*" else int(found[3])


def facts_of(stream: object) -> RemoteFacts | None:
    """What a server told of this stream; None for a stream that is no remote file."""
    return stream.facts if isinstance(stream, RemoteStream) else None


@dataclass(slots=True)
class Patience:
    """How often a broken connection is mended before it is given up.

    `pauses` are the seconds before each further try. `hurried` gives up at once where nothing answers in time.
    `watch` hears of each break.
    """

    title: str
    pauses: tuple[Seconds, ...]
    sleep: Callable[[Seconds], None]
    watch: Watch = unwatched
    hurried: bool = False
    lost: int = 0

    def lose(self, error: BrokenOff | Unreachable) -> None:
        """Wait before another try. Errors: Unreachable after the last."""
        self.watch(None, None)
        late = self.hurried and isinstance(error.__cause__, TimeoutError)
        if isinstance(error, Unreachable) and self.hurried:
            raise error
        if late or self.lost >= len(self.pauses):
            detail = f"{self.title} could not be fetched: {error}."
            raise Unreachable(detail, "Check the address, or try again later.") from error
        self.lost += 1
        asked = error.wait if isinstance(error, BrokenOff) else None
        self.sleep(max(self.pauses[self.lost - 1], asked or 0.0))

    def win(self) -> None:
        """Enough has arrived that the next break is a new one."""
        self.lost = 0


class RemoteStream(io.RawIOBase):
    """A remote file, read by ranges or stored: it can be read and sought in, and tells its facts."""

    facts: RemoteFacts

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def readinto(self, into: Any) -> int:
        """Fill a part of `into`; 0 at the end."""
        data = self.read(len(memoryview(into)))
        memoryview(into).cast("B")[: len(data)] = data
        return len(data)


class RemoteFile(RemoteStream):
    """A file that is read over HTTP in ranges, through one buffer of `BUFFER` bytes; nothing of it is stored.

    A break is mended from where it happened. `watch` hears that it lives, also while nothing comes of it: much may be
    read before there is a sound or a picture. Errors: Unreachable where a break cannot be mended, SourceError where the
    file is no longer the one that was opened.
    """

    def __init__(
        self,
        client: Client,
        facts: RemoteFacts,
        answer: HTTPResponse,
        *,
        title: str,
        sleep: Callable[[Seconds], None],
        watch: Watch = unwatched,
    ) -> None:
        self.facts, self._client, self._title, self._watch = facts, client, title, watch
        self._size = cast("int", facts.size)
        self._url = facts.final
        self._patience = Patience(title, READING_PAUSES, sleep, watch)
        self._position = 0
        self._buffer, self._start, self._held = bytearray(BUFFER), 0, 0  # bytes [start, start + held) of the file
        self._asked = LEAST_ASKED
        self._answer: HTTPResponse | None = answer
        self._next, self._end = 0, range_told(answer)[1]  # what the answer is yet to give
        self._waited, self._got = 0.0, 0  # seconds and bytes of this answer

    def tell(self) -> int:
        """The position, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position; nothing is fetched until it is read."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError("negative position")
        self._position = origin + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer where the buffer ends; all of the rest for -1; b"" at the end."""
        if size is None or size < 0:
            return self.readall()
        if size == 0 or self._position >= self._size:
            return b""
        if not self._start <= self._position < self._start + self._held:
            self._fill()
        first = self._position - self._start
        data = bytes(memoryview(self._buffer)[first : min(first + size, self._held)])
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._client.close()
            self._answer = None
        super().close()

    def _fill(self) -> None:
        """Fetch into the buffer what lies at the position, mending what breaks."""
        while True:
            try:
                if self._answer is None or not self._read_through():
                    self._ask()
                self._receive()
            except (BrokenOff, Unreachable) as error:
                self._drop()
                self._url = self.facts.address  # where redirects led may have been for a while only
                self._patience.lose(error)
            else:
                return

    def _read_through(self) -> bool:
        """Whether the answer that is under way gives the position soon; what lies before it is dropped."""
        if not (self._next <= self._position < self._end and self._position - self._next <= READ_THROUGH):
            return False
        while self._next < self._position:
            self._take(self._position - self._next)
        return True

    def _receive(self) -> None:
        """The next bytes of the answer into the buffer: as many as it holds or the answer has."""
        self._start = self._next
        self._take(self._end - self._next)

    def _take(self, size: Bytes) -> None:
        """Up to `size` bytes of the answer into the buffer's beginning. Errors: BrokenOff."""
        answer = cast("HTTPResponse", self._answer)
        self._held = 0
        began = time.monotonic()
        try:
            with memoryview(self._buffer) as view:
                got = answer.readinto(view[: min(size, BUFFER)])
        except (OSError, HTTPException) as error:
            raise BrokenOff(reason(error)) from error
        self._watch(None, None)
        self._hurry(got, time.monotonic() - began)
        if not got:
            raise BrokenOff("its server broke off the answer")
        self._held = got
        self._next += got
        if self._next >= self._end:
            self._finish(answer)

    def _hurry(self, got: Bytes, waited: Seconds) -> None:
        """BrokenOff where the server has kept us waiting for next to nothing of this answer."""
        self._waited, self._got = self._waited + waited, self._got + got
        if self._waited > GRACE and self._got < self._waited * SLOWEST:
            raise BrokenOff("its server is too slow")
        if self._got >= LEAST_ASKED:
            self._patience.win()

    def _finish(self, answer: HTTPResponse) -> None:
        """The answer is complete: keep the connection, and mind the breaks anew."""
        if not answer.isclosed():  # it has more than it said
            self._client.close()
        self._answer = None
        self._patience.win()

    def _ask(self) -> None:
        """Ask for the range at the position: a longer one where it goes on from the last, a short one after a leap."""
        if self._answer is not None:
            self._drop()
        goes_on = 0 <= self._position - self._next <= READ_THROUGH
        self._asked = min(2 * self._asked, MOST_ASKED) if goes_on else LEAST_ASKED
        first = self._position
        end = min(first + self._asked, self._size)
        headers = {"Range": f"bytes={first}-{end - 1}"}
        if self.facts.etag and not self.facts.etag.startswith("W/"):
            headers["If-Range"] = self.facts.etag
        answer, final = self._client.get(self._url, headers)
        self._answer, self._next, self._end = answer, first, self._check(answer, first, final)
        self._url, self._waited, self._got = final, 0.0, 0

    def _check(self, answer: HTTPResponse, first: Bytes, final: str) -> Bytes:
        """Where the bytes of the answer end, which are of this file from `first` on. Errors: BrokenOff, SourceError."""
        if answer.status == NOTHING_THERE:
            raise self._changed()
        if answer.status not in AGAIN | {OK, PARTIAL} and self._url != self.facts.address:
            raise BrokenOff(f"its server answers {answer.status} {answer.reason}")  # a redirect that has expired
        check_status(answer, self._title)
        start, end, size = range_told(answer)
        told = facts_told(answer, self.facts.address, final)
        if not self.facts.same_file(told) or (size is not None and size != self._size):
            raise self._changed()
        if answer.status != PARTIAL or start != first or not first < end <= self._size:
            raise BrokenOff("its server gives another part than was asked for")
        return end

    def _changed(self) -> SourceError:
        return SourceError(f"{self._title} has changed while it was read.", "Try again when it is complete.")

    def _drop(self) -> None:
        self._client.close()
        self._answer = None
        self._asked = LEAST_ASKED
