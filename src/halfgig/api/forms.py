"""A multipart/form-data body, whose file goes straight to the upload store while it arrives."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from halfgig.api.bodies import body_pieces, stated_length
from halfgig.errors import MIB, BadRequest, SourceError, TooLarge, UnsupportedMedia
from halfgig.store.writer import refuse_past_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request
    from python_multipart.multipart import MultipartCallbacks

    from halfgig.api.storage import Ask
    from halfgig.records import Bytes, Seconds
    from halfgig.store.upload import Upload
    from halfgig.store.uploads import UploadStore

FILE = "file"  # the field of the file
AROUND = MIB  # bytes that a body may have beside its file: fields, headers, boundaries


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may have beside its file: `fields`, of `size` bytes in all. `stall` is how long it may be silent."""

    fields: int = 32
    size: Bytes = 64 * 1024
    stall: Seconds = 60.0


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name, and its file as a complete upload; None where it has none."""

    fields: dict[str, str]
    upload: Upload | None


async def receive_form(
    request: Request, uploads: UploadStore, limits: FormLimits, ask: Ask = asyncio.to_thread
) -> Form:
    """The form that the request brings. The caller owns its upload; after any error there is none.

    Errors: UnsupportedMedia for another type of body, BadRequest for one that is broken, broken off or has more than
    one file, SourceError for an empty file, TooLarge past a limit, StorageFull, Stalled.
    """
    boundary = _boundary(request)
    length = stated_length(request.headers)
    if length is not None and uploads.limit is not None:
        refuse_past_limit(length - AROUND, uploads.limit)
    reader = FormReader(boundary, uploads, limits, length or 0)
    try:
        async for piece in body_pieces(request, limits.stall):
            await ask(reader.feed, piece)
        return reader.end()
    except BaseException:
        await ask(reader.discard)
        raise


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise UnsupportedMedia("The body is not a form with a file.", "Send multipart/form-data.")
    if not options.get(b"boundary"):
        raise BadRequest("The form names no boundary.", "Let your HTTP client write the Content-Type header.")
    return options[b"boundary"]


class FormReader:
    """Takes a form in as it comes. Blocking, and safe for threads; `expected` bytes are kept free for its file."""

    def __init__(self, boundary: bytes, uploads: UploadStore, limits: FormLimits, expected: Bytes) -> None:
        self._uploads, self._limits, self._expected = uploads, limits, expected
        self._lock = threading.Lock()
        self._fields: dict[str, str] = {}
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()  # of the header that is being read
        self._part: FieldPart | FilePart | None = None
        self._file: FilePart | None = None
        self._size = 0  # bytes of all fields
        self._ended = False
        with _telling_broken_form():
            self._parser = MultipartParser(boundary, self._callbacks())

    def feed(self, piece: bytes) -> None:
        """Read the next bytes of the body; those of the file are on their way to the disk then."""
        with self._lock, _telling_broken_form():
            self._parser.write(piece)

    def end(self) -> Form:
        """The form, now that the body has ended; BadRequest where it ended too soon."""
        if not self._ended:
            raise BadRequest("The form is cut off.", "Send it again, with its last boundary.")
        return Form(self._fields, self._file.upload if self._file else None)

    def discard(self) -> None:
        """Leave nothing behind."""
        with self._lock:
            if self._file:
                self._file.discard()

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_part,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _begin_part(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode(errors="replace")
        if kind != b"form-data" or not name:
            raise BadRequest("A part of the form has no name.", "Name each part in its Content-Disposition.")
        if name == FILE:
            self._part = self._file = self._begin_file(options.get(b"filename", b""))
        elif b"filename" in options:
            raise BadRequest(f"The form has a file in the field {name}.", f"Send the file in the field {FILE}.")
        else:
            self._part = self._begin_field(name)

    def _begin_field(self, name: str) -> FieldPart:
        if name in self._fields:
            raise BadRequest(f"The form has the field {name} twice.", "Send each field once.")
        if len(self._fields) >= self._limits.fields:
            raise TooLarge(f"The form has more than {self._limits.fields} fields.", "Send fewer.")
        self._fields[name] = ""
        return FieldPart(name)

    def _begin_file(self, title: bytes) -> FilePart:
        if self._file:
            raise BadRequest("The form has more than one file.", "Send one file at a time.")
        content_type = self._headers.get(b"content-type", b"").decode("latin-1")
        return FilePart(self._uploads, title.decode(errors="replace"), content_type, self._expected)

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        assert self._part is not None, "data comes after a part's headers"
        if isinstance(self._part, FieldPart):
            self._size += end - start
            if self._size > self._limits.size:
                raise TooLarge(
                    f"The form's fields have more than {self._limits.size} bytes.", "Send less beside the file."
                )
        self._part.feed(memoryview(data)[start:end])

    def _end_part(self) -> None:
        if isinstance(self._part, FieldPart):
            self._fields[self._part.name] = self._part.text()
        elif self._part is not None:
            self._part.end()
        self._part = None

    def _end(self) -> None:
        self._ended = True


class FieldPart:
    """A field of the form, while it arrives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._value = bytearray()

    def feed(self, piece: memoryview) -> None:
        """Take the next bytes."""
        self._value += piece

    def text(self) -> str:
        """The whole value; BadRequest where it is no UTF-8."""
        try:
            return self._value.decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The field {self.name} is not UTF-8.", "Send text as UTF-8.") from None


class FilePart:
    """The file of the form, on its way to the disk."""

    def __init__(self, uploads: UploadStore, title: str, content_type: str, expected: Bytes) -> None:
        self._uploads, self._digest = uploads, hashlib.sha256()
        self.upload = uploads.create(title, content_type=content_type, expected=expected)
        try:
            self._writer = uploads.append(self.upload.id, 0, digest=self._digest)
        except BaseException:
            uploads.remove(self.upload.id)
            raise

    def feed(self, piece: memoryview) -> None:
        """Write the next bytes."""
        self._writer.append(piece)

    def end(self) -> None:
        """Close the upload, whole; SourceError where no byte came."""
        self.upload = self._writer.commit(ended=True, sha256=self._digest.hexdigest())
        self._writer.close()
        if not self.upload.length:
            raise SourceError(f"{self.upload.title or 'The file'} is empty.", "Copy or download it again.")

    def discard(self) -> None:
        """Take the upload away again."""
        self._writer.close()
        self._uploads.remove(self.upload.id)


@contextmanager
def _telling_broken_form() -> Iterator[None]:
    try:
        yield
    except FormParserError as error:
        raise BadRequest(f"The form is broken: {error}.", "Let your HTTP client build it.") from error
