"""The address of an index: INDEX_URL read, and told without its secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from halfgig.errors import BadRequest

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SQLITE, POSTGRES, PINECONE, QDRANT = "sqlite", "postgresql", "pinecone", "qdrant"
FORMS = "sqlite:, postgresql://USER@HOST/DATABASE, pinecone://INDEX or qdrant+https://HOST/COLLECTION"
_SCHEMES = {"postgres": POSTGRES, "postgresql": POSTGRES, "pinecone": PINECONE}
_NO_CODE = re.compile(r"%(?!(?!00)[0-9A-Fa-f]{2})")
DEFAULT_NAMESPACE = "__default__"  # of Pinecone


@dataclass(frozen=True, slots=True)
class IndexAddress:
    """Where an index is. `shown` holds no secret, and is what the ledger knows the place by.

    `name` is a file (empty: the library's own), a connection string, an index or a collection. `host` is where the
    service answers, with its scheme; Pinecone's may be empty, and is asked for then.
    """

    kind: str
    name: str
    shown: str
    host: str = ""
    namespace: str = ""


def is_address(text: str) -> bool:
    """Whether a text is meant for the address of an index, right or wrong."""
    return text.startswith(("sqlite:", "postgresql://", "postgres://", "pinecone://", "qdrant+http"))


def read_index_address(text: str) -> IndexAddress:
    """The address that a person gives; nothing means the library's own file. BadRequest where it is none."""
    told = text.strip()
    if not told or told.partition(":")[0] == SQLITE:
        file = told.partition(":")[2].removeprefix("//")
        return IndexAddress(SQLITE, file, f"sqlite:{file}")
    try:
        parts = urlsplit(told)
        host = _host(parts)
    except ValueError:
        raise _refusal() from None
    kind = _SCHEMES.get(parts.scheme)
    if kind == POSTGRES:
        _check_secret(told, parts)
        host = host or parse_qs(parts.query).get("host", [""])[-1]
        return IndexAddress(POSTGRES, told, f"postgresql://{host}{parts.path}")
    if kind == PINECONE and parts.hostname:
        return _pinecone(parts)
    if parts.scheme in {"qdrant+http", "qdrant+https"} and parts.hostname:
        return _qdrant(parts, host)
    raise _refusal()


def _pinecone(parts: SplitResult) -> IndexAddress:
    options = parse_qs(parts.query)
    host, namespace = (options.get(name, [""])[-1] for name in ("host", "namespace"))
    if set(options) - {"host", "namespace"} or parts.path.strip("/") or "@" in parts.netloc:
        raise _refusal()
    shown = f"pinecone://{parts.hostname}{f'?namespace={namespace}' if namespace else ''}"
    return IndexAddress(PINECONE, parts.hostname or "", shown, host, namespace or DEFAULT_NAMESPACE)


def _qdrant(parts: SplitResult, host: str) -> IndexAddress:
    above, _, collection = parts.path.rstrip("/").rpartition("/")
    if not collection or parts.query or "@" in parts.netloc:
        raise _refusal()
    base = f"{parts.scheme.removeprefix('qdrant+')}://{host}{above}"
    return IndexAddress(QDRANT, unquote(collection), f"qdrant+{base}/{collection}", base)


def _host(parts: SplitResult) -> str:
    """Host and port, without a name or a password."""
    host = parts.hostname or ""
    return (f"[{host}]" if ":" in host else host) + (f":{parts.port}" if parts.port else "")


def _check_secret(told: str, parts: SplitResult) -> None:
    """BadRequest where a part of the password would be taken for something else, and then be shown."""
    if _NO_CODE.search(told) or told.count("@") > ("@" in parts.netloc):
        raise BadRequest(
            "The address of the index cannot be told apart from its password.",
            "Write signs in a name or a password within INDEX_URL as codes: % as %25, @ as %40, / as %2F, ? as %3F.",
        )


def _refusal() -> BadRequest:
    """It may hold a password, and is not repeated."""
    return BadRequest("The address of the index is none that is known.", f"Set INDEX_URL to one of {FORMS}.")
