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
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from halfgig.errors import ModelError
from halfgig.models.tensors import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

Blocks: TypeAlias = "tuple[Variable, Iterable[NDArray[Any]]]"  # a variable, and its rows block by block

BINARY_VERSION = 6
FLOAT32, INT8, INT16, INT32, FLOAT16 = range(5)
_NUMPY: dict[int, np.dtype[Any]] = {
    FLOAT32: np.dtype("<f4"),
    INT8: np.dtype("i1"),
    INT16: np.dtype("<i2"),
    INT32: np.dtype("<i4"),
    FLOAT16: np.dtype("<f2"),
}


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
    def width(self) -> int:
        """Values in one row: all dimensions but the first."""
        return prod(self.shape[1:])

    @property
    def quantizable(self) -> bool:
        """Whether CTranslate2 would hold it as int8: matrices called weight, but for those of convolutions."""
        floating = self.type in (FLOAT32, FLOAT16)
        return floating and len(self.shape) == 2 and self.name.endswith("weight") and "conv" not in self.name


class Streamed(Protocol):
    """An array that need never be held whole."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values, as `blocks` gives them."""
        ...

    def blocks(self) -> Iterable[NDArray[Any]]:
        """Its rows, (n, values of a row), in runs of about a MiB."""
        ...


@dataclass(frozen=True, slots=True)
class Head:
    """Which of CTranslate2's specifications a file follows."""

    specification: str
    revision: int


def quantize(original: Path, into: Path) -> None:
    """Write `original` to `into` with int8 weights; needs a few MiB whatever the size.

    Raises ModelError where `original` is not a CTranslate2 file of a known version, or is cut off.
    """
    with original.open("rb") as read:
        head = _read_head(read)
        count = _read_number(read, "<I")
        with into.open("wb") as write:
            _write_quantized(head, (_read_blocks(read) for _ in range(count)), write)
            _copy_aliases(read, write)


def write_quantized(head: Head, arrays: Iterable[tuple[str, NDArray[Any] | Streamed]], into: Path) -> None:
    """Write named arrays to `into` as CTranslate2 weights, int8 where `quantize` would make them so."""
    with into.open("wb") as write:
        _write_quantized(head, (_array_blocks(name, array) for name, array in arrays), write)
        write.write(struct.pack("<I", 0))  # no aliases


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
    least = np.float32(127) / np.finfo(np.float32).max  # below it, the scale would be infinite
    scale = np.divide(np.float32(127), np.maximum(largest, least), out=np.ones_like(largest), where=largest != 0)
    return np.rint(rows * scale[:, None]).astype(np.int8), scale


def _write_quantized(head: Head, variables: Iterable[Blocks], write: IO[bytes]) -> None:
    """Write everything but the aliases; the count of variables is known, and filled in, at the end."""
    write.write(struct.pack("<I", BINARY_VERSION) + _text(head.specification) + struct.pack("<I", head.revision))
    count_at = write.tell()
    write.write(struct.pack("<I", 0))
    count = sum(_write_variable(variable, blocks, write) for variable, blocks in variables)
    write.seek(count_at)
    write.write(struct.pack("<I", count))
    write.seek(0, os.SEEK_END)


def _write_variable(variable: Variable, blocks: Iterable[NDArray[Any]], write: IO[bytes]) -> int:
    """Write one variable, as int8 with its scales where it can be; returns how many variables that made."""
    if variable.quantizable:
        _write_int8(variable, blocks, write)
        return 2
    write.write(_variable_head(variable))
    for block in blocks:
        write.write(block.tobytes())
    return 1


def _write_int8(variable: Variable, blocks: Iterable[NDArray[Any]], write: IO[bytes]) -> None:
    write.write(_variable_head(Variable(variable.name, variable.shape, INT8)))
    scales = []
    for block in blocks:
        values, scale = quantize_rows(block.astype(np.float32))
        write.write(values.tobytes())
        scales.append(scale)
    write.write(_variable_head(Variable(f"{variable.name}_scale", variable.shape[:1], FLOAT32)))
    write.write(np.concatenate(scales).astype("<f4").tobytes())


def _read_blocks(read: IO[bytes]) -> Blocks:
    variable = _read_variable(read)
    return variable, (_read_block(read, variable, rows) for rows in runs(variable.shape))


def _read_block(read: IO[bytes], variable: Variable, rows: range) -> NDArray[Any]:
    dtype = _NUMPY[variable.type]
    data = _read_exactly(read, len(rows) * variable.width * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(len(rows), variable.width)


def _array_blocks(name: str, array: NDArray[Any] | Streamed) -> Blocks:
    little = array.dtype.newbyteorder("<")
    kind = next(number for number, dtype in _NUMPY.items() if dtype == little)
    variable = Variable(name, array.shape, kind)
    if not isinstance(array, (np.ndarray, np.generic)):
        return variable, array.blocks()
    table = array.reshape(-1, variable.width)
    return variable, (table[rows.start : rows.stop].astype(little) for rows in runs(variable.shape))


def _copy_aliases(read: IO[bytes], write: IO[bytes]) -> None:
    count = _read_number(read, "<I")
    write.write(struct.pack("<I", count))
    for _ in range(2 * count):
        write.write(_text(_read_text(read)))


def _read_head(read: IO[bytes]) -> Head:
    """Everything before the count of variables; ModelError where the version is not known."""
    version = _read_number(read, "<I")
    if version != BINARY_VERSION:
        raise ModelError(
            f"These are not CTranslate2 weights of binary version {BINARY_VERSION}: the file says {version}."
        )
    return Head(_read_text(read), _read_number(read, "<I"))


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
