"""A sentence model as publishers have it, small and random, and what it should say by plain arithmetic."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from math import erf, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "query",
    ":",
    *["the", "a", "red", "old", "dog", "cat", "house", "runs", "sleeps", "over", "under"],
]
DIM, LAYERS, HEADS, WIDE, POSITIONS = 32, 3, 4, 64, 40


@dataclass(frozen=True)
class Published:
    """A made model: its folder, and its tensors by name in float64."""

    folder: Path
    tensors: dict[str, NDArray[np.float64]]
    kind: str
    epsilon: float
    activation: str

    def vector(self, text: str, pooling: str) -> NDArray[np.float64]:
        """The vector of a text, by the definition of BERT and RoBERTa, one head and one position at a time."""
        first = 2 if self.kind == "xlm-roberta" else 0
        state = np.stack(
            [
                self._norm(
                    "embeddings.LayerNorm",
                    self.tensors["embeddings.word_embeddings.weight"][word]
                    + self.tensors["embeddings.position_embeddings.weight"][first + place]
                    + self.tensors["embeddings.token_type_embeddings.weight"][0],
                )
                for place, word in enumerate(ids_of(text))
            ]
        )
        for layer in range(LAYERS):
            state = self._layer(f"encoder.layer.{layer}", state)
        pooled = {"mean": state.mean(0), "cls": state[0], "max": state.max(0)}[pooling]
        return np.asarray(pooled / np.linalg.norm(pooled))

    def _layer(self, prefix: str, state: NDArray[np.float64]) -> NDArray[np.float64]:
        mixed = self._linear(f"{prefix}.attention.output.dense", self._attention(f"{prefix}.attention.self", state))
        state = np.stack([self._norm(f"{prefix}.attention.output.LayerNorm", row) for row in state + mixed])
        wide = self._linear(f"{prefix}.intermediate.dense", state)
        act = np.vectorize(gelu if self.activation == "gelu" else lambda value: max(value, 0.0))
        narrow = self._linear(f"{prefix}.output.dense", act(wide))
        return np.stack([self._norm(f"{prefix}.output.LayerNorm", row) for row in state + narrow])

    def _attention(self, prefix: str, state: NDArray[np.float64]) -> NDArray[np.float64]:
        size = DIM // HEADS
        query, key, value = (self._linear(f"{prefix}.{part}", state) for part in ("query", "key", "value"))
        mixed = np.zeros_like(state)
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            for place in range(len(state)):
                weights = np.exp([query[place, own] @ other[own] / sqrt(size) for other in key])
                mixed[place, own] = weights / weights.sum() @ value[:, own]
        return mixed

    def _linear(self, name: str, state: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(state @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"])

    def _norm(self, name: str, row: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = (row - row.mean()) / sqrt(row.var() + self.epsilon)
        return np.asarray(scaled * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"])


def gelu(value: float) -> float:
    return value * 0.5 * (1 + erf(value / sqrt(2)))


def ids_of(text: str) -> list[int]:
    spaced = text.replace(":", " : ").split()
    return [2, *(WORDS.index(word) if word in WORDS else 1 for word in spaced), 3]


def shapes(first: int, types: int) -> dict[str, tuple[int, ...]]:
    outside: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), DIM),
        "embeddings.position_embeddings.weight": (POSITIONS + first, DIM),
        "embeddings.token_type_embeddings.weight": (types, DIM),
        "embeddings.LayerNorm.weight": (DIM,),
        "embeddings.LayerNorm.bias": (DIM,),
        "pooler.dense.weight": (DIM, DIM),
    }
    return outside | {
        f"encoder.layer.{n}.{name}": shape for n in range(LAYERS) for name, shape in layer_shapes().items()
    }


def spread(name: str) -> float:
    """Small enough that positions stay apart, so that a wrong pooling shows."""
    if name.endswith("bias") or "LayerNorm" in name:
        return 0.05
    return 0.6 if "embeddings" in name or "query" in name or "key" in name else 0.12


def layer_shapes() -> dict[str, tuple[int, ...]]:
    square = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
    weights = dict.fromkeys(square, (DIM, DIM)) | {"intermediate.dense": (WIDE, DIM), "output.dense": (DIM, WIDE)}
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    biases: dict[str, tuple[int, ...]] = {f"{name}.bias": shape[:1] for name, shape in weights.items()}
    return (
        {f"{name}.weight": shape for name, shape in weights.items()}
        | biases
        | {f"{norm}.{part}": (DIM,) for norm in norms for part in ("weight", "bias")}
    )


def stored(values: NDArray[np.float64], type: str) -> bytes:
    single = values.astype("<f4")
    if type == "BF16":
        return (single.view("<u4") >> 16).astype("<u2").tobytes()
    return single.astype({"F32": "<f4", "F16": "<f2"}[type]).tobytes()


def restored(data: bytes, type: str) -> NDArray[np.float64]:
    if type == "BF16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").astype(np.float64)
    return np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[type]).astype(np.float64)


def write_safetensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (type, shape, data) in tensors.items():
        header[name] = {"dtype": type, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [],
    "normalizer": {"type": "Lowercase"},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "decoder": None,
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {word: number for number, word in enumerate(WORDS)},
    },
}


@dataclass
class Maker:
    """Makes models below `root`."""

    root: Path
    made: int = field(default=0)

    def __call__(
        self,
        name: str = "toy-sentences",
        *,
        kind: str = "bert",
        type: str = "F32",
        activation: str = "gelu",
        prefix: str = "",
        **files: Any,
    ) -> Published:
        """A model of this name; `files` are written as JSON, `pooling` being 1_Pooling/config.json."""
        self.made += 1
        folder = self.root / f"made-{self.made}" / name
        folder.mkdir(parents=True)
        rng = np.random.default_rng(self.made)
        roberta = kind == "xlm-roberta"
        epsilon = 1e-5 if roberta else 1e-12
        values = {one: rng.normal(size=shape) * spread(one) for one, shape in shapes(2 * roberta, 2 - roberta).items()}
        for one in values:
            values[one] += 1.0 if one.endswith("LayerNorm.weight") else 0.0
        kept = {one: (type, value.shape, stored(value, type)) for one, value in values.items()}
        write_safetensors(folder / "model.safetensors", {f"{prefix}{one}": row for one, row in kept.items()})
        tensors = {one: restored(data, type).reshape(shape) for one, (_, shape, data) in kept.items()}
        self._write(folder, kind, activation, epsilon, files)
        return Published(folder, tensors, kind, epsilon, activation)

    def _write(self, folder: Path, kind: str, activation: str, epsilon: float, files: dict[str, Any]) -> None:
        config = {
            "model_type": kind,
            "hidden_act": activation,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "layer_norm_eps": epsilon,
            "max_position_embeddings": POSITIONS + (2 if kind == "xlm-roberta" else 0),
            "pad_token_id": 1 if kind == "xlm-roberta" else 0,
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        for name, content in files.items():
            path = folder / ("1_Pooling/config.json" if name == "pooling" else f"{name}.json")
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content))


MODULES = [
    {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
    for n, (kind, path) in enumerate((("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")))
]
