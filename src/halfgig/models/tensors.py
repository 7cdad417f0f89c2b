"""Tensors of a safetensors file: known by its header, and read block by block when they are wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from halfgig.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.records import Bytes

    Tensors: TypeAlias = "Mapping[str, Tensor]"

BRAIN = "BF16"  # the upper half of a float32; numpy has no such type
_STORED: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), BRAIN: np.dtype("<u2")}
BLOCK = 1 << 18  # values worked on at a time: 1 MiB as float32
LONGEST_HEADER = 1 << 24


@dataclass(frozen=True, slots=True)
class Tensor:
    """A floating-point tensor in a file: `at` is the byte where it begins, `type` its name in the header."""

    path: Path
    at: Bytes
    shape: tuple[int, ...]
    type: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """What `blocks` yields: float16 where it is stored so, else float32."""
        return np.dtype("<f2") if self.type == "F16" else np.dtype("<f4")

    @property
    def bytes(self) -> Bytes:
        """Its length in the file."""
        return prod(self.shape) * _STORED[self.type].itemsize

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield it in runs of rows, (n, values of a row), of about a MiB. ModelError where the file ends too early."""
        width = prod(self.shape[1:])
        with self.path.open("rb") as file:
            file.seek(self.at)
            for rows in runs(self.shape):
                count = len(rows) * width
                values = np.frombuffer(file.read(count * _STORED[self.type].itemsize), _STORED[self.type])
                if len(values) != count:
                    raise ModelError(f"{self.path.name} ends too early.", "Fetch it again.")
                yield self._widened(values).reshape(len(rows), width)

    def rows_from(self, first: int) -> Tensor:
        """Its rows from this one on."""
        skipped = first * (self.bytes // self.shape[0])
        return replace(self, at=self.at + skipped, shape=(self.shape[0] - first, *self.shape[1:]))

    def _widened(self, values: NDArray[Any]) -> NDArray[Any]:
        return (values.astype("<u4") << 16).view("<f4") if self.type == BRAIN else values


def runs(shape: tuple[int, ...]) -> Iterator[range]:
    """The rows of an array of this shape, in runs of about a MiB."""
    rows = shape[0] if shape else 1
    step = max(1, BLOCK // max(1, prod(shape[1:])))
    return (range(start, min(start + step, rows)) for start in range(0, rows, step))


def read_tensors(path: Path) -> Tensors:
    """The floating-point tensors of a safetensors file by name. ModelError where it is none.

    The file is a u64 length, a JSON header of that length (name: dtype, shape, data_offsets), and the data.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(min(length, LONGEST_HEADER))
        if len(text) != length:
            raise ValueError("its header ends too early")
        header = json.loads(text)
        rows = {name: row for name, row in header.items() if name != "__metadata__" and row["dtype"] in _STORED}
        return {name: _tensor(path, 8 + length, row) for name, row in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path.name} is no safetensors file ({error}).", "Fetch it again.") from error


def _tensor(path: Path, start: Bytes, row: Mapping[str, Any]) -> Tensor:
    begin, end = row["data_offsets"]
    tensor = Tensor(path, start + begin, tuple(map(int, row["shape"])), row["dtype"])
    if tensor.bytes != end - begin:
        raise ValueError("a tensor is not as long as its shape")
    return tensor
