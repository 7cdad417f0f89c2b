"""What of a URL may be kept, shown and logged: never the name and password in it, nor a query that gives rights."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

_LOGIN = re.compile(r"(?<=//)[^/?#\s]*@")
_URL = re.compile(r"""(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>]+?(?=[).,;:\]]*(?:["'<>\s]|$))""")
# Names of parameters by which storages and sites sign an address, or let a holder in.
_RIGHTS = re.compile(
    r"(?i)(^|[-_.])(sig|signature|key|pwd|hmac|hash|jwt|session|policy)($|[-_.])"
    r"|token|secret|passw|credential|expires|apikey|auth(?!or)|hdnt|^x-(amz|goog)-"
)


def kept_url(url: str) -> str:
    """The URL for those who come later: without name and password, and without its query where that gives rights.

    What is no URL, as a path, is returned as it is.
    """
    if "://" not in url:
        return url
    bare, query = _LOGIN.sub("", url, count=1), url.partition("?")[2].partition("#")[0]
    return told_url(url) if any(_RIGHTS.search(name) for name, _ in parse_qsl(query, keep_blank_values=True)) else bare


def told_url(url: str) -> str:
    """The URL for a message: without name, password, query and fragment. It need not be a valid one."""
    return re.split(r"[?#]", _LOGIN.sub("", url, count=1), maxsplit=1)[0]


def told_text(text: str) -> str:
    """A message, perhaps another's, with each URL in it as `told_url` has it."""
    return _URL.sub(lambda found: told_url(found[0]), text)
