"""Whisper's tokens as CTranslate2 gives them: byte-level BPE pieces as text, timestamps as `<|1.20|>`.

Only decoding is needed, so the 27 MB of a full tokenizer are not: pieces are turned back into bytes by the table
that byte-level BPE uses, which maps every byte to a printable character.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from halfgig.records import Seconds

_TIMESTAMP = re.compile(r"<\|(\d+\.\d\d)\|>")
_SPECIAL = re.compile(r"<\|.*\|>")

END_OF_TEXT, START, TRANSCRIBE, TRANSLATE = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|transcribe|>",
    "<|translate|>",
)
NO_TIMESTAMPS = "<|notimestamps|>"


def timestamp(token: str) -> Seconds | None:
    """Seconds that a timestamp token stands for, else None."""
    found = _TIMESTAMP.fullmatch(token)
    return float(found[1]) if found else None


def is_special(token: str) -> bool:
    """Whether a token is a mark and not text."""
    return _SPECIAL.fullmatch(token) is not None


def decode(tokens: Iterable[str]) -> str:
    """Text of tokens, marks left out; bytes that do not make a whole character become U+FFFD."""
    table = _byte_of_character()
    pieces = (token for token in tokens if not is_special(token))
    return bytes(table[c] for piece in pieces for c in piece if c in table).decode("utf-8", "replace")


def read_special_ids(folder: Path) -> Mapping[str, int]:
    """Ids of the marks in a model folder's vocabulary (`vocabulary.txt` or `vocabulary.json`), timestamps left out."""
    return {
        token: number
        for number, token in enumerate(_vocabulary(folder))
        if is_special(token) and timestamp(token) is None
    }


def _vocabulary(folder: Path) -> Iterator[str]:
    listing = folder / "vocabulary.json"
    if listing.exists():
        yield from json.loads(listing.read_text(encoding="utf-8"))
        return
    with (folder / "vocabulary.txt").open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\n")


@functools.cache
def _byte_of_character() -> dict[str, int]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    shifted = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(shifted)}
