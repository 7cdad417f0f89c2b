from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from halfgig.errors import ModelError
from halfgig.models import tensors
from halfgig.models.quantize import (
    FLOAT16,
    FLOAT32,
    INT8,
    Head,
    quantize,
    quantize_rows,
    read_variables,
    write_quantized,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def text(words: str) -> bytes:
    return struct.pack("<H", len(words) + 1) + words.encode() + b"\0"


def model_file(variables: dict[str, NDArray[Any]], aliases: dict[str, str], version: int = 6) -> bytes:
    """A CTranslate2 file, written as its converters write it."""
    out = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, array in variables.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        out += text(name) + shape + struct.pack("<BI", TYPES[str(array.dtype)], array.nbytes) + array.tobytes()
    out += struct.pack("<I", len(aliases))
    return out + b"".join(text(alias) + text(name) for alias, name in aliases.items())


def read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Every variable of a file of ours, by a reader of its own."""
    at = 4 + 2 + len("WhisperSpec") + 1 + 4
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 1 + length].decode()
        at += 2 + length
        rank = data[at]
        shape = struct.unpack_from(f"<{rank}I", data, at + 1)
        at += 1 + 4 * rank
        kind, size = struct.unpack_from("<BI", data, at)
        at += 5
        dtype = next(dtype for dtype, number in TYPES.items() if number == kind)
        found[name] = np.frombuffer(data[at : at + size], dtype).reshape(shape)
        at += size
    return found


RNG = np.random.default_rng(0)
VARIABLES: dict[str, NDArray[Any]] = {
    "encoder/conv1/weight": RNG.normal(size=(4, 3, 3)).astype(np.float16),
    "encoder/conv_flat/weight": RNG.normal(size=(4, 9)).astype(np.float16),
    "encoder/linear/bias": RNG.normal(size=5).astype(np.float16),
    "encoder/linear/weight": RNG.normal(size=(5, 7)).astype(np.float16),
    "encoder/position/encodings": RNG.normal(size=(6, 7)).astype(np.float32),
    "decoder/embeddings/weight": RNG.normal(size=(9, 7)).astype(np.float32),
    "decoder/num_heads": np.array(6, np.int16),
    "decoder/done/weight": RNG.integers(-127, 127, size=(3, 7)).astype(np.int8),
    "decoder/done/weight_scale": np.ones(3, np.float32),
}


def quantized(tmp_path: Path, data: bytes) -> bytes:
    (tmp_path / "original").write_bytes(data)
    quantize(tmp_path / "original", tmp_path / "int8")
    return (tmp_path / "int8").read_bytes()


def test_matrices_become_int8_and_everything_else_stays(tmp_path: Path) -> None:
    data = quantized(tmp_path, model_file(VARIABLES, {"decoder/projection/weight": "decoder/embeddings/weight"}))
    found = read_arrays(data)
    changed = {"encoder/linear/weight", "decoder/embeddings/weight"}
    assert set(found) == set(VARIABLES) | {f"{name}_scale" for name in changed}
    for name in set(VARIABLES) - changed:
        assert found[name].dtype == VARIABLES[name].dtype
        np.testing.assert_array_equal(found[name], VARIABLES[name])
    for name in changed:
        restored = found[name] / found[f"{name}_scale"][:, None]
        np.testing.assert_allclose(restored, VARIABLES[name], atol=np.abs(VARIABLES[name]).max() / 254 * 1.01)
    assert data.endswith(text("decoder/projection/weight") + text("decoder/embeddings/weight"))


def test_quantising_twice_changes_nothing(tmp_path: Path) -> None:
    once = quantized(tmp_path, model_file(VARIABLES, {}))
    assert quantized(tmp_path, once) == once


def test_blocks_of_rows_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = model_file(VARIABLES, {})
    whole = quantized(tmp_path, data)
    for block in (1, 7, 8, 20):
        monkeypatch.setattr(tensors, "BLOCK", block)
        assert quantized(tmp_path, data) == whole


def test_arrays_are_written_as_a_file_is_converted(tmp_path: Path) -> None:
    write_quantized(Head("WhisperSpec", 3), VARIABLES.items(), tmp_path / "arrays")
    assert (tmp_path / "arrays").read_bytes() == quantized(tmp_path, model_file(VARIABLES, {}))


def test_heads_are_read(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(quantized(tmp_path, model_file(VARIABLES, {})))
    types = {variable.name: variable.type for variable in read_variables(tmp_path / "model")}
    assert types["encoder/linear/weight"] == INT8
    assert types["encoder/linear/weight_scale"] == FLOAT32
    assert types["encoder/conv1/weight"] == FLOAT16


@pytest.mark.parametrize("length", [0, 3, 4, 20, 30, 100, -1])
def test_a_cut_off_file_is_told(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError, match="ends too early"):
        quantized(tmp_path, model_file(VARIABLES, {"a": "b"})[:length])


def test_other_versions_and_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the file says 5"):
        quantized(tmp_path, model_file(VARIABLES, {}, version=5))
    with pytest.raises(ModelError, match="not CTranslate2 weights"):
        quantized(tmp_path, b"<!doctype html>" * 100)


def test_a_variable_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    data = model_file({"w": np.zeros(3, np.float32)}, {})
    with pytest.raises(ModelError, match="variable w does not fit"):
        quantized(tmp_path, data.replace(struct.pack("<BI", 0, 12), struct.pack("<BI", 0, 13)))


FINITE = st.floats(-1e4, 1e4, width=16)


@given(arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=FINITE))
def test_a_row_is_off_by_half_a_step_at_most(rows: NDArray[np.float32]) -> None:
    values, scale = quantize_rows(rows)
    assert values.dtype == np.int8
    assert np.abs(values.astype(int)).max() <= 127
    step = 1 / scale.astype(np.float64)[:, None]
    assert (np.abs(values * step - rows) <= step * 0.501).all()


def test_a_zero_row_has_scale_one() -> None:
    values, scale = quantize_rows(np.zeros((1, 4), np.float32))
    assert scale.tolist() == [1.0]
    assert not values.any()


def test_a_row_of_almost_nothing_keeps_a_finite_scale() -> None:
    values, scale = quantize_rows(np.full((1, 4), 1e-42, np.float32))
    assert np.isfinite(scale).all()
    assert np.abs(values.astype(int)).max() <= 127
