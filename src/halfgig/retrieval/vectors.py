"""Vectors: sentence embeddings by a BERT-class encoder on CTranslate2, the engine that also runs the recogniser."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from halfgig.errors import ModelError
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import Meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from halfgig.records import Passage, Vector

MAX_WORDPIECES = 256  # all-MiniLM-L6-v2's own window; a passage of 120 English words has about 160


class Embedder(Protocol):
    """What turns texts into vectors: (n, dim) float32 rows of length 1, told apart by the name of their `model`."""

    model: str
    dim: int

    def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors of the texts, in their order."""
        ...


class SentenceEmbedder:
    """An encoder folder of the model store, opened: `model.bin` (int8), its vocabulary and `tokenizer.json`.

    Texts past 256 wordpieces are cut there, as the model's card does. ModelError where the folder cannot be opened.
    """

    def __init__(self, folder: Path, model: str = "", threads: int = 1) -> None:
        self.model = model or folder.name
        self._tokenizer = _open_tokenizer(folder)
        self._encoder = _open_encoder(folder, threads)
        self.dim = int(self.embed(["dim"]).shape[1])

    def words(self) -> Iterator[str]:
        """Yield the words of three letters or more that the model has whole, in lower case, the commonest first."""
        places = self._tokenizer.get_vocab()
        for piece in sorted(places, key=places.__getitem__):
            if len(piece) >= 3 and piece.isalpha():
                yield piece.lower()

    def embed(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, each row of length 1: the mean over the text's wordpieces of the encoder's last layer.

        Method: the model card of sentence-transformers/all-MiniLM-L6-v2 (mean pooling, then normalisation).
        """
        return np.stack([self._embed(text) for text in texts])

    def _embed(self, text: str) -> Vector:
        """One text alone: padding beside longer ones costs time and memory, and shifts the int8 rounding."""
        states = self._encoder.forward_batch([self._tokenizer.encode(text).ids]).last_hidden_state
        mean = np.asarray(states)[0].mean(axis=0)
        vector: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return vector


def meaning_of(text: str, embedder: Embedder) -> Meaning:
    """The meaning of a question, as `search` wants it."""
    return Meaning(EmbeddingModel(embedder.model, embedder.dim), embedder.embed([text.strip()])[0])


def embed_passages(
    passages: Iterable[Passage], embedder: Embedder, batch_size: int
) -> Iterator[tuple[Passage, Vector]]:
    """Yield each passage with its vector, (dim,) float32; embeds `batch_size` at a time and holds no more."""
    waiting = iter(passages)
    while batch := list(islice(waiting, batch_size)):
        yield from zip(batch, embedder.embed([passage.text for passage in batch]), strict=True)


def _open_tokenizer(folder: Path) -> Tokenizer:
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the library raises bare Exception for a damaged file
        raise _broken(folder, error) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_WORDPIECES)
    return tokenizer


def _open_encoder(folder: Path, threads: int) -> ctranslate2.Encoder:
    try:
        return ctranslate2.Encoder(str(folder), compute_type="int8", intra_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise _broken(folder, error) from error


def _broken(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The embedding model in {folder} cannot be opened ({error}).",
        "Run `halfgig models verify`, and pull again what it names.",
    )
