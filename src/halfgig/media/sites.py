"""Videos of YouTube and other sites: yt-dlp is run in a process of its own, and what it fetched is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halfgig.errors import MIB, SourceError, Unreachable
from halfgig.media.grabber import SILENCE, Request
from halfgig.media.shown import told_text, told_url
from halfgig.media.sitefailures import SiteFailure
from halfgig.media.watch import unwatched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.media.watch import Watch
    from halfgig.records import Seconds
    from halfgig.settings import Settings

LAST_WORDS = 5  # lines that explain a process that crashed


@dataclass(frozen=True, slots=True)
class Grabbed:
    """A video that was fetched: its file, its title, its seconds as its site tells, and its captions as a VTT file."""

    path: Path
    title: str
    duration: Seconds | None
    captions: Path | None


def grab(
    url: str,
    folder: Path,
    wanted: str,
    settings: Settings,
    watch: Watch = unwatched,
    *,
    captions: bool = False,
) -> Grabbed:
    """Fetch the video of a page into `folder`, which is the caller's to remove; a second call goes on from the first.

    `wanted` is speech (the smallest audio) or motion (at most 480 lines, where there are so few). `captions` asks for
    those in WHISPER_LANGUAGE as well. `watch` hears the progress, and a sign of life while there is none; what it
    raises ends the fetching. With GUARD_ADDRESSES nothing inside is visited, by whatever page or playlist.
    Errors: SourceError, Unreachable, Forbidden, TooLarge, StorageFull, each with what the site said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    request = _request(url, folder, wanted, settings, captions=captions)
    with _process(request) as process:
        assert process.stdout is not None
        last: deque[str] = deque(maxlen=LAST_WORDS)
        for message in _messages(process.stdout, last):
            if grabbed := message.get("grabbed"):
                return _grabbed(grabbed)
            if failure := message.get("failure"):
                raise SiteFailure(**failure).error()
            progress = message.get("progress", {})
            watch(progress.get("got"), progress.get("total"))
        raise _ended(told_url(url), process.wait(), last)


def _request(url: str, folder: Path, wanted: str, settings: Settings, *, captions: bool) -> Request:
    limits = [settings.max_file_size_mb, settings.max_video_size_mb if wanted == "motion" else None]
    told = [limit for limit in limits if limit is not None]
    rate = settings.ytdlp_rate_limit_kb
    return Request(
        url=url,
        folder=str(folder.absolute()),
        wanted=wanted,
        parent=os.getpid(),
        captions=settings.language if captions else "",
        guarded=settings.guard_addresses,
        allowed=settings.allowed_hosts,
        proxy=settings.proxy_url,
        cookies=str(settings.ytdlp_cookies) if settings.ytdlp_cookies else None,
        rate=None if rate is None else rate * 1000,
        size=int(min(told) * MIB) if told else None,
        seconds=settings.max_video_duration_seconds,
    )


@contextmanager
def _process(request: Request) -> Iterator[subprocess.Popen[str]]:
    """The process with its request; it has ended when the block has."""
    process = subprocess.Popen(
        [sys.executable, "-m", "halfgig.media.grabber"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(request)) + "\n")
            process.stdin.close()
            yield process
        finally:
            process.kill()


def _messages(lines: Iterable[str], last: deque[str]) -> Iterator[dict[str, Any]]:
    """What the process tells; the rest of its lines are kept in `last`."""
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            last.append(line.strip())
            continue
        if isinstance(message, dict):
            yield message


def _grabbed(told: dict[str, Any]) -> Grabbed:
    captions = told["captions"]
    return Grabbed(Path(told["path"]), told["title"], told["duration"], Path(captions) if captions else None)


def _ended(url: str, code: int, last: Iterable[str]) -> SourceError:
    """The error for a process that ended without an answer."""
    if code == -signal.SIGALRM:
        return Unreachable(f"{url} gave no sign of life for {SILENCE} s.", "Try again later.")
    said = told_text("; ".join(last)) or f"code {code}"
    return SourceError(f"yt-dlp ended unexpectedly while it read {url} ({said}).", "A newer yt-dlp may help.")
