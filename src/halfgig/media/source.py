"""What the user gave becomes a Source; its container's facts become a SourceInfo."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from halfgig.errors import MIB, SourceError, TooLarge
from halfgig.media.addresses import allow_list, check_url
from halfgig.media.container import is_remote, open_container, refuse_sound, refuse_video, stated_duration
from halfgig.media.fetch import open_remote
from halfgig.media.pipe import Pipe
from halfgig.media.ranges import facts_of
from halfgig.media.streams import choose_audio, choose_video, describe_audio, describe_video, moving, rank, rotations
from halfgig.media.watch import unwatched
from halfgig.records import Bytes, Seconds, Source, SourceInfo

if TYPE_CHECKING:
    from av.container import InputContainer

    from halfgig.media.watch import Watch
    from halfgig.settings import Settings

PIECE = 256 * 1024  # bytes that are hashed at a time
HEAD = 1024  # bytes in which text, web pages and playlists are recognised
GIVE_MEDIA = "Give an audio or video file such as mp4, mkv, webm, mov, mp3, wav, flac or ogg."

# What is often handed in by mistake: how it begins, what it is, what to do.
MISTAKES = (
    (rb"version https://git-lfs\.github\.com/spec/", "a Git LFS pointer, not the video itself", "Run git lfs pull."),
    (rb"ffconcat version", "a list of files, not audio or video", "Give one of the files that it lists."),
    (rb"v=0\r?\n", "a session description, not audio or video", "Record the session to a file first."),
)
PAGES = (
    (rb"(?i)<!doctype html|<html", "a web page, not audio or video", "Give the address of the media file itself."),
    (rb"#EXTM3U|\[playlist\]|<\?wpl|<asx", "a playlist, not audio or video", "Give one of the files that it lists."),
)


class Page(SourceError):
    """A page, a playlist or other text: not media itself, but a video may be behind it."""


def open_source(
    given: str | os.PathLike[str] | IO[bytes] | Source,
    settings: Settings,
    folder: Path | None = None,
    *,
    title: str = "",
    watch: Watch = unwatched,
) -> Source:
    """A Source for a path, a `file:` or http(s) URL, or a readable binary stream; a Source is returned as it is.

    A URL is connected to and read by ranges. Where its server gives none, it is stored in `folder` until the stream
    is closed; `watch` hears of each piece that is read. Nothing is decoded. With GUARD_ADDRESSES no URL may lead into a
    private network. A path or a stream is called `title` where that is given, else by its name.
    Errors: SourceError for what is missing, empty, no regular file, of another URL scheme or plainly not media;
    TooLarge past MAX_FILE_SIZE_MB; for a URL also Forbidden, Unreachable, StorageFull.
    """
    if isinstance(given, Source):
        return given
    if not isinstance(given, str | os.PathLike):
        return _from_stream(given, settings, title)
    text = os.fspath(given)
    if isinstance(given, os.PathLike):
        return _from_path(Path(text), settings, title)
    if is_remote(text):
        return _from_address(text, settings, folder, watch)
    if text[:5].lower() == "file:":
        return _from_path(Path(_path_of(text)), settings, title)
    if scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text):
        raise SourceError(f"{scheme[1]} addresses are not read.", "Give a path, or an http or https address.")
    return _from_path(Path(text), settings, title)


def _from_address(address: str, settings: Settings, folder: Path | None, watch: Watch) -> Source:
    target = check_url(address, allow_list(settings))
    title = unquote(urlsplit(address).path.rstrip("/").rpartition("/")[2]) or target.host
    stream = open_remote(address, settings, title=title, folder=folder, watch=watch)
    try:
        refuse_mistakes(stream.read(HEAD), title)
    except SourceError:
        stream.close()
        raise
    return Source(address, title=title, size=stream.facts.size, stream=cast("IO[bytes]", stream))


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise SourceError(f"{url} is on another machine.", "Copy the file here, and give its path.")
    return unquote(parts.path)


def _from_path(path: Path, settings: Settings, title: str) -> Source:
    title = title or path.name
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise SourceError(f"{path} is a folder.", "Give one file at a time.")
        if not stat.S_ISREG(facts.st_mode):
            raise SourceError(f"{path} is not a regular file.", "Pipe it in, with - as the source.")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"{path} does not exist.", "Check the path.") from None
    except PermissionError:
        raise SourceError(f"{path} may not be read.", "Give the user who runs halfgig the right to read it.") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}.", "Check the path and the disk.") from error
    refuse_large(title, facts.st_size, settings.max_file_size_mb, "MAX_FILE_SIZE_MB")
    refuse_mistakes(head, title)
    return Source(str(path.absolute()), title=title, size=facts.st_size)


def _from_stream(stream: IO[bytes], settings: Settings, title: str) -> Source:
    name = getattr(stream, "name", None)
    title = title or (Path(name).name.strip("<>") if isinstance(name, str) else "stream")
    if not stream.seekable():
        limit = None if settings.max_file_size_mb is None else int(settings.max_file_size_mb * MIB)
        pipe = Pipe(stream, limit=limit)
        refuse_mistakes(pipe.head(HEAD), title)
        return Source("", title=title, stream=cast("IO[bytes]", pipe))
    size = stream.seek(0, os.SEEK_END)
    refuse_large(title, size, settings.max_file_size_mb, "MAX_FILE_SIZE_MB")
    stream.seek(0)
    refuse_mistakes(stream.read(HEAD), title)
    return Source("", title=title, size=size, stream=stream)


def refuse_large(title: str, size: Bytes | None, limit_mb: float | None, name: str) -> None:
    """TooLarge where `size` is known and past `limit_mb`; `name` is the setting that says so."""
    if size is not None and limit_mb is not None and size > limit_mb * MIB:
        raise TooLarge(
            f"{title} has {size / MIB:.1f} MB; the limit is {limit_mb:g} MB.", f"Give a smaller file, or raise {name}."
        )


def refuse_mistakes(head: bytes, title: str) -> None:
    """SourceError that names what was given, where its first bytes show that it is no media; Page for text."""
    if not head:
        raise SourceError(f"{title} is empty.", "Copy or download it again.")
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for error, known in ((SourceError, MISTAKES), (Page, PAGES)):
        for beginning, what, remedy in known:
            if re.match(beginning, begins):
                raise error(f"{title} is {what}.", remedy)
    if _is_text(head):
        raise Page(f"{title} is text, not audio or video.", GIVE_MEDIA)


def _is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters; the last character may be cut."""
    try:
        text = head[: len(head) - 3].decode() + head[len(head) - 3 :].decode(errors="ignore")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)


# --- facts ---------------------------------------------------------------------------------------------


def inspect(source: Source, settings: Settings) -> SourceInfo:
    """What the container says, without decoding its content.

    Errors: SourceError for what is not media; TooLarge past the limits of the settings or of what is safe to decode.
    """
    with open_container(source) as container:
        turns, pictures = rotations(container), sorted(moving(container), key=rank, reverse=True)
        size = source.size if source.size is not None or source.stream is not None else _positive(container.size)
        info = SourceInfo(
            format=container.format.name,
            duration=stated_duration(container),
            size=size,
            audio=tuple(describe_audio(stream) for stream in container.streams.audio),
            video=tuple(describe_video(stream, turns.get(stream.index, 0)) for stream in pictures),
        )
        _refuse_alone(container, source.title, info)
    if not info.audio and not info.video:
        raise SourceError(f"{source.title} holds neither sound nor picture.", GIVE_MEDIA)
    _refuse_past_limits(source.title, info, settings)
    return info


def look_into(source: Source, settings: Settings) -> SourceInfo | None:
    """What the container says; None for a pipe, which can be read only once. Errors as of `inspect`."""
    if source.stream is not None and not source.stream.seekable():
        return None
    return inspect(source, settings)


def _refuse_alone(container: InputContainer, title: str, info: SourceInfo) -> None:
    """TooLarge where the source has nothing but sound or nothing but pictures, and those are past what is decoded.

    Where it has both, one may be of use without the other; decoding refuses what it is asked for.
    """
    if not info.audio and info.video:
        refuse_video(title, choose_video(container, title), info.format)
    if not info.video and info.audio:
        refuse_sound(title, choose_audio(container, title))


def _positive(size: int) -> Bytes | None:
    return size if size > 0 else None


def _refuse_past_limits(title: str, info: SourceInfo, settings: Settings) -> None:
    refuse_large(title, info.size, settings.max_file_size_mb, "MAX_FILE_SIZE_MB")
    if info.video:
        refuse_large(title, info.size, settings.max_video_size_mb, "MAX_VIDEO_SIZE_MB")
    refuse_long(title, info.duration, settings)


def refuse_long(title: str, seconds: Seconds | None, settings: Settings) -> None:
    """TooLarge where `seconds` are known and past MAX_VIDEO_DURATION_SECONDS."""
    limit = settings.max_video_duration_seconds
    if seconds is not None and limit is not None and seconds > limit:
        raise TooLarge(
            f"{title} lasts {seconds:.0f} s; the limit is {limit:g} s.",
            "Give a shorter source, or raise MAX_VIDEO_DURATION_SECONDS.",
        )


def fingerprint(source: Source, watch: Watch = unwatched, *, doubt: str = "") -> str:
    """SHA-256 (hex) of a file's bytes; of a URL, of its address with the version and size that its server tells.

    A server that tells no version (neither ETag nor date of change) and gives no ranges has sent it all: its bytes
    count then. Of one that gives ranges, `doubt` stands for the version: there may be other content each time. `watch`
    hears of each piece that is read. Errors: SourceError for a pipe, which cannot be read twice, and for what cannot be
    read.
    """
    stream = source.stream
    if stream is not None and not stream.seekable():
        raise SourceError("What comes through a pipe cannot be recognised again.", "Save it to a file first.")
    facts = facts_of(stream)
    if facts is not None and (facts.ranges or facts.version):
        told = f"{facts.address}\n{facts.version or doubt}\n{facts.size}"
        return hashlib.sha256(told.encode()).hexdigest()
    if stream is not None:
        stream.seek(0)
        return _digest(stream, watch)
    try:
        with Path(source.address).open("rb") as file:
            return _digest(file, watch)
    except OSError as error:
        raise SourceError(f"{source.title} cannot be read: {error.strerror}.", "Check the path.") from error


def _digest(file: IO[bytes], watch: Watch) -> str:
    total = hashlib.sha256()
    while piece := file.read(PIECE):
        total.update(piece)
        watch(None, None)
    return total.hexdigest()
