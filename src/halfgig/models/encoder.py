"""BERT and RoBERTa-class sentence models as CTranslate2 encoders, from their published safetensors, without torch.

The pooler, which sentence vectors do not use, is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import ctranslate2.specs as ct2
import numpy as np

from halfgig.errors import ModelError
from halfgig.models.quantize import Head, write_quantized
from halfgig.models.tensors import read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.models.quantize import Streamed
    from halfgig.models.tensors import Tensor, Tensors

UNKNOWN_TOKEN = "[UNK]"  # noqa: S105  (a word of the vocabulary)
_GELU, _GELU_TANH = ct2.common_spec.Activation.GELU, ct2.common_spec.Activation.GELUTanh
ACTIVATIONS = {
    "gelu": _GELU,
    "gelu_new": _GELU_TANH,
    "gelu_fast": _GELU_TANH,
    "gelu_pytorch_tanh": _GELU_TANH,
    "relu": ct2.common_spec.Activation.RELU,
}
# RoBERTa counts positions from the one after the padding token's, BERT from 0.
FIRST_POSITION_AFTER_PADDING = {"bert": False, "roberta": True, "xlm-roberta": True, "camembert": True}
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"

# What each part of the published model is called by CTranslate2; layers are beside one another in both.
_OUTSIDE = {
    "embeddings_0/weight": WORDS,
    "embeddings_1/weight": "embeddings.token_type_embeddings.weight",
    "layernorm_embedding/gamma": "embeddings.LayerNorm.weight",
    "layernorm_embedding/beta": "embeddings.LayerNorm.bias",
}
_LINEAR = {
    "self_attention/linear_1": "attention.output.dense",
    "ffn/linear_0": "intermediate.dense",
    "ffn/linear_1": "output.dense",
}
_NORMS = {"self_attention/layer_norm": "attention.output.LayerNorm", "ffn/layer_norm": "output.LayerNorm"}
_ATTENTION = ("query", "key", "value")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a model's config.json says of its build. `first` is the row of the first position."""

    layers: int
    heads: int
    activation: str = "gelu"
    epsilon: float = 1e-12
    first: int = 0


MINILM = Shape(layers=6, heads=12)  # all-MiniLM-L6-v2, by its model card


@dataclass(frozen=True, slots=True)
class Joined:
    """Tensors one below the other: what attention asks, keys and values are one matrix to CTranslate2."""

    parts: Sequence[Tensor]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the parts."""
        return self.parts[0].dtype

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield the blocks of each part in its turn."""
        return chain.from_iterable(part.blocks() for part in self.parts)


def read_shape(config: Mapping[str, Any]) -> Shape:
    """The build of a model by its config.json, to be read while `understood`.

    ModelError where it is of a kind that is not known here.
    """
    kind, activation = config.get("model_type"), config.get("hidden_act", "gelu")
    if kind not in FIRST_POSITION_AFTER_PADDING:
        known = ", ".join(FIRST_POSITION_AFTER_PADDING)
        raise ModelError(f"Models of type {kind} are not known here.", f"Choose one of a type among {known}.")
    if activation not in ACTIVATIONS or config.get("position_embedding_type", "absolute") != "absolute":
        raise ModelError("The model has an activation or positions that are not known here.", "Choose another.")
    first = int(config.get("pad_token_id") or 0) + 1 if FIRST_POSITION_AFTER_PADDING[kind] else 0
    layers, heads = int(config["num_hidden_layers"]), int(config["num_attention_heads"])
    if min(layers, heads) < 1:
        raise ValueError(f"{layers} layers of {heads} heads")
    return Shape(layers, heads, activation, float(config.get("layer_norm_eps", 1e-12)), first)


def build_encoder(folder: Path, into: Path, shape: Shape = MINILM) -> None:
    """Write an int8 encoder to `into` from the `model.safetensors` in `folder`.

    The tensors stay in their file until they are written, so the peak is a few MiB above the imports. ModelError
    where one is missing, or they are of another shape.
    """
    tensors = _without_prefix(read_tensors(folder / "model.safetensors"))
    model = ct2.TransformerEncoderModelSpec(_bare_encoder(shape))
    model.config.unk_token = UNKNOWN_TOKEN
    model.config.layer_norm_epsilon = shape.epsilon
    model.config.save_as_json(str(into / "config.json"))
    # Only numbers go in and out, so the encoder's own list of words is never read: a short one costs nothing.
    (into / "vocabulary.json").write_text(json.dumps([UNKNOWN_TOKEN]), encoding="utf-8")
    try:
        _check_fit(tensors, shape)
        variables: dict[str, NDArray[Any] | Streamed] = {**dict(_facts(model)), **dict(_variables(tensors, shape))}
    except KeyError as error:
        raise ModelError(
            f"The weights lack {error}.", "Choose a sentence model of a type that is known here."
        ) from None
    write_quantized(Head(model.name, model.revision), sorted(variables.items()), into / "model.bin")


def _check_fit(tensors: Tensors, shape: Shape) -> None:
    """ModelError where heads cannot share a row, or no position is left. KeyError where a tensor is missing."""
    width, positions = tensors[WORDS].shape[-1], tensors[POSITIONS].shape[0]
    if width % shape.heads or not 0 <= shape.first < positions:
        raise ModelError("The weights are not of the build that config.json tells.", "Fetch the model again.")


def _bare_encoder(shape: Shape) -> ct2.TransformerEncoderSpec:
    """The encoder without its tensors."""
    encoder = ct2.TransformerEncoderSpec(
        shape.layers,
        shape.heads,
        pre_norm=False,
        activation=ACTIVATIONS[shape.activation],
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=ct2.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    return encoder


def _facts(model: ct2.TransformerEncoderModelSpec) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the numbers that say how the encoder is built."""
    for name, value in model.variables(ordered=True):
        if value is not None:
            yield name, np.asarray(value, np.int8 if isinstance(value, bool) else None)


def _variables(tensors: Tensors, shape: Shape) -> Iterator[tuple[str, Streamed]]:
    """Yield every tensor under CTranslate2's name. KeyError where one is missing."""
    for name, published in _OUTSIDE.items():
        yield f"encoder/{name}", tensors[published]
    yield "encoder/position_encodings/encodings", tensors[POSITIONS].rows_from(shape.first)
    for number in range(shape.layers):
        for name, tensor in _layer(tensors, f"encoder.layer.{number}"):
            yield f"encoder/layer_{number}/{name}", tensor


def _layer(tensors: Tensors, prefix: str) -> Iterator[tuple[str, Streamed]]:
    for kind in ("weight", "bias"):
        yield (
            f"self_attention/linear_0/{kind}",
            Joined([tensors[f"{prefix}.attention.self.{part}.{kind}"] for part in _ATTENTION]),
        )
        for name, published in _LINEAR.items():
            yield f"{name}/{kind}", tensors[f"{prefix}.{published}.{kind}"]
    for name, published in _NORMS.items():
        yield f"{name}/gamma", tensors[f"{prefix}.{published}.weight"]
        yield f"{name}/beta", tensors[f"{prefix}.{published}.bias"]


def _without_prefix(tensors: Tensors) -> Tensors:
    """The tensors under their plain names: some checkpoints keep the encoder as a part of a larger model."""
    prefix = next((name.removesuffix(WORDS) for name in tensors if name.endswith(WORDS)), "")
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
