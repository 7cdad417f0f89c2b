"""Passages like real ones in any number: real prose with its real vectors, each copy changed in words and meaning.

Every fourth word of a copy is another of the prose, drawn as often as it occurs. Its vector is the real one turned by
noise to a cosine of about 0.8, so that copies lie around their originals as passages on one subject do. Random vectors
would all be equally far from a question, and random words equally rare.
"""

from __future__ import annotations

import json
import random
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.recall import real_passages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Vector
    from halfgig.retrieval.vectors import SentenceEmbedder

TURN = 0.75  # length of the noise beside a vector of length 1: the cosine to the original is 0.8
OTHER_WORDS = 0.25
BATCH = 1_000  # passages whose vectors are made at a time
QUESTIONS = 60


@dataclass(frozen=True, slots=True)
class Prose:
    """Real passages: their texts, their vectors (n, dim) float32, and all their words, as often as they occur."""

    texts: list[str]
    vectors: Vector
    words: list[str]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its vector."""

    text: str
    vector: array[float]


def read_prose(embedder: SentenceEmbedder) -> Prose:
    """The prose that every Python brings along, embedded."""
    texts = [passage.text for passage in real_passages()]
    return Prose(texts, np.asarray(embedder.embed(texts)), [word for text in texts for word in text.split()])


def copies(prose: Prose, count: int, seed: int = 0) -> Iterator[tuple[str, Vector]]:
    """Yield so many passages, each a text and its vector (dim,) float32 of length 1."""
    words, noise = random.Random(seed), np.random.default_rng(seed)
    for first in range(0, count, BATCH):
        numbers = np.arange(first, min(first + BATCH, count)) % len(prose.texts)
        turned = prose.vectors[numbers] + noise.standard_normal((len(numbers), prose.dim), np.float32) * (
            TURN / np.sqrt(prose.dim)
        )
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        for number, vector in zip(numbers, turned, strict=True):
            yield _changed(prose.texts[number], prose.words, words), vector.astype(np.float32)


def _changed(text: str, words: list[str], rng: random.Random) -> str:
    return " ".join(rng.choice(words) if rng.random() < OTHER_WORDS else word for word in text.split())


def make_questions(prose: Prose, embedder: SentenceEmbedder) -> list[Asked]:
    """Questions: the first words of some passages, embedded as questions are."""
    step = max(1, len(prose.texts) // QUESTIONS)
    texts = [" ".join(text.split()[:8]) for text in prose.texts[::step]][:QUESTIONS]
    return [Asked(text, array("f", embedder.embed_question(text).tolist())) for text in texts]


def write_questions(questions: list[Asked], path: Path) -> None:
    """Keep them for another process."""
    path.write_text(json.dumps([{"text": one.text, "vector": list(one.vector)} for one in questions]))
