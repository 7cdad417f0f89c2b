"""The headers of the tus protocol, read and written: https://tus.io/protocols/resumable-upload, version 1.0.0."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, ChecksumMismatch, UnsupportedMedia, WrongVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.records import Bytes
    from halfgig.store.upload import Upload
    from halfgig.store.writer import Digest

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
ALGORITHMS = ("sha256", "sha1", "md5", "sha512")
CONTENT_TYPE = "application/offset+octet-stream"
_MOST_METADATA = 8192  # characters
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must hash to."""

    digest: Digest
    expected: bytes

    def check(self) -> None:
        """ChecksumMismatch where the bytes that `digest` heard are not those."""
        if self.digest.digest() != self.expected:
            raise ChecksumMismatch("The bytes do not have the checksum that came with them.", "Send them again.")


def check_version(headers: Mapping[str, str]) -> None:
    """WrongVersion for any but ours."""
    if headers.get("tus-resumable") != VERSION:
        raise WrongVersion(f"This server speaks tus {VERSION}.", f"Send the header Tus-Resumable: {VERSION}.")


def check_content_type(headers: Mapping[str, str]) -> None:
    """UnsupportedMedia for bytes that are not sent as the protocol says."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedMedia("The body is not sent as tus sends it.", f"Send it with Content-Type: {CONTENT_TYPE}.")


def read_number(headers: Mapping[str, str], name: str) -> Bytes:
    """The bytes that a header tells; BadRequest where it is missing or no number."""
    value = headers.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise BadRequest(f"{name} is missing, or no number of bytes.", f"Send {name} as a whole number.")
    return int(value)


def read_length(headers: Mapping[str, str]) -> Bytes | None:
    """The length of a new upload; None where it is to be told later."""
    if "upload-defer-length" not in headers:
        return read_number(headers, "Upload-Length")
    if headers["upload-defer-length"] != "1" or "upload-length" in headers:
        raise BadRequest("The length is neither told nor deferred.", "Send Upload-Length, or Upload-Defer-Length: 1.")
    return None


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """The pairs of Upload-Metadata, decoded; BadRequest where they are no pairs of key and base64."""
    text = headers.get("upload-metadata", "").strip()
    if len(text) > _MOST_METADATA:
        raise BadRequest("Upload-Metadata is too long.", f"Send {_MOST_METADATA} characters at most.")
    pairs = [_pair(part) for part in text.split(",")] if text else []
    if len(dict(pairs)) != len(pairs):
        raise BadRequest("Upload-Metadata names a key twice.", "Name each key once.")
    return dict(pairs)


def write_metadata(metadata: Mapping[str, str]) -> str:
    """Upload-Metadata as it was sent."""
    pairs = ((key, base64.b64encode(value.encode()).decode()) for key, value in metadata.items())
    return ",".join(f"{key} {value}".rstrip() for key, value in pairs)


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """What Upload-Checksum asks for; BadRequest where it is not understood."""
    if "upload-checksum" not in headers:
        return None
    algorithm, _, value = headers["upload-checksum"].partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadRequest("Upload-Checksum names no known algorithm.", f"Use one of {', '.join(ALGORITHMS)}.")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    return Checksum(digest, _decoded(value, "Upload-Checksum"))


def progress_headers(upload: Upload) -> dict[str, str]:
    """How far an upload is, and until when it waits for the rest."""
    headers = {"Upload-Offset": str(upload.offset)}
    if not upload.complete:
        headers["Upload-Expires"] = formatdate(upload.expires_at, usegmt=True)
    return headers


def facts_headers(upload: Upload) -> dict[str, str]:
    """Everything that HEAD tells."""
    length = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
    metadata = {"Upload-Metadata": write_metadata(upload.metadata)} if upload.metadata else {}
    return {**progress_headers(upload), **length, **metadata, "Cache-Control": "no-store"}


def _pair(part: str) -> tuple[str, str]:
    key, _, value = part.strip().partition(" ")
    if not key or not key.isascii():
        raise BadRequest("Upload-Metadata has a pair without a key.", "Send key and base64 value, a space between.")
    raw = _decoded(value.strip(), "Upload-Metadata")
    try:
        return key, raw.decode()
    except UnicodeDecodeError:
        return key, raw.decode("latin-1")


def _decoded(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"{name} holds what is no base64.", "Encode the value as base64.") from None
