"""Blobs in S3 or what speaks like it, by obstore, which reads the usual AWS_* variables."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest, ServerRefuses, ServerTrouble
from halfgig.store.blob_file import PART, WholeFile, pieces_of
from halfgig.store.blobs import Blob, Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from halfgig.records import Bytes, Seconds

PATIENCE: Seconds = 60.0  # with a storage that is away or busy, in one call
TRIES = 30  # in that time, with longer and longer pauses between them
LONGEST_PAUSE: Seconds = 5.0
LOOKS = 8  # at a time, whether blobs are there
NO_BUCKET = "NoSuchBucket"
REFUSALS = range(400, 408)
CHECK_KEYS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and what that key may do in the bucket."
CHECK_BUCKET = "Make the bucket, or check BLOB_URL, AWS_REGION and AWS_ENDPOINT_URL."
CHECK_LINE = "Try again later; if it stays so, check BLOB_URL, AWS_ENDPOINT_URL and the network."


class S3Blobs:
    """The port `Blobs` over the keys of `bucket` that begin with `prefix/`."""

    def __init__(self, bucket: str, prefix: str, patience: Seconds = PATIENCE) -> None:
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError:
            detail = "BLOB_URL names S3, and obstore is not installed."
            raise BadRequest(detail, "Install it: pip install 'halfgig[s3]'") from None
        self._obstore, self._bucket = obstore, bucket
        pauses: Any = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=LONGEST_PAUSE)}
        retry: Any = {"backoff": pauses, "max_retries": TRIES, "retry_timeout": timedelta(seconds=patience)}
        try:
            self._store = S3Store(bucket, prefix=prefix or None, retry_config=retry)
        except obstore.exceptions.BaseError as error:
            raise BadRequest(f"S3 cannot be used: {_first_line(error)}", "Check the AWS_* variables.") from error

    def put(self, key: str, data: bytes | memoryview, *, over: str | None = None) -> str:
        """As of `Blobs`."""
        mode: Any = None if over is None else {"e_tag": over} if over else "create"
        with self._told():
            return str(self._obstore.put(self._store, key, data, mode=mode, use_multipart=False)["e_tag"])

    def get(self, key: str) -> tuple[bytes, str]:
        """As of `Blobs`."""
        with self._told():
            answer = self._obstore.get(self._store, key)
            return bytes(answer.bytes()), str(answer.meta["e_tag"])

    def take(self, key: str, draft: Path, beat: Callable[[], object], headers: Mapping[str, str] | None = None) -> None:
        """As of `Blobs`: in one request, or a large one in parts, of which one is held. None of these is seen."""
        large = draft.stat().st_size > PART
        with self._told():
            pieces: Any = pieces_of(draft, beat)
            data = pieces if large else b"".join(pieces)
            how: Any = {"use_multipart": large, "chunk_size": PART, "max_concurrency": 1, "attributes": headers or {}}
            self._obstore.put(self._store, key, data, **how)
        draft.unlink()

    def read(self, key: str, first: Bytes, size: Bytes, *, of: str = "") -> bytes:
        """As of `Blobs`."""
        if not size:
            return b""
        options: Any = {"range": (first, first + size), **({"if_match": of} if of else {})}
        with self._told():
            return bytes(self._obstore.get(self._store, key, options=options).bytes())

    def bytes_of(self, key: str) -> WholeFile | None:
        """As of `Blobs`."""
        try:
            with self._told():
                told = self._obstore.head(self._store, key)
        except FileNotFoundError:
            return None
        return WholeFile(self, key, told["size"], str(told["e_tag"]))

    def link(self, key: str, lifetime: Seconds) -> str:
        """As of `Blobs`, signed here; with keys of a role for no longer than they live."""
        with self._told():
            return self._obstore.sign(self._store, "GET", key, timedelta(seconds=lifetime))

    def have(self, keys: Iterable[str]) -> set[str]:
        """As of `Blobs`, some at a time: each is a request."""
        asked = list(keys)
        with ThreadPoolExecutor(LOOKS) as looking:
            return {key for key, found in zip(asked, looking.map(self.bytes_of, asked), strict=True) if found}

    def remove(self, keys: Iterable[str]) -> None:
        """As of `Blobs`."""
        with self._told():
            self._obstore.delete(self._store, list(keys))

    def walk(self, folder: str) -> Iterator[Blob]:
        """As of `Blobs`."""
        with self._told():
            for some in self._obstore.list(self._store, folder):
                for one in some:
                    yield Blob(one["path"], one["size"], one["last_modified"].timestamp(), str(one["e_tag"]))

    def folders(self, folder: str) -> list[str]:
        """As of `Blobs`."""
        with self._told():
            found = self._obstore.list_with_delimiter(self._store, folder)["common_prefixes"]
        return sorted(one.rpartition("/")[2] for one in found)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the storage inside the block become ours; those of one blob keep their kind."""
        known = self._obstore.exceptions
        try:
            yield
        except (known.BaseError, OSError) as error:
            if NO_BUCKET in str(error):
                raise ServerRefuses(f"There is no bucket {self._bucket}.", CHECK_BUCKET) from error
            if isinstance(error, known.AlreadyExistsError | known.PreconditionError):
                raise Moved from error
            if isinstance(error, FileNotFoundError):
                raise FileNotFoundError(f"there is no such blob in {self._bucket}") from error
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> ServerTrouble:
        """What any other error means."""
        status = re.search(r"status code: (\d{3})", str(error))  # a list's refusal is of no kind of its own
        if status and int(status[1]) in REFUSALS:
            return ServerRefuses(f"S3 refuses the bucket {self._bucket}: {_reason(error)}.", CHECK_KEYS)
        return ServerTrouble(f"The storage of BLOB_URL does not answer as it should: {_reason(error)}.", CHECK_LINE)


def _reason(error: Exception) -> str:
    """What S3 said in a word or two; its addresses and ids are nobody's matter."""
    text = str(error)
    found = re.search(r"<Code>(\w+)</Code>", text) or re.search(r"status code: (\d{3}[\w ]*)", text)
    return found[1] if found else _first_line(error).rpartition(" - ")[2]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(". ")
