"""What yt-dlp says when it fails, as an error with a remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass

from halfgig.errors import Forbidden, HalfgigError, SourceError, StorageFull, TooLarge, Unreachable
from halfgig.media.shown import told_text

COOKIES = "Set YTDLP_COOKIES to a file with the cookies of an account that may see it, or download it and upload it."
ELSEWHERE = "Download it where it can be seen, and upload the file."
LATER = "Try again later."
CHECK = "Check the address in a browser."
PLAYLIST = "Give the address of one video."

KINDS: dict[str, type[HalfgigError]] = {
    kind.__name__: kind for kind in (SourceError, Unreachable, Forbidden, TooLarge, StorageFull)
}


@dataclass(frozen=True, slots=True)
class SiteFailure:
    """An error that crosses from one process to another: the name of its class, its detail and its remedy."""

    kind: str
    detail: str
    remedy: str

    def error(self) -> HalfgigError:
        """The error itself."""
        return KINDS.get(self.kind, SourceError)(self.detail, self.remedy)


def failure_of(error: HalfgigError) -> SiteFailure:
    """One of our own errors, to be sent."""
    kind = next((one.__name__ for one in type(error).__mro__ if one.__name__ in KINDS), "SourceError")
    return SiteFailure(kind, error.detail, error.remedy)


# What a message holds, in lower case, with plain quotes and without URLs; the first that is found counts. yt-dlp passes
# on the words of a site, so that each row has the ways in which sites say the same.
_MESSAGES: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (
        ("unsupported url", "not a valid url", "no suitable extractor"),
        *("SourceError", "is no page with a video that is known", CHECK),
    ),
    (
        ("not a bot", "captcha", "you're human", "cloudflare anti-bot"),
        *("SourceError", "asks for proof that no program reads it", COOKIES),
    ),
    (
        (r"rate.?limit", "too many requests", "http error 429"),
        *("Unreachable", "is asked for too often at the moment", LATER),
    ),
    (
        ("confirm your age", "age.restricted", "inappropriate for some", "adult content", "age verification"),
        *("SourceError", "may be seen by adults only, with an account", COOKIES),
    ),
    (
        ("members.only", "join this channel", "premium", "subscriber", "requires payment", "purchase", "rental"),
        *("SourceError", "may be seen by paying members only", COOKIES),
    ),
    ((r"\bdrm\b",), "SourceError", "is protected against being read (DRM)", "Give a video without DRM."),
    (
        (
            "live event will begin",
            "premieres in",
            "premiere will begin",
            "not currently live",
            "is offline",
            "livestream",
        ),
        *("SourceError", "is a live stream, or has yet to begin", "Give it when it has ended and can be replayed."),
    ),
    (
        ("your country", "your location", "geo.?restrict", "your region", "geographic"),
        *(
            "SourceError",
            "is not shown in the country of this machine",
            f"Set PROXY_URL to a proxy elsewhere. {ELSEWHERE}",
        ),
    ),
    (("private video", "video is private", "is private"), "SourceError", "is private", COOKIES),
    (
        (
            *(
                "removed",
                "deleted",
                "terminated",
                "no longer available",
                "does not exist",
                "doesn't exist",
                "taken down",
            ),
            *("copyright", "isn't available anymore", "not available anymore", "http error 404", "http error 410"),
        ),
        *("SourceError", "is not there any more", CHECK),
    ),
    (
        ("sign in", r"log ?in\b", "logged.in", "registered users", r"\baccount", "credentials", "password", "cookies"),
        *("SourceError", "may be seen with an account only", COOKIES),
    ),
    (
        ("no video formats", "requested format is not available", "no formats", "no media found", "unusual"),
        *("SourceError", "offers nothing that can be read", f"A newer yt-dlp may help. {ELSEWHERE}"),
    ),
    (("http error 40[13]",), "SourceError", "was refused by its server", COOKIES),
    (("http error 451",), "SourceError", "is not shown in the country of this machine", ELSEWHERE),
    (("http error 4",), "SourceError", "was refused by its server", CHECK),
    (("http error 5",), "Unreachable", "has a server that fails at the moment", LATER),
    (("certificate",), "SourceError", "has a server that is not trusted", CHECK),
    (
        (
            *("timed out", "timeout", "connection (reset|refused|aborted)", "temporary failure", "name or service"),
            *("remote end closed", "unreachable", "bytes read", "unable to connect", r"fragment \d+ not found"),
            *("did not get any data", "downloaded file is empty"),
        ),
        *("Unreachable", "could not be fetched", LATER),
    ),
    (("no space left", "disk quota"), "StorageFull", "does not fit on the disk", "Free some space, and try again."),
    (("impersonat",), "SourceError", "is shown to browsers only", ELSEWHERE),
    (("not available", "unavailable", "blocked"), "SourceError", "is not available", CHECK),
)
UNKNOWN = ("SourceError", "could not be read", "Check that it plays in a browser; a newer yt-dlp may help.")


def site_failure(title: str, message: str) -> SiteFailure:
    """The failure that a message of yt-dlp means for the source called `title`; its own words are kept in brackets."""
    said = re.sub(r"https?://\S+", "", message.lower().replace("\u2019", "'"))
    found = (row[1:] for row in _MESSAGES if any(re.search(words, said) for words in row[0]))
    kind, what, remedy = next(found, UNKNOWN)
    return SiteFailure(kind, f"{title} {what} ({shortened(message)}).", remedy)


def shortened(message: str) -> str:
    """The message without yt-dlp's prefixes, advice, colours and queries, in one line of at most 200 characters."""
    plain = re.sub(
        r"\x1b\[[0-9;]*m|^ERROR: |; (please report this issue|try ).*|\(caused by .*", "", message, flags=re.DOTALL
    )
    plain = re.sub(r"\sUse --.*|\sSee\s+https://.*|\sFor more information.*", "", plain, flags=re.DOTALL)
    plain = " ".join(re.sub(r"^\[[\w:.+-]+\]\s+", "", plain.strip()).split()).rstrip(". ")
    plain = told_text(plain)
    return plain if len(plain) <= 200 else plain[:199] + "…"
