"""A tflite model without one of its outputs, and without the operators that work for that output alone. Pure.

A model is a FlatBuffer: tables whose fields are found through a table of offsets, and vectors of 32-bit numbers. Here
vectors are made shorter in place; all else stays as published, to the bit. The layout is that of TFLite's schema.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUBGRAPHS, SIGNATURES = 2, 7  # fields of a model
OUTPUTS, OPERATORS = 2, 3  # of a subgraph
TAKEN, MADE = 1, 2  # of an operator: tensors


def without_output(model: bytes, number: int) -> bytes:
    """The model without its output `number`; the others stay in their order. ValueError where it is no such model."""
    try:
        return bytes(_shortened(bytearray(model), number))
    except (struct.error, IndexError) as error:
        raise ValueError("the model is damaged") from error


def _shortened(data: bytearray, number: int) -> bytearray:
    root = _follow(data, 0)
    graph = _elements(data, _field(data, root, SUBGRAPHS))[0]
    outputs = _field(data, graph, OUTPUTS)
    kept = _numbers(data, outputs)
    del kept[number]
    operators = _field(data, graph, OPERATORS)
    needed = _needed(data, _elements(data, operators), kept)
    _rewrite(data, outputs, kept)
    _rewrite_tables(data, operators, needed)
    if signatures := _field(data, root, SIGNATURES):
        _rewrite(data, signatures, [])  # they name the output that is gone
    return data


def _needed(data: bytearray, operators: Sequence[int], outputs: Iterable[int]) -> list[int]:
    """The operators, in their order, that something of `outputs` depends on."""
    wanted, needed = set(outputs), []
    for operator in reversed(operators):  # each stands behind those whose tensors it takes
        if wanted.intersection(_numbers(data, _field(data, operator, MADE))):
            wanted.update(_numbers(data, _field(data, operator, TAKEN)))
            needed.append(operator)
    return needed[::-1]


def _follow(data: bytearray, at: int) -> int:
    """Where the offset at `at` points to."""
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytearray, table: int, number: int) -> int:
    """Where the vector in a table's field is; 0 where the field is not there."""
    offsets = table - struct.unpack_from("<i", data, table)[0]
    entry = 4 + 2 * number
    if entry >= struct.unpack_from("<H", data, offsets)[0]:
        return 0
    inside = struct.unpack_from("<H", data, offsets + entry)[0]
    return _follow(data, table + inside) if inside else 0


def _numbers(data: bytearray, vector: int) -> list[int]:
    """A vector of 32-bit numbers; none where it is not there."""
    if not vector:
        return []
    (count,) = struct.unpack_from("<I", data, vector)
    return list(struct.unpack_from(f"<{count}i", data, vector + 4))


def _elements(data: bytearray, vector: int) -> list[int]:
    """Where the tables in a vector are."""
    return [vector + 4 * place + offset for place, offset in enumerate(_numbers(data, vector), 1)]


def _rewrite(data: bytearray, vector: int, numbers: Sequence[int]) -> None:
    struct.pack_into(f"<I{len(numbers)}i", data, vector, len(numbers), *numbers)


def _rewrite_tables(data: bytearray, vector: int, tables: Sequence[int]) -> None:
    _rewrite(data, vector, [table - (vector + 4 * place) for place, table in enumerate(tables, 1)])
