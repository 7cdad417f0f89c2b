"""Search: how well, how fast, in how much memory, beside other stores. One command prints tables.

`python -m benchmarks.search [PASSAGES ...] [--million] [--folder F]`. Quality is measured on questions over real
speech (`benchmarks.questions`), the rest on passages that are like real ones in number (`benchmarks.lifelike`). numpy's
exact search stands beside it, and LanceDB and Chroma where `make rivals` has made environments for them. Libraries stay
in F, and are not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import embedding, questions
from benchmarks.lifelike import BATCH, Prose, copies, make_questions, read_prose, write_questions
from benchmarks.questions import MODEL
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.vectors import SentenceEmbedder
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES, MILLION = (1_000, 10_000, 100_000), 1_000_000
SOURCE = 1_000  # passages of each made source: about seven hours of speech
BEST = 10
PROJECT = Path(__file__).resolve().parents[1]
RIVALS = {
    "numpy": Path(sys.executable),
    "lancedb": PROJECT / ".venv-lancedb" / "bin" / "python",
    "lancedb-index": PROJECT / ".venv-lancedb" / "bin" / "python",
    "chroma": PROJECT / ".venv-chroma" / "bin" / "python",
}
HEAD = ("passages", "what", "built a second", "first ms", "p50 ms", "p95 ms", "p50 CPU ms", "peak MiB", "recall@10")
WAYS = ("both", "keyword", "meaning")


@dataclass(frozen=True, slots=True)
class Set:
    """Passages in a folder: the library, and for others vectors.npy, texts.txt and questions.json."""

    folder: Path
    size: int

    @property
    def library(self) -> Path:
        """The library."""
        return self.folder / "library.db"

    @property
    def built(self) -> Path:
        """Figures of how the library was made; there once it is whole."""
        return self.folder / "built.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.search", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, metavar="PASSAGES", default=list(SIZES))
    parser.add_argument("--million", action="store_true", help="also a million passages: an hour, and 5 GB of disk")
    parser.add_argument("--folder", type=Path, default=Settings.from_environment().data_dir / "benchmarks" / "search")
    parser.add_argument("--only", nargs="*", default=["halfgig", *RIVALS], help="which tools to ask")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    embedder = SentenceEmbedder(Settings.from_environment().models_dir / MODEL, MODEL)
    print_quality(questions.measure(embedder))
    figures = embedding.measure(Settings.from_environment())
    print(f"\nEmbedding: {', '.join(f'{name} {figure:.1f}' for name, figure in figures.items())}\n")
    prose = read_prose(embedder)
    print_row(HEAD)
    print_row(["---"] * len(HEAD))
    for size in [*given.sizes, *([MILLION] if given.million else [])]:
        one = Set(given.folder.expanduser() / str(size), size)
        make(one, prose, embedder)
        for row in rows(one, given.only):
            print_row(row)


def print_quality(figures: dict[str, float]) -> None:
    """Recall and MRR of each way on the questions, as a table."""
    count = {name: round(figures[name]) for name in ("passages", "questions", "terms")}
    print(f"Quality: {', '.join(f'{name} {number}' for name, number in count.items())}")
    print_row(["way", "recall@1", "recall@5", "MRR"])
    print_row(["---"] * 4)
    for way in (*questions.WAYS, *(f"{way}_with_terms" for way in questions.WAYS if way != "slips")):
        print_row([way, *(f"{figures[f'{way}_{measure}']:.2f}" for measure in ("recall_1", "recall_5", "mrr"))])


def make(one: Set, prose: Prose, embedder: SentenceEmbedder) -> None:
    """Make the library, and the files that others read, where they are not there."""
    if one.built.exists():
        return
    one.folder.mkdir(parents=True, exist_ok=True)
    one.library.unlink(missing_ok=True)
    write_questions(make_questions(prose, embedder), one.folder / "questions.json")
    vectors = np.lib.format.open_memmap(one.folder / "vectors.npy", "w+", np.float32, (one.size, prose.dim))
    with (one.folder / "texts.txt").open("w", encoding="utf-8") as texts:
        for number, (text, vector) in enumerate(copies(prose, one.size)):
            vectors[number] = vector
            texts.write(text + "\n")
    vectors.flush()
    begun, busy = time.perf_counter(), time.process_time()
    _fill(one)
    told = {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - busy}
    one.built.write_text(json.dumps(told))


def _fill(one: Set) -> None:
    vectors = np.load(one.folder / "vectors.npy", mmap_mode="r")
    with open_library(one.library) as connection, (one.folder / "texts.txt").open(encoding="utf-8") as texts:
        library, index = Library(connection), SqliteIndex(connection, EmbeddingModel(MODEL, vectors.shape[1]))
        for first in range(0, one.size, SOURCE):
            source = library.add_source(f"{first:064x}", f"/{first}.mp4", f"Made {first}", "made")
            source = library.close_transcript(source)
            lines = (line.rstrip("\n") for line in islice(texts, SOURCE))
            passages = (Passage(n, 25.0 * n, 25.0 * n + 32, line) for n, line in enumerate(lines))
            index.replace(source.id, zip(passages, vectors[first : first + SOURCE], strict=False))
            library.finish(source)


def rows(one: Set, only: Sequence[str]) -> Iterator[list[str]]:
    """Yield a row for each way that halfgig answers, and for each other tool."""
    exact = nearest(one)
    if "halfgig" in only:
        told = _run([sys.executable, "-m", "benchmarks.answering", str(one.library), str(_asked(one)), "--cold"])
        rate = one.size / json.loads(one.built.read_text())["seconds"]
        found = [[int(source, 16) + number for source, number in best] for best in told["found"]]
        for way in WAYS:
            kept = f"{recall(found, exact):.3f}" if way == "meaning" else ""
            yield [
                f"{one.size:,}",
                f"halfgig, {way}",
                f"{rate:,.0f}",
                *_speed(told[way]),
                f"{told['peak_mib']:.0f}",
                kept,
            ]
    for tool, python in RIVALS.items():
        if tool in only and python.exists():
            yield _rival(one, tool, python, exact)


def _rival(one: Set, tool: str, python: Path, exact: list[list[int]]) -> list[str]:
    command = [str(python), str(Path(__file__).with_name("rivals.py")), tool]
    done = one.folder / f"built-{tool}.json"
    if not done.exists():
        done.write_text(json.dumps(_run([*command, "build", str(one.folder)])))
    told, built = _run([*command, "ask", str(one.folder)]), json.loads(done.read_text())
    rate = f"{one.size / built['build_s']:,.0f}" if tool != "numpy" else ""
    kept = f"{recall(told['found'], exact):.3f}"
    peak = f"{told['peak_mib']:.0f}" + (f" ({built['peak_mib']:.0f} to build)" if rate else "")
    return [f"{one.size:,}", tool, rate, *_speed(told), peak, kept]


def _speed(told: dict[str, float]) -> list[str]:
    return [f"{told[name]:.0f}" for name in ("first_ms", "p50_ms", "p95_ms", "cpu_ms")]


def _run(command: list[str]) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, cwd=PROJECT)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _asked(one: Set) -> Path:
    return one.folder / "questions.json"


def nearest(one: Set) -> list[list[int]]:
    """The ten nearest passages of each question, exactly, a run of passages at a time."""
    asked = np.array([row["vector"] for row in json.loads(_asked(one).read_text())], np.float32)
    vectors = np.load(one.folder / "vectors.npy", mmap_mode="r")
    best = np.full((len(asked), BEST), -2.0, np.float32)
    numbers = np.zeros((len(asked), BEST), np.int64)
    for first in range(0, one.size, 10 * BATCH):
        scores = np.hstack([best, asked @ np.array(vectors[first : first + 10 * BATCH]).T])
        known = np.hstack([numbers, np.tile(np.arange(first, first + scores.shape[1] - BEST), (len(asked), 1))])
        top = np.argsort(-scores, axis=1)[:, :BEST]
        best, numbers = np.take_along_axis(scores, top, 1), np.take_along_axis(known, top, 1)
    found: list[list[int]] = numbers.tolist()
    return found


def recall(found: Sequence[Sequence[int]], exact: Sequence[Sequence[int]]) -> float:
    """Which share of the exact ten was found."""
    return sum(len(set(some) & set(all)) for some, all in zip(found, exact, strict=True)) / (BEST * len(exact))


def print_row(cells: Sequence[str]) -> None:
    """One row of a table in Markdown."""
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
