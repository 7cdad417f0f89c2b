"""How fast passages of 80 words are embedded by the usual model: `python -m benchmarks.embedding` prints JSON."""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmarks.questions import MODEL
from halfgig.errors import MIB
from halfgig.memory.meter import peak_rss
from halfgig.records import Passage
from halfgig.retrieval.embedding import embed_passages
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings

PASSAGES = 60


def measure(settings: Settings) -> dict[str, float]:
    """Passages a second of the clock and of the processor, milliseconds a question, MiB at the peak."""
    embedder = SentenceEmbedder(settings.models_dir / MODEL, MODEL)
    rng = np.random.default_rng(1)
    passages = [Passage(n, n, n + 1, _text(rng)) for n in range(PASSAGES)]
    begun, busy = time.perf_counter(), time.process_time()
    for _ in embed_passages(passages, embedder, settings.embedding_batch_size):
        pass
    took, worked = time.perf_counter() - begun, time.process_time() - busy
    begun = time.perf_counter()
    embedder.embed_question("where did the lobster dish reach perfection")
    return {
        "embedded_per_second": PASSAGES / took,
        "embedded_per_cpu_second": PASSAGES / worked,
        "question_ms": 1000 * (time.perf_counter() - begun),
        "peak_mib": peak_rss() / MIB,
    }


def _text(rng: np.random.Generator) -> str:
    return " ".join(f"word{rank}" for rank in np.minimum(rng.zipf(1.3, 80), 50_000))


if __name__ == "__main__":
    json.dump({name: round(figure, 2) for name, figure in measure(Settings.from_environment()).items()}, sys.stdout)
    print()
