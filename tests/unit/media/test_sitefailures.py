from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import pytest
import yt_dlp
from yt_dlp.extractor.youtube import YoutubeIE
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import ContentTooShortError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from halfgig.errors import DoesNotFit, Forbidden, SourceError, TooLarge, Unreachable
from halfgig.media.sitefailures import failure_of, shortened, site_failure


class Answer:
    """What yt-dlp's HTTPError wants to know of an answer."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason


def said(message: str, **options: Any) -> str:
    """As an extractor says what a site said."""
    return str(ExtractorError(message, expected=True, video_id="abc", ie="youtube", **options))


def raised(name: str, *arguments: Any) -> str:
    """What one of an extractor's own ways to fail says."""
    extractor = YoutubeIE()
    extractor.set_downloader(yt_dlp.YoutubeDL({"quiet": True}))
    with pytest.raises(ExtractorError) as caught:
        getattr(extractor, name)(*arguments)
    return str(caught.value)


def unfetched(cause: Exception) -> str:
    """As yt-dlp says that a page could not be fetched."""
    return said(f"Unable to download webpage: {cause}", cause=cause)


LOGIN = str(YoutubeIE()._youtube_login_hint)

MESSAGES = {
    "private": ("is private", said(f"Private video. Sign in if you've been granted access to this video. {LOGIN}")),
    "private, elsewhere": ("is private", said("This video is private. Log into an account that has access")),
    "removed": ("not there", said("Video unavailable. This video has been removed by the uploader")),
    "policy": ("not there", said("This video has been removed for violating YouTube's policy on hate speech.")),
    "account": (
        "not there",
        said("Not available: the YouTube account associated with this video has been terminated."),
    ),
    "geo": ("country", str(GeoRestrictedError("The uploader has not made this video available in your country"))),
    "geo, own words": ("country", raised("raise_geo_restricted")),
    "geo, copyright": ("country", said("Video unavailable. X has blocked it in your country on copyright grounds")),
    "bot": ("proof that no program", said(f"Sign in to confirm you\u2019re not a bot. {LOGIN}")),
    "captcha": ("proof that no program", said("YouTube is requiring a captcha challenge before playback")),
    "cloudflare": (
        "proof that no program",
        said("Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try --x"),
    ),
    "age": ("adults", said(f"Sign in to confirm your age. This video may be inappropriate for some users. {LOGIN}")),
    "members": ("paying", said("Join this channel to get access to members-only content like this video.")),
    "login": ("with an account", raised("raise_login_required")),
    "registered": ("with an account", said("This video is only available for registered users. Use --cookies")),
    "no formats": ("nothing that can be read", said("No video formats found!")),
    "wanted format": (
        "nothing that can be read",
        said("Requested format is not available. Use --list-formats for a list"),
    ),
    "drm": ("DRM", raised("report_drm", "abc")),
    "unsupported": ("no page with a video", str(UnsupportedError("https://example.org/login?account=1"))),
    "upcoming": ("live", said("This live event will begin in 5 hours.")),
    "premiere": ("live", said("Premieres in 3 days")),
    "not live": ("live", str(UserNotLive(video_id="abc"))),
    "rate": ("too often", said("This content isn't available, try again later. The session has been rate-limited")),
    "401": ("refused", unfetched(HTTPError(Answer(401, "Unauthorized")))),
    "403": ("refused", unfetched(HTTPError(Answer(403, "Forbidden")))),
    "404": ("not there", unfetched(HTTPError(Answer(404, "Not Found")))),
    "410": ("not there", unfetched(HTTPError(Answer(410, "Gone")))),
    "418": ("refused", unfetched(HTTPError(Answer(418, "I'm a teapot")))),
    "429": ("too often", unfetched(HTTPError(Answer(429, "Too Many Requests")))),
    "451": ("country", unfetched(HTTPError(Answer(451, "Unavailable For Legal Reasons")))),
    "500": ("fails", unfetched(HTTPError(Answer(500, "Internal Server Error")))),
    "503": ("fails", f"ERROR: unable to download video data: {HTTPError(Answer(503, 'Service Unavailable'))}"),
    "timeout": ("could not be fetched", unfetched(TransportError("The read operation timed out"))),
    "refused": ("could not be fetched", unfetched(TransportError("[Errno 111] Connection refused"))),
    "no such host": ("could not be fetched", unfetched(TransportError("[Errno -2] Name or service not known"))),
    "broken": ("could not be fetched", unfetched(IncompleteRead(1000, 5000))),
    "too short": ("could not be fetched", f"{ContentTooShortError(10, 20)} did not get any data blocks"),
    "fragment": ("could not be fetched", "ERROR: fragment 5 not found, unable to continue"),
    "certificate": ("not trusted", unfetched(CertificateVerifyError("certificate verify failed"))),
    "disk": ("disk", "unable to write data: [Errno 28] No space left on device"),
    "unknown": ("could not be read", said("Unable to extract flux capacitor")),
}
LATER = {"rate", "429", "500", "503", "timeout", "refused", "no such host", "broken", "too short", "fragment"}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_yt_dlp_says_becomes_an_error_with_a_remedy(name: str) -> None:
    expected, message = MESSAGES[name]
    failure = site_failure("A talk", message)
    assert failure.detail.startswith("A talk ")
    assert expected in failure.detail.removesuffix(f" ({shortened(message)}).")
    assert failure.remedy
    error = failure.error()
    assert (error.detail, error.remedy) == (failure.detail, failure.remedy)
    assert error.retryable == (name in LATER)


@pytest.mark.parametrize("name", MESSAGES)
def test_its_words_are_kept_without_its_advice(name: str) -> None:
    words = shortened(MESSAGES[name][1])
    assert words
    assert len(words) <= 200
    assert not [advice for advice in ("--", "github.com", "please report", "ERROR", "[youtube]") if advice in words]


@pytest.mark.parametrize(
    "error",
    [
        SourceError("It is bad.", "Make it good."),
        Unreachable("It is away.", "Wait."),
        TooLarge("It is large.", "Cut it."),
        Forbidden("It is inside.", "Go outside."),
    ],
)
def test_an_error_crosses_to_another_process_as_it_is(error: Any) -> None:
    told = json.loads(json.dumps(asdict(failure_of(error))))
    again = type(failure_of(error))(**told).error()
    assert (type(again), str(again)) == (type(error), str(error))
    assert failure_of(DoesNotFit("reps", 2, 1)).kind == "TooLarge"


def test_a_long_message_is_shortened_in_time() -> None:
    begun = time.process_time()
    assert shortened(" " * 100_000 + "x") == "x"
    assert len(shortened("a." * 50_000)) == 200
    assert time.process_time() - begun < 10
