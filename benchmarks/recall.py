"""How much of the exact answer the signs of vectors keep: `python -m benchmarks.recall` prints JSON.

Over 1,000 and more passages of real prose, which every Python brings along (the language's reference and the
documentation of its modules), asked with 100 sentences. At this size the usual picks are a quarter
of all passages, so the figures for fewer tell more of a large index.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
from itertools import chain
from pathlib import Path
from pydoc_data import topics
from typing import TYPE_CHECKING

import halfgig.retrieval.sqlite as embedded_index
from benchmarks.questions import MODEL
from halfgig.records import Segment
from halfgig.retrieval.embedding import embed_passages
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.passages import make_passages
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import Passage, Vector

MODULES = (
    "argparse",
    "decimal",
    "doctest",
    "email",
    "logging",
    "optparse",
    "pickle",
    "pickletools",
    "random",
    "tarfile",
)
QUESTIONS = 100
K = 10


def real_passages() -> list[Passage]:
    """The prose, in passages."""
    named = (getattr(importlib.import_module(name), "__doc__", "") or "" for name in MODULES)
    texts = chain((topics.topics[name] for name in sorted(topics.topics)), named, _methods())
    segments = (Segment(n, n + 1.0, f" {sentence}") for n, sentence in enumerate(_sentences(" ".join(texts))))
    return list(make_passages(segments))


def _methods() -> Iterator[str]:
    for name in MODULES:
        for value in vars(importlib.import_module(name)).values():
            yield getattr(value, "__doc__", None) or ""


def _sentences(text: str) -> Iterator[str]:
    return (sentence for part in re.split(r"(?<=[.!?])\s", text) if (sentence := re.sub(r"\s+", " ", part).strip()))


def measure(embedder: SentenceEmbedder) -> dict[str, float]:
    """Recall of the exact ten by signs, for several numbers of picks."""
    passages = real_passages()
    asked = [passage.text.split(". ")[0] for passage in passages[:: len(passages) // QUESTIONS]][:QUESTIONS]
    vectors = list(embedder.embed(asked))
    figures: dict[str, float] = {"passages": len(passages), "questions": len(asked)}
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder) / "library.db") as connection:
        model = EmbeddingModel(embedder.model, embedder.dim)
        exact = embedded_index.SqliteIndex(connection, model)
        exact.replace("prose", embed_passages(passages, embedder, 20))
        signs = embedded_index.SqliteIndex(connection, model, exact=0)
        for picks in (20, 40, 80, embedded_index.LEAST_PICKED):
            embedded_index.LEAST_PICKED, embedded_index.PICKED = picks, 1
            figures[f"recall_at_{K}_of_{picks}_picked"] = _recall(exact, signs, vectors)
    return figures


def _recall(exact: embedded_index.SqliteIndex, signs: embedded_index.SqliteIndex, vectors: list[Vector]) -> float:
    kept = 0
    for vector in vectors:
        wanted, got = ({one.passage.number for one in index.nearest(vector, K)} for index in (exact, signs))
        kept += len(wanted & got)
    return kept / (K * len(vectors))


def main() -> None:
    """Print the figures."""
    embedder = SentenceEmbedder(Settings.from_environment().models_dir / MODEL, MODEL)
    json.dump({name: round(figure, 4) for name, figure in measure(embedder).items()}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
