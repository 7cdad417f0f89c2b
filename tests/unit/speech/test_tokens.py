from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from halfgig.speech.tokens import decode, is_special, read_special_ids, timestamp

if TYPE_CHECKING:
    from pathlib import Path


def bpe() -> Tokenizer:
    """A byte-level tokenizer without merges: each byte is a token, as the least of Whisper's are."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: n for n, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


BYTES = bpe()


def character_of_byte() -> dict[int, str]:
    """How the tokenizer writes each byte, learned from texts that hold it."""
    text = "".join(map(chr, [*range(0x100), *range(0x100, 0xD800, 63), *range(0xE000, 0x10FFFF, 997)]))
    found = dict(zip(text.encode(), "".join(BYTES.encode(text).tokens), strict=True))
    rest = [byte for byte in range(256) if byte not in found]  # never in UTF-8
    spare = [c for c in sorted(pre_tokenizers.ByteLevel.alphabet()) if c not in found.values()]
    return found | dict(zip(rest, sorted(spare), strict=True))


TABLE = character_of_byte()


@given(st.text())
def test_text_comes_back_as_from_a_full_tokenizer(text: str) -> None:
    encoded = BYTES.encode(text)
    assert decode(encoded.tokens) == BYTES.decode(encoded.ids) == text


@given(st.binary())
def test_bytes_that_make_no_character_are_marked(content: bytes) -> None:
    assert decode([TABLE[byte] for byte in content]) == content.decode("utf-8", "replace")


def test_marks_are_left_out() -> None:
    assert decode(["<|0.00|>", "ĠHello", ",", "Ġworld", "<|1.20|>", "<|endoftext|>"]) == " Hello, world"


@pytest.mark.parametrize(
    ("token", "time"),
    [("<|0.00|>", 0.0), ("<|29.98|>", 29.98), ("<|en|>", None), ("Ġ1.20", None), ("<|1.2|>", None), ("", None)],
)
def test_timestamps_are_told_from_text(token: str, time: float | None) -> None:
    assert timestamp(token) == time


@pytest.mark.parametrize(("token", "special"), [("<|en|>", True), ("<|0.00|>", True), ("<|", False), ("Ġ<|x", False)])
def test_marks_are_told_from_text(token: str, special: bool) -> None:
    assert is_special(token) is special


VOCABULARY = ["!", "Ġthe", "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|0.00|>", "<|0.02|>"]
MARKS = {"<|endoftext|>": 2, "<|startoftranscript|>": 3, "<|en|>": 4}


def test_marks_are_found_in_either_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    assert read_special_ids(tmp_path) == MARKS
    (tmp_path / "vocabulary.json").write_text(json.dumps(VOCABULARY))
    (tmp_path / "vocabulary.txt").unlink()
    assert read_special_ids(tmp_path) == MARKS


def test_a_token_that_looks_like_a_line_end_moves_no_number(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.txt").write_text("\u2028\n\x85\n<|en|>\n", encoding="utf-8", newline="\n")
    assert read_special_ids(tmp_path) == {"<|en|>": 2}
