"""all-MiniLM-L6-v2 as a CTranslate2 encoder, from its published safetensors, without torch.

The layers are those of the model's card (BERT: 6 layers, 12 heads, 384 numbers, GELU); the pooler, which sentence
vectors do not use, is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import ctranslate2.specs as ct2
import numpy as np

from halfgig.errors import ModelError
from halfgig.models.quantize import Head, write_quantized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Tensor: TypeAlias = NDArray[np.float32]
    Tensors: TypeAlias = Mapping[str, Tensor]

LAYERS, HEADS = 6, 12
LAYER_NORM_EPSILON = 1e-12
UNKNOWN_TOKEN = "[UNK]"  # noqa: S105  (a word of the vocabulary)


def build_encoder(folder: Path, into: Path) -> None:
    """Write an int8 encoder to `into` from the `model.safetensors` and `tokenizer.json` in `folder`.

    The tensors stay in their file until they are written, so the peak is a few MiB above the imports.
    """
    spec = encoder_spec(folder)
    spec.config.save_as_json(str(into / "config.json"))
    words = json.dumps(_vocabulary(folder / "tokenizer.json"), ensure_ascii=False, indent=0)
    (into / "vocabulary.json").write_text(words, encoding="utf-8")
    arrays = ((name, value.numpy()) for name, value in spec.variables(ordered=True))
    write_quantized(Head(spec.name, spec.revision), arrays, into / "model.bin")


def encoder_spec(folder: Path) -> ct2.TransformerEncoderModelSpec:
    """The encoder in float32, filled and checked; `save` would write it without quantising."""
    spec = ct2.TransformerEncoderModelSpec(_encoder_layers(map_safetensors(folder / "model.safetensors")))
    spec.config.unk_token = UNKNOWN_TOKEN
    spec.config.layer_norm_epsilon = LAYER_NORM_EPSILON
    spec.register_vocabulary(_vocabulary(folder / "tokenizer.json"))
    spec.validate()
    return spec


def map_safetensors(path: Path) -> Tensors:
    """The float32 tensors of a safetensors file, mapped into memory and read only when touched.

    The file is a u64 length, a JSON header of that length (name: dtype, shape, data_offsets), and the data.
    """
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int(data[:8].view("<u8")[0])
    if start > data.size:
        raise ModelError(f"{path.name} is not a safetensors file.")
    header = json.loads(data[8:start].tobytes())
    rows = {name: row for name, row in header.items() if name != "__metadata__" and row["dtype"] == "F32"}
    return {name: _tensor(data[start:], row["shape"], row["data_offsets"]) for name, row in rows.items()}


def _tensor(data: NDArray[np.uint8], shape: list[int], offsets: list[int]) -> Tensor:
    return data[slice(*offsets)].view("<f4").reshape(shape)


def _vocabulary(tokenizer: Path) -> list[str]:
    """Every token, in the order of its id."""
    words: dict[str, int] = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(words, key=words.__getitem__)


def _encoder_layers(tensors: Tensors) -> ct2.TransformerEncoderSpec:
    spec = ct2.TransformerEncoderSpec(
        LAYERS,
        HEADS,
        pre_norm=False,
        activation=ct2.common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=ct2.EmbeddingsMerge.ADD,
    )
    spec.scale_embeddings = False
    spec.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    spec.embeddings[1].weight = tensors["embeddings.token_type_embeddings.weight"]
    spec.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _set_norm(spec.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for number, layer in enumerate(spec.layer):
        _set_layer(layer, tensors, f"encoder.layer.{number}")
    return spec


def _set_layer(layer: Any, tensors: Tensors, prefix: str) -> None:
    attention = layer.self_attention
    parts = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
    attention.linear[0].weight = np.concatenate([tensors[f"{part}.weight"] for part in parts])
    attention.linear[0].bias = np.concatenate([tensors[f"{part}.bias"] for part in parts])
    _set_linear(attention.linear[1], tensors, f"{prefix}.attention.output.dense")
    _set_norm(attention.layer_norm, tensors, f"{prefix}.attention.output.LayerNorm")
    _set_linear(layer.ffn.linear_0, tensors, f"{prefix}.intermediate.dense")
    _set_linear(layer.ffn.linear_1, tensors, f"{prefix}.output.dense")
    _set_norm(layer.ffn.layer_norm, tensors, f"{prefix}.output.LayerNorm")


def _set_linear(spec: Any, tensors: Tensors, name: str) -> None:
    spec.weight, spec.bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _set_norm(spec: Any, tensors: Tensors, name: str) -> None:
    spec.gamma, spec.beta = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
