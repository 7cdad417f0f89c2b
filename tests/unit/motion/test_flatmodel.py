"""A model that adds and multiplies, without one of the two: as LiteRT runs it."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from halfgig.motion.flatmodel import without_output

INPUT, SUM, SQUARE, TWICE = range(4)


def made() -> bytes:
    """x -> x + x, and (x + x) * (x + x) by way of it, and x + (x + x): three outputs."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
    model.operatorCodes = [code(schema.BuiltinOperator.ADD), code(schema.BuiltinOperator.MUL)]
    graph.tensors = [tensor(name) for name in ("input", "sum", "square", "three")]
    graph.inputs, graph.outputs = [INPUT], [SUM, SQUARE, TWICE]
    graph.operators = [step(0, (INPUT, INPUT), SUM), step(1, (SUM, SUM), SQUARE), step(0, (INPUT, SUM), TWICE)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def code(operator: int) -> Any:
    row = schema.OperatorCodeT()
    row.builtinCode = row.deprecatedBuiltinCode = operator
    row.version = 1
    return row


def tensor(name: str) -> Any:
    row = schema.TensorT()
    row.name, row.shape, row.type = name.encode(), [2], schema.TensorType.FLOAT32
    return row


def step(operator: int, taken: tuple[int, ...], output: int) -> Any:
    row = schema.OperatorT()
    row.opcodeIndex, row.inputs, row.outputs = operator, list(taken), [output]
    names = ("AddOptions", "MulOptions")
    row.builtinOptionsType = getattr(schema.BuiltinOptions, names[operator])
    row.builtinOptions = getattr(schema, f"{names[operator]}T")()
    return row


def answers(model: bytes) -> tuple[dict[str, list[float]], int]:
    """What is told of (1, 3), by the output's name, and the number of operators."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    operators = len(interpreter._get_ops_details())  # before it is given to another library
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array([1, 3], np.float32))
    interpreter.invoke()
    rows = interpreter.get_output_details()
    return {row["name"]: interpreter.get_tensor(row["index"]).tolist() for row in rows}, operators


def test_the_outputs_that_are_left_stay_as_they_are() -> None:
    told, _ = answers(made())
    assert told == {"sum": [2, 6], "square": [4, 36], "three": [3, 9]}
    for number, name in enumerate(told):
        left, _ = answers(without_output(made(), number))
        assert left == {key: value for key, value in told.items() if key != name}


def test_what_only_that_output_needs_is_gone_and_what_others_need_is_not() -> None:
    before = answers(made())[1]
    assert [before - answers(without_output(made(), number))[1] for number in range(3)] == [0, 1, 1]


@pytest.mark.parametrize("damaged", [b"", b"TFL3", bytes(64), made()[:200]])
def test_what_is_no_model_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        without_output(damaged, 0)


def test_an_output_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        without_output(made(), 3)
