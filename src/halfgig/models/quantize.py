"""Rewrites a CTranslate2 `model.bin` with its 2-D weights as int8, one block of rows at a time.

Loading float16 weights as int8 holds both copies at once; weights that are int8 on disk load alone. The rows,
scales and rounding are those that CTranslate2 uses when it is asked for compute type int8, so results are the same.

The file (binary version 6, little-endian): u32 version, text specification, u32 revision, u32 count, the variables
(text name, u8 rank, u32 of each dimension, u8 type, u32 bytes, data), u32 count of aliases, the aliases (two texts).
A text is a u16 length, which includes the closing zero byte, and the bytes.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from math import prod
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from halfgig.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

BINARY_VERSION = 6
FLOAT32, INT8, INT16, INT32, FLOAT16 = range(5)
_NUMPY: dict[int, np.dtype[Any]] = {
    FLOAT32: np.dtype("<f4"),
    INT8: np.dtype("i1"),
    INT16: np.dtype("<i2"),
    INT32: np.dtype("<i4"),
    FLOAT16: np.dtype("<f2"),
}
_BLOCK = 1 << 18  # values worked on at a time: 1 MiB as float32


@dataclass(frozen=True, slots=True)
class Variable:
    """The head of one variable; its data follows in the file."""

    name: str
    shape: tuple[int, ...]
    type: int

    @property
    def bytes(self) -> int:
        """Length of the data."""
        return prod(self.shape) * _NUMPY[self.type].itemsize

    @property
    def quantizable(self) -> bool:
        """Whether CTranslate2 would hold it as int8: matrices called weight, but for those of convolutions."""
        floating = self.type in (FLOAT32, FLOAT16)
        return floating and len(self.shape) == 2 and self.name.endswith("weight") and "conv" not in self.name


def quantize(original: Path, into: Path) -> None:
    """Write `original` to `into` with int8 weights; needs a few MiB whatever the size.

    Raises ModelError where `original` is not a CTranslate2 file of a known version, or is cut off.
    """
    with original.open("rb") as read, into.open("wb") as write:
        head = _read_head(read)
        write.write(head)
        count_at = write.tell()
        write.write(struct.pack("<I", 0))
        count = sum(_copy_variable(read, write) for _ in range(_read_number(read, "<I")))
        _copy_aliases(read, write)
        write.seek(count_at)
        write.write(struct.pack("<I", count))
        write.flush()
        os.fsync(write.fileno())


def read_variables(path: Path) -> Iterator[Variable]:
    """The heads of all variables of a CTranslate2 file, in its order."""
    with path.open("rb") as read:
        _read_head(read)
        for _ in range(_read_number(read, "<I")):
            variable = _read_variable(read)
            read.seek(variable.bytes, os.SEEK_CUR)
            yield variable


def quantize_rows(rows: Floats) -> tuple[NDArray[np.int8], Floats]:
    """`rows` (n, m) as int8 (n, m) and the scale of each row (n,): value = int8 / scale. A zero row has scale 1."""
    largest = np.abs(rows).max(axis=1)
    scale = np.divide(np.float32(127), largest, out=np.ones_like(largest), where=largest != 0)
    return np.rint(rows * scale[:, None]).astype(np.int8), scale


def _copy_variable(read: IO[bytes], write: IO[bytes]) -> int:
    """Copy one variable, as int8 with its scales where it can be; returns how many variables were written."""
    variable = _read_variable(read)
    if variable.quantizable:
        _copy_quantized(variable, read, write)
        return 2
    write.write(_variable_head(variable))
    _copy_bytes(read, write, variable.bytes)
    return 1


def _copy_quantized(variable: Variable, read: IO[bytes], write: IO[bytes]) -> None:
    write.write(_variable_head(Variable(variable.name, variable.shape, INT8)))
    scales = []
    for rows in _read_rows(variable, read):
        values, scale = quantize_rows(rows)
        write.write(values.data)
        scales.append(scale)
    write.write(_variable_head(Variable(f"{variable.name}_scale", variable.shape[:1], FLOAT32)))
    write.write(np.concatenate(scales).astype("<f4").data)


def _read_rows(variable: Variable, read: IO[bytes]) -> Iterator[Floats]:
    """The rows of a matrix as float32, in blocks of about a MiB."""
    rows, columns = variable.shape
    dtype = _NUMPY[variable.type]
    step = max(1, _BLOCK // max(1, columns))
    for start in range(0, rows, step):
        height = min(step, rows - start)
        data = _read_exactly(read, height * columns * dtype.itemsize)
        yield np.frombuffer(data, dtype).reshape(height, columns).astype(np.float32)


def _copy_aliases(read: IO[bytes], write: IO[bytes]) -> None:
    count = _read_number(read, "<I")
    write.write(struct.pack("<I", count))
    for _ in range(2 * count):
        write.write(_text(_read_text(read)))


def _read_head(read: IO[bytes]) -> bytes:
    """Everything before the count of variables, as bytes; ModelError where the version is not known."""
    version = _read_number(read, "<I")
    if version != BINARY_VERSION:
        raise ModelError(
            f"These are not CTranslate2 weights of binary version {BINARY_VERSION}: the file says {version}."
        )
    name = _read_text(read)
    return struct.pack("<I", version) + _text(name) + _read_exactly(read, 4)


def _read_variable(read: IO[bytes]) -> Variable:
    name = _read_text(read)
    shape = tuple(_read_number(read, "<I") for _ in range(_read_number(read, "<B")))
    variable = Variable(name, shape, _read_number(read, "<B"))
    stated = _read_number(read, "<I")
    if variable.type not in _NUMPY or stated != variable.bytes:
        raise ModelError(f"The weights are damaged: variable {name} does not fit its own description.")
    return variable


def _variable_head(variable: Variable) -> bytes:
    dimensions = struct.pack(f"<B{len(variable.shape)}I", len(variable.shape), *variable.shape)
    return _text(variable.name) + dimensions + struct.pack("<BI", variable.type, variable.bytes)


def _read_text(read: IO[bytes]) -> str:
    length = _read_number(read, "<H")
    return _read_exactly(read, length).rstrip(b"\0").decode("utf-8", "replace")


def _text(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def _read_number(read: IO[bytes], code: str) -> int:
    number: int = struct.unpack(code, _read_exactly(read, struct.calcsize(code)))[0]
    return number


def _read_exactly(read: IO[bytes], length: int) -> bytes:
    data = read.read(length)
    if len(data) != length:
        raise ModelError("The weights are damaged: the file ends too early.")
    return data


def _copy_bytes(read: IO[bytes], write: IO[bytes], length: int) -> None:
    while length:
        data = _read_exactly(read, min(length, 1 << 20))
        write.write(data)
        length -= len(data)
