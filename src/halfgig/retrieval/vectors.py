"""Vectors: sentence embeddings by a BERT-class encoder on CTranslate2, the engine that also runs the recogniser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from halfgig.errors import ModelError
from halfgig.records import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from halfgig.records import Vector

MINILM = Recipe()
PIECES_LEARNT = 30_000  # of a model that knows many languages; the rest are rare, or of no word
WORD_BEGINS = "▁"  # in vocabularies of SentencePiece


class SentenceEmbedder:
    """An encoder folder of the model store, opened: `model.bin` (int8) and `tokenizer.json`.

    Texts past the longest of the recipe are cut there. ModelError where the folder cannot be opened.
    """

    def __init__(self, folder: Path, model: str = "", threads: int = 1, recipe: Recipe = MINILM) -> None:
        self.model, self._recipe = model or folder.name, recipe
        self._pool = POOLINGS[recipe.pooling]
        self._tokenizer = _open_tokenizer(folder, recipe.longest)
        self._encoder = _open_encoder(folder, threads)
        self.dim = int(self.embed(["dim"]).shape[1])

    def close(self) -> None:
        """Give the memory of the model back."""
        self._encoder.unload_model()

    def words(self) -> Iterator[str]:
        """Yield the words of three letters or more that the model has whole, in lower case, the commonest first."""
        places = self._tokenizer.get_vocab()
        pieces = sorted(places, key=places.__getitem__)[:PIECES_LEARNT]
        marked = any(piece.startswith(WORD_BEGINS) for piece in pieces)
        begun = (piece.removeprefix(WORD_BEGINS) for piece in pieces if not marked or piece.startswith(WORD_BEGINS))
        return (word.lower() for word in begun if len(word) >= 3 and word.isalpha())

    def embed(self, texts: Sequence[str]) -> Vector:
        """(n, dim) float32, each row of length 1: the encoder's last layer, pooled over the text's wordpieces.

        Method: sentence-transformers (pooling, then normalisation), by the recipe of the model.
        """
        return np.stack([self._embed(self._recipe.passage + text) for text in texts])

    def embed_question(self, text: str) -> Vector:
        """(dim,) float32 of length 1: the question with what the model wants before it."""
        return self._embed(self._recipe.query + text)

    def _embed(self, text: str) -> Vector:
        """One text alone: padding beside longer ones costs time and memory, and shifts the int8 rounding."""
        states = self._encoder.forward_batch([self._tokenizer.encode(text).ids]).last_hidden_state
        pooled = self._pool(np.asarray(states)[0])
        vector: Vector = (pooled / max(float(np.linalg.norm(pooled)), 1e-12)).astype(np.float32)
        return vector


def _mean(states: Vector) -> Vector:
    return np.asarray(states.mean(axis=0))


def _first(states: Vector) -> Vector:
    return np.asarray(states[0])


def _largest(states: Vector) -> Vector:
    return np.asarray(states.max(axis=0))


POOLINGS = {"mean": _mean, "cls": _first, "max": _largest}


def _open_tokenizer(folder: Path, longest: int) -> Tokenizer:
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the library raises bare Exception for a damaged file
        raise _broken(folder, error) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
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
