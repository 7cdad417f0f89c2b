from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.unit.models.made import restored, stored, write_safetensors

from halfgig.errors import ModelError
from halfgig.models import tensors as module
from halfgig.models.tensors import read_tensors

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(3)
VALUES = RNG.normal(size=(11, 5))


def write(path: Path, type: str) -> None:
    first = ("F32", (3,), stored(np.arange(3.0), "F32"))
    numbers = ("I64", (2,), struct.pack("<2q", 1, 2))
    write_safetensors(path, {"first": first, "ids": numbers, "table": (type, VALUES.shape, stored(VALUES, type))})


@pytest.mark.parametrize("type", ["F32", "F16", "BF16"])
def test_every_type_is_read_to_the_bit(tmp_path: Path, type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 12)
    write(tmp_path / "model", type)
    found = read_tensors(tmp_path / "model")
    assert set(found) == {"first", "table"}  # what is no floating-point tensor is left out
    blocks = list(found["table"].blocks())
    assert [len(block) for block in blocks] == [2, 2, 2, 2, 2, 1]
    assert {block.dtype for block in blocks} == {found["table"].dtype}
    wanted = restored(stored(VALUES, type), type).reshape(VALUES.shape)
    np.testing.assert_array_equal(np.concatenate(blocks).astype(np.float64), wanted)


def test_rows_from_the_middle(tmp_path: Path) -> None:
    write(tmp_path / "model", "F32")
    later = read_tensors(tmp_path / "model")["table"].rows_from(4)
    assert later.shape == (7, 5)
    np.testing.assert_array_equal(np.concatenate(list(later.blocks())), VALUES[4:].astype(np.float32))


@pytest.mark.parametrize("content", [b"", b"\x05\0\0\0\0\0\0\0{}", struct.pack("<Q", 2) + b"[]", b"<html>" * 9])
def test_what_is_no_such_file_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ModelError, match="is no safetensors file"):
        read_tensors(tmp_path / "model")


def test_a_file_that_ends_too_early_is_told_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path / "model", "F32")
    data = (tmp_path / "model").read_bytes()
    (tmp_path / "model").write_bytes(data[:-4])
    with pytest.raises(ModelError, match="ends too early"):
        list(read_tensors(tmp_path / "model")["table"].blocks())
