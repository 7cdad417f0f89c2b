"""Other stores of vectors on the same passages and questions, each in an environment of its own.

`PYTHON rivals.py TOOL build|ask FOLDER` runs there and prints JSON. FOLDER holds vectors.npy (n, dim) float32,
texts.txt (a line for each) and questions.json. Nothing of halfgig is imported.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 5_000
POOL, BEST = 50, 10


def batches(folder: Path) -> Iterator[tuple[int, Any, list[str]]]:
    """Yield runs of passages: the first one's number, vectors and texts."""
    import numpy as np

    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    with (folder / "texts.txt").open(encoding="utf-8") as lines:
        for first in range(0, len(vectors), BATCH):
            rows = np.array(vectors[first : first + BATCH])
            yield first, rows, [next(lines).rstrip("\n") for _ in rows]


class Numpy:
    """Every vector compared, in memory: exact, and what others are measured against."""

    def build(self, folder: Path) -> None:
        """Nothing: the file is what is asked."""

    def open(self, folder: Path) -> Callable[[list[float]], list[int]]:
        import numpy as np

        vectors = np.load(folder / "vectors.npy")

        def ask(vector: list[float]) -> list[int]:
            scores = vectors @ np.array(vector, np.float32)
            best = np.argpartition(-scores, POOL)[:POOL]
            return [int(one) for one in best[np.argsort(-scores[best])]]

        return ask


class Lance:
    """LanceDB's table without an index, which compares with every vector."""

    name, indexed = "lancedb", False

    def build(self, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        def rows() -> Iterator[Any]:
            for first, vectors, texts in batches(folder):
                numbers = pa.array(range(first, first + len(texts)))
                flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
                yield pa.RecordBatch.from_arrays([numbers, flat, pa.array(texts)], ["number", "vector", "text"])

        first = next(rows())
        table = lancedb.connect(folder / self.name).create_table("passages", rows(), schema=first.schema)
        if self.indexed:
            table.create_index(metric="cosine", vector_column_name="vector")

    def open(self, folder: Path) -> Callable[[list[float]], list[int]]:
        import lancedb

        table = lancedb.connect(folder / self.name).open_table("passages")

        def ask(vector: list[float]) -> list[int]:
            near = table.search(vector).distance_type("cosine").limit(POOL)
            return [row["number"] for row in near.select(["number", "text", "_distance"]).to_list()]

        return ask


class LanceIndexed(Lance):
    """LanceDB with the index that its documentation starts with, IVF_PQ."""

    name, indexed = "lancedb-index", True


class Chroma:
    """Chroma's collection, which is an HNSW graph, as it comes."""

    def build(self, folder: Path) -> None:
        import chromadb

        client = chromadb.PersistentClient(str(folder / "chroma"))
        collection = client.create_collection("passages", metadata={"hnsw:space": "cosine"}, embedding_function=None)
        for first, vectors, texts in batches(folder):
            ids = [str(number) for number in range(first, first + len(texts))]
            collection.add(ids=ids, embeddings=vectors, documents=texts)

    def open(self, folder: Path) -> Callable[[list[float]], list[int]]:
        import chromadb

        client = chromadb.PersistentClient(str(folder / "chroma"))
        collection = client.get_collection("passages", embedding_function=None)

        def ask(vector: list[float]) -> list[int]:
            found = collection.query(query_embeddings=[vector], n_results=POOL, include=["documents", "distances"])
            return [int(one) for one in found["ids"][0]]

        return ask


TOOLS: dict[str, Any] = {"numpy": Numpy, "lancedb": Lance, "lancedb-index": LanceIndexed, "chroma": Chroma}


def build(tool: Any, folder: Path) -> dict[str, float]:
    """Seconds of the clock and the processor."""
    begun, busy = time.perf_counter(), time.process_time()
    tool.build(folder)
    return {"build_s": time.perf_counter() - begun, "build_cpu_s": time.process_time() - busy}


def ask(tool: Any, folder: Path) -> dict[str, Any]:
    """Milliseconds of each question, the first one from the opening on; what was found."""
    asked = [one["vector"] for one in json.loads((folder / "questions.json").read_text())]
    begun = time.perf_counter()
    answer = tool.open(folder)
    answer(asked[0])
    first = time.perf_counter() - begun
    times, work, found = [], [], []
    for vector in asked:
        begun, busy = time.perf_counter(), time.process_time()
        found.append(answer(vector)[:BEST])
        times.append(1000 * (time.perf_counter() - begun))
        work.append(1000 * (time.process_time() - busy))
    speed = {"first_ms": 1000 * first, "p50_ms": median(times), "p95_ms": quantiles(times, n=20)[-1]}
    return {**speed, "cpu_ms": median(work), "found": found}


def main() -> None:
    """Do one of the two, and tell the peak."""
    name, action, folder = sys.argv[1:]
    told = {"build": build, "ask": ask}[action](TOOLS[name](), Path(folder))
    status = Path("/proc/self/status").read_text().splitlines()
    told["peak_mib"] = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
