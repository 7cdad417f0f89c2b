"""How fast passages are embedded, indexed and found: `python -m benchmarks.search` prints JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from halfgig.records import Passage, Query, Scope, Segment, StoredSource
from halfgig.retrieval.embedding import embed_passages, meaning_of
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Vector

MODEL = "all-MiniLM-L6-v2"
SIZES = (1_000, 10_000)
SOURCE = 1_000  # passages in each made source: about seven hours of speech
QUESTIONS = 30
DIM = 384


def measure(sizes: Sequence[int] = SIZES) -> dict[str, float]:
    """Passages embedded a second; for each size passages indexed a second, median milliseconds a question, peak MiB.

    Texts are words by Zipf's law and vectors random, which costs what real ones cost. Questions go by meaning and
    keyword; their own embedding is told apart as `embed_ms`. The figure of the peak is the whole process's so far.
    """
    figures = _embedding(Settings.from_environment())
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            figures |= _indexing(Path(folder) / "library.db", size)
    return figures


def _embedding(settings: Settings) -> dict[str, float]:
    embedder = SentenceEmbedder(settings.models_dir / MODEL, MODEL)
    rng = np.random.default_rng(1)
    passages = [Passage(n, n, n + 1, _text(rng)) for n in range(60)]
    with _timed() as seconds:
        for _ in embed_passages(passages, embedder, settings.embedding_batch_size):
            pass
    with _timed() as question:
        embedder.embed_question("where did the lobster dish reach perfection")
    return {
        "embedded_per_second": len(passages) / seconds[0],
        "embed_ms": 1000 * question[0],
        "embedding_peak_mib": _peak(),
    }


def _indexing(path: Path, size: int) -> dict[str, float]:
    with open_library(path) as connection:
        index = SqliteIndex(connection, EmbeddingModel("made", DIM))
        with _timed() as building:
            for first in range(0, size, SOURCE):
                index.replace(f"{first:064x}", made_passages(min(SOURCE, size - first), seed=first))
    with open_library(path) as connection:
        times = list(_ask(SqliteIndex(connection)))
    return {
        f"indexed_per_second_{size}": size / building[0],
        f"first_question_ms_{size}": times[0],
        f"question_ms_{size}": median(times[1:]),
        f"peak_mib_{size}": _peak(),
    }


def _ask(index: SqliteIndex) -> Iterator[float]:
    """Milliseconds of each question of three words, some common and some rare."""
    rng = np.random.default_rng(2)
    for _ in range(QUESTIONS):
        question = " ".join(_words(rng, 3))
        with _timed() as seconds:
            search(Query(question), index, meaning_of(question, _RandomEmbedder()), _Shelf())
        yield 1000 * seconds[0]


class _RandomEmbedder:
    model, dim = "made", DIM

    def embed_question(self, text: str) -> Vector:
        return np.random.default_rng(len(text)).standard_normal(DIM).astype(np.float32)


class _Shelf:
    def within(self, _: Scope) -> tuple[str, ...] | None:
        return None

    def shown(self, source_id: str, _: str = "speech") -> StoredSource:
        return StoredSource(source_id, "/made.mp4", "Made", None, None, "made", "", "ready", 1)

    def segments_between(self, *_: object) -> list[Segment]:
        return []


def made_passages(count: int, seed: int) -> Iterator[tuple[Passage, Vector]]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        vector = rng.standard_normal(DIM).astype(np.float32)
        yield Passage(number, 25.0 * number, 25.0 * number + 32, _text(rng)), vector


def _text(rng: np.random.Generator) -> str:
    return " ".join(_words(rng, 80))


def _words(rng: np.random.Generator, count: int) -> Iterator[str]:
    return (f"word{rank}" for rank in np.minimum(rng.zipf(1.3, count), 50_000))


@contextmanager
def _timed() -> Iterator[list[float]]:
    seconds: list[float] = []
    begun = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - begun)


def _peak() -> float:
    """MiB that the process held at most; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


if __name__ == "__main__":
    json.dump({name: round(figure, 2) for name, figure in measure().items()}, sys.stdout, indent=2)
    print()
