"""What of a URL may be kept, shown and logged: never the name and password in it, nor a query that gives rights."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

_LOGIN = re.compile(r"(?<=//)[^/?#\s]*@")
_URL = re.compile(r"""://[^\s"'<>]+""")  # without its scheme, of which nothing is left out: so each text is read once
_AFTER = ").,;:]"  # what follows a URL in a sentence, and is none of it
_TIME = re.compile(r"t=[0-9.,:hms]+")  # a fragment that tells a time
# Names of parameters by which storages and sites sign an address, or let a holder in.
_RIGHTS = re.compile(
    r"(?i)(^|[-_.])(sig|signature|key|pwd|hmac|hash|md5|sas|jwt|session|policy)($|[-_.])"
    r"|token|secret|passw|credential|expire|apikey|accesskey|auth(?!or)|hdnt|^x-(amz|goog)-"
)


def kept_url(url: str) -> str:
    """The URL for those who come later: without name and password, without its query where that gives rights, and
    without its fragment, but for a time.

    What is no URL, as a path, is returned as it is.
    """
    if "://" not in url:
        return url
    bare, _, fragment = _LOGIN.sub("", url, count=1).partition("#")
    names = (name for name, _ in parse_qsl(bare.partition("?")[2], keep_blank_values=True))
    if any(_RIGHTS.search(name) for name in names):
        return told_url(bare)
    return f"{bare}#{fragment}" if _TIME.fullmatch(fragment) else bare


def told_url(url: str) -> str:
    """The URL for a message: without name, password, query and fragment. It need not be a valid one."""
    return re.split(r"[?#]", _LOGIN.sub("", url, count=1), maxsplit=1)[0]


def told_text(text: str) -> str:
    """A message, perhaps another's, with each URL in it as `told_url` has it."""
    return _URL.sub(_told, text)


def _told(found: re.Match[str]) -> str:
    url = found[0].rstrip(_AFTER)
    return told_url(url) + found[0][len(url) :]
