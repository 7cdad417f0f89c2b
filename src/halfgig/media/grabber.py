"""The process that runs yt-dlp: one request on stdin, one JSON object a line on stdout, the file in a folder.

A process of its own, so that what yt-dlp holds never stands beside a model, and so that its guard holds all of it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from halfgig.errors import MIB, HalfgigError, SourceError, TooLarge
from halfgig.media.addresses import EVERYTHING, AllowList, check_url
from halfgig.media.connection import parse_proxy
from halfgig.media.guard import Guard
from halfgig.media.shown import told_url
from halfgig.media.sitefailures import PLAYLIST, SiteFailure, failure_of, shortened, site_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.records import Bytes, Seconds

    Info = dict[str, Any]  # what yt-dlp calls a video

PR_SET_PDEATHSIG = 1
SILENCE = 180  # seconds without a word of yt-dlp, after which this process ends itself
ANSWER_TIMEOUT = 30.0  # seconds to the first byte, and between two
TRIES = 3
OFTEN: Seconds = 0.5  # between two words of progress
MAX_UNTOLD = 4096 * MIB  # bytes, where MAX_FILE_SIZE_MB says nothing
# Not loaded though they may be there: curl_cffi opens connections that no hook sees, the rest costs memory for nothing.
UNWANTED = ("curl_cffi", "requests", "urllib3", "websockets", "certifi", "mutagen", "secretstorage", "brotli")

# What yt-dlp fetches by itself; the rest it would leave to other programs.
OWN = "[protocol~='^(https?|m3u8_native|m3u8|http_dash_segments)$']"
# Speech: the smallest audio of 40 kbit/s or more, since less costs words; else the smallest with sound.
# Motion: 480 lines where there are so many, else the nearest; H.264 decodes at the least cost.
FORMATS = {
    "speech": (f"ba[abr>=?40]{OWN}/ba{OWN}/b{OWN}", ["lang", "+size", "+br", "+res"]),
    "motion": (f"bv{OWN}/b{OWN}", ["res:480", "fps:30", "vcodec:h264", "+size", "+br"]),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be fetched, and how. `wanted` is speech or motion; `captions` a language, auto, or empty for none."""

    url: str
    folder: str
    wanted: str
    parent: int
    captions: str = ""
    guarded: bool = True
    allowed: str = ""
    proxy: str = ""
    cookies: str | None = None
    rate: float | None = None  # bytes a second
    size: Bytes | None = None
    seconds: Seconds | None = None


def main() -> None:
    """Answer the request on stdin."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever prints does not disturb the answer
    request = Request(**json.loads(sys.stdin.readline()))
    die_with(request.parent)
    grabber = Grabber(request, out)
    try:
        grabber.tell(grabbed=grabber.grab())
    except HalfgigError as error:
        grabber.tell(failure=asdict(failure_of(error)))


def die_with(parent: int) -> None:
    """Have the kernel end this process with its parent; end at once where it has gone already."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(75)


class Grabber:
    """Fetches one video. Messages go to `out`."""

    def __init__(self, request: Request, out: IO[str]) -> None:
        self._request, self._out = request, out
        self._title = told_url(request.url)
        self._limit = request.size or MAX_UNTOLD
        self._told = 0.0

    def tell(self, **message: Any) -> None:
        """Send one message, and prove that this process lives."""
        signal.alarm(SILENCE)
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def grab(self) -> dict[str, Any]:
        """Fetch the video, and say where it is. Errors: SourceError, Unreachable, Forbidden, TooLarge, StorageFull."""
        request = self._request
        allowed = AllowList.parse(request.allowed) if request.guarded else EVERYTHING
        proxy = parse_proxy(request.proxy)
        check_url(request.url, allowed)
        guard = Guard(allowed, proxy)
        try:
            with open_ytdlp(self.options()) as ydl:
                guard.install()
                return self._grab(ydl)
        except HalfgigError:
            raise
        except Exception as error:  # whatever yt-dlp raises: it has hundreds of extractors
            raise (guard.refused or self._failure(error).error()) from error

    def _failure(self, error: Exception) -> SiteFailure:
        return site_failure(self._title, str(error) or type(error).__name__)

    def _grab(self, ydl: Any) -> dict[str, Any]:
        info = single(ydl.extract_info(self._request.url, download=False), self._title)
        self._title = info.get("title") or self._title
        self._refuse(info)
        ydl.params.update(wanted_captions(info, self._request.captions))
        info = ydl.process_ie_result(info, download=True)
        done = info["requested_downloads"][0]
        told = [one.get("filepath") for one in (info.get("requested_subtitles") or {}).values()]
        captions = next((path for path in told if path and Path(path).exists()), None)
        if not Path(done["filepath"]).exists():
            raise SourceError(f"{self._title} could not be read (nothing was downloaded).", "Try again later.")
        return {
            "path": done["filepath"],
            "title": self._title,
            "duration": info.get("duration"),
            "captions": captions,
        }

    def _refuse(self, info: Info) -> None:
        """The errors of a video that is live, too long, or too large as far as its site tells."""
        if info.get("is_live") or info.get("live_status") in {"is_live", "is_upcoming"}:
            raise SourceError(f"{self._title} is a live stream.", "Give it when it has ended and can be replayed.")
        seconds, limit = info.get("duration"), self._request.seconds
        if seconds is not None and limit is not None and seconds > limit:
            raise TooLarge(
                f"{self._title} lasts {seconds:.0f} s; the limit is {limit:g} s.",
                "Give a shorter source, or raise MAX_VIDEO_DURATION_SECONDS.",
            )
        self._refuse_large(info.get("filesize"))

    def _refuse_large(self, size: Bytes | None) -> None:
        if size is not None and size > self._limit:
            raise TooLarge(
                f"{self._title} has more than {self._limit / MIB:g} MB, which is the limit.",
                "Give a smaller source, or raise MAX_FILE_SIZE_MB.",
            )

    def progress(self, status: Mapping[str, Any]) -> None:
        """Hear how far a download is. Errors: TooLarge, which ends it."""
        got = status.get("downloaded_bytes")
        total = status.get("total_bytes")
        self._refuse_large(got)
        self._refuse_large(total)
        now = time.monotonic()
        if now - self._told >= OFTEN:
            self._told = now
            self.tell(progress={"got": got, "total": total or status.get("total_bytes_estimate")})

    def hear(self, words: str) -> None:
        """What yt-dlp says: that it still works."""
        self.tell(note=shortened(words))

    debug = info = warning = error = hear  # the names by which yt-dlp calls

    def options(self) -> dict[str, Any]:
        """How yt-dlp is to work: alone, in one folder, and without asking anyone."""
        request = self._request
        formats, order = FORMATS[request.wanted]
        return {
            "format": formats,
            "format_sort": order,
            "paths": {"home": request.folder, "temp": request.folder},
            "outtmpl": {"default": "source.%(format_id)s.%(ext)s"},
            "cachedir": False,
            "cookiefile": _copied(request.cookies, Path(request.folder)),
            "proxy": request.proxy,  # an empty one means none, whatever the environment says
            "ratelimit": request.rate,
            "noplaylist": True,
            "playlist_items": "1:2",
            "socket_timeout": ANSWER_TIMEOUT,
            "retries": TRIES,
            "fragment_retries": TRIES,
            "extractor_retries": TRIES,
            "skip_unavailable_fragments": False,
            "external_downloader": {"default": "native"},
            "hls_prefer_native": True,
            "fixup": "never",
            "updatetime": False,
            "js_runtimes": {name: {} for name in ("deno", "node", "bun") if shutil.which(name)} or None,
            "logger": self,
            "progress_hooks": [self.progress],
            "noprogress": True,
            "quiet": True,
            "color": "no_color",
        }


def _copied(cookies: str | None, folder: Path) -> str | None:
    """A copy of the cookies in the folder: yt-dlp writes to its file."""
    if not cookies:
        return None
    own = folder / "cookies.txt"
    try:
        own.touch(0o600)
        shutil.copyfile(Path(cookies).expanduser(), own)
    except OSError as error:
        raise SourceError(f"YTDLP_COOKIES cannot be read: {error.strerror}.", "Check its path and rights.") from error
    return str(own)


def open_ytdlp(options: dict[str, Any]) -> Any:
    """yt-dlp with these options and nothing else: no plugins, no other program, no library that we do not know."""
    for name in UNWANTED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # so that an import of it fails
    import yt_dlp
    from yt_dlp.globals import all_plugins_loaded

    all_plugins_loaded.value = True
    return yt_dlp.YoutubeDL({name: value for name, value in options.items() if value is not None})


def single(info: Info | None, title: str) -> Info:
    """The one video that a page called `title` holds. Errors: SourceError for none, and for a playlist."""
    if info is not None and info.get("_type") in {"playlist", "multi_video"}:
        entries = [entry for entry in info.get("entries") or () if entry]
        if len(entries) > 1:
            raise SourceError(f"{info.get('title') or title} is a playlist.", PLAYLIST)
        info = entries[0] if entries else None
    if info is None:
        raise SourceError(f"{title} holds no video.", "Check the address in a browser.")
    return info


def wanted_captions(info: Info, language: str) -> dict[str, Any]:
    """The options that fetch the captions in `language` as VTT: written by people before those made by machines."""
    if not language:
        return {}
    language = (info.get("language") or "en") if language == "auto" else language
    for kind, option in (("subtitles", "writesubtitles"), ("automatic_captions", "writeautomaticsub")):
        offered = [
            name for name, ways in (info.get(kind) or {}).items() if any(way.get("ext") == "vtt" for way in ways)
        ]
        if name := _nearest(offered, language):
            return {option: True, "subtitleslangs": [name], "subtitlesformat": "vtt"}
    return {}


def _nearest(offered: list[str], language: str) -> str | None:
    """The language itself, or one of its kinds, as en-GB or en-orig for en."""
    ranked = [name for name in offered if name == language or name.partition("-")[0] == language.partition("-")[0]]
    return min(ranked, key=lambda name: (name != language, not name.endswith("-orig"), name), default=None)


if __name__ == "__main__":
    main()
