from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import yt_dlp

from halfgig.errors import SourceError, TooLarge
from halfgig.media.grabber import FORMATS, Grabber, Request, single, wanted_captions

if TYPE_CHECKING:
    from pathlib import Path

VTT = [{"ext": "json3"}, {"ext": "vtt"}]


def grabber(folder: Path, out: Any = None, **asked: Any) -> Grabber:
    request = Request("https://me:secret@example.org/watch", str(folder), **{"wanted": "speech", "parent": 1, **asked})
    return Grabber(request, out or io.StringIO())


def chosen(wanted: str, formats: list[dict[str, Any]]) -> str:
    """The id of the format that yt-dlp itself takes of these."""
    told, order = FORMATS[wanted]
    with yt_dlp.YoutubeDL({"format": told, "format_sort": order, "quiet": True}) as ydl:
        whole = [{"url": "https://example.org/a", "protocol": "https", "ext": "mp4", **one} for one in formats]
        info = {"id": "x", "title": "x", "extractor": "x", "webpage_url": "x", "formats": whole}
        return str(ydl.process_ie_result(info, download=False)["format_id"])


def sound(id: str, rate: float | None, **more: Any) -> dict[str, Any]:
    return {"format_id": id, "abr": rate, "tbr": rate, "acodec": "mp4a.40.2", "vcodec": "none", "ext": "m4a", **more}


def picture(id: str, width: int, height: int, **more: Any) -> dict[str, Any]:
    given = {
        "format_id": id,
        "width": width,
        "height": height,
        "tbr": height,
        "acodec": "none",
        "vcodec": "avc1.4d401f",
    }
    return {**given, **more}


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        ([sound("tiny", 31), sound("small", 48), sound("large", 128)], "small"),
        ([sound("tiny", 31)], "tiny"),
        ([sound("a", 128), sound("b", None)], "a"),
        ([sound("rtmp", 48, protocol="rtmp"), sound("https", 128)], "https"),
        ([picture("v", 640, 480), sound("a", 128)], "a"),
        ([picture("both", 1280, 720, acodec="mp4a.40.2"), picture("less", 640, 360, acodec="mp4a.40.2")], "less"),
    ],
)
def test_speech_wants_the_smallest_sound(formats: list[dict[str, Any]], expected: str) -> None:
    assert chosen("speech", formats) == expected


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        ([picture("360", 640, 360), picture("480", 854, 480), picture("1080", 1920, 1080)], "480"),
        ([picture("tall", 480, 854), picture("taller", 720, 1280), picture("small", 270, 480)], "tall"),
        ([picture("720", 1280, 720), picture("1080", 1920, 1080)], "720"),
        ([picture("480", 854, 480, vcodec="av01.0.04M.08"), picture("h264", 854, 480)], "h264"),
        ([picture("60", 854, 480, fps=60), picture("30", 854, 480, fps=30)], "30"),
        ([sound("a", 128), picture("both", 640, 360, acodec="mp4a.40.2")], "both"),
    ],
)
def test_motion_wants_480_lines(formats: list[dict[str, Any]], expected: str) -> None:
    assert chosen("motion", formats) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("", None),
        ("en", ("writesubtitles", "en")),
        ("fr", ("writesubtitles", "fr-CA")),
        ("de", ("writeautomaticsub", "de")),
        ("es", ("writeautomaticsub", "es-orig")),
        ("auto", ("writesubtitles", "fr-CA")),
        ("ja", None),
        ("it", None),
    ],
)
def test_captions_by_people_go_before_those_by_machines(language: str, expected: tuple[str, str] | None) -> None:
    info = {
        "language": "fr",
        "subtitles": {"en": VTT, "en-GB": VTT, "fr-CA": VTT, "it": [{"ext": "srt"}]},
        "automatic_captions": {"en": VTT, "de": VTT, "es-orig": VTT, "es-419": VTT},
    }
    options = wanted_captions(info, language)
    assert (options and (next(iter(options)), options["subtitleslangs"][0])) == (expected or {})


def test_a_page_with_one_video_is_that_video_and_a_list_is_refused() -> None:
    assert single({"id": "a"}, "url") == {"id": "a"}
    assert single({"_type": "playlist", "entries": iter([{"id": "a"}])}, "url") == {"id": "a"}
    with pytest.raises(SourceError, match="All talks is a playlist"):
        single({"_type": "playlist", "title": "All talks", "entries": [{"id": "a"}, {"id": "b"}]}, "url")
    for nothing in (None, {"_type": "playlist", "entries": []}, {"_type": "playlist", "entries": [None]}):
        with pytest.raises(SourceError, match="holds no video"):
            single(nothing, "url")


@pytest.mark.parametrize("live", [{"is_live": True}, {"live_status": "is_live"}, {"live_status": "is_upcoming"}])
def test_live_streams_are_refused(tmp_path: Path, live: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="is a live stream"):
        grabber(tmp_path)._refuse(live)


def test_what_is_too_long_or_too_large_is_refused(tmp_path: Path) -> None:
    one = grabber(tmp_path, seconds=60, size=1000)
    one._refuse({"duration": 60, "filesize": 1000})
    one._refuse({"live_status": "was_live"})
    with pytest.raises(TooLarge, match="lasts 61 s"):
        one._refuse({"duration": 61})
    with pytest.raises(TooLarge, match="MAX_FILE_SIZE_MB"):
        one._refuse({"filesize": 1001})
    for status in ({"downloaded_bytes": 1001}, {"total_bytes": 1001}):
        with pytest.raises(TooLarge):
            one.progress(status)


def test_progress_is_told_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.alarm", lambda _: None)
    out = io.StringIO()
    one = grabber(tmp_path, out)
    for got in (1, 2, 3):
        one.progress({"downloaded_bytes": got, "total_bytes_estimate": 10})
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"progress": {"got": 1, "total": 10}}]


def test_yt_dlp_is_told_to_work_alone(tmp_path: Path) -> None:
    cookies = tmp_path / "given.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    options = grabber(folder, proxy="http://proxy:1", rate=5000, cookies=str(cookies)).options()
    assert (options["proxy"], options["ratelimit"], options["cachedir"]) == ("http://proxy:1", 5000, False)
    assert options["cookiefile"] == str(folder / "cookies.txt")
    assert (folder / "cookies.txt").stat().st_mode & 0o777 == 0o600
    plain = grabber(folder).options()
    assert (plain["proxy"], plain["cookiefile"], plain["noplaylist"]) == ("", None, True)
    with pytest.raises(SourceError, match="YTDLP_COOKIES cannot be read"):
        grabber(folder, cookies=str(tmp_path / "none.txt")).options()


def test_a_password_is_not_repeated(tmp_path: Path) -> None:
    failed = grabber(tmp_path)._failure(ValueError("https://cdn.example/a.ts?sig=secret broke"))
    assert failed.detail.startswith("https://example.org/watch could not be read (https://cdn.example/a.ts broke)")
