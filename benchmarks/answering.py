"""How fast a large library answers, and in how much memory: `python -m benchmarks.answering 100000` prints JSON.

The library is made by this process; a child without numpy asks it, as the server does. Vectors are random, which costs
what real ones cost; texts are words by Zipf's law.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.search import DIM, SOURCE, made_passages
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.sqlite import Library, open_library

QUESTIONS = 60

# Asks the library at argv[1], in which every source is ready, and prints milliseconds and the peak.
ASKER = f"""
import json, random, sys, time
from array import array
from pathlib import Path
from statistics import median, quantiles
from halfgig.records import Query
from halfgig.retrieval.events import EventIndex
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.query import Meaning, search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.sqlite import Library, open_library
rng = random.Random(3)
model = EmbeddingModel("made", {DIM})
def question():
    return " ".join(f"word{{min(int(rng.paretovariate(0.3)), 50000)}}" for _ in range(3))
def ask(connection, vector):
    meaning = Meaning(model, vector) if vector else None
    return search(Query(question()), SqliteIndex(connection), meaning, Library(connection), EventIndex(connection))
with open_library(Path(sys.argv[1])) as connection:
    told = {{}}
    for way in ("both", "keyword"):
        times, work = [], []
        for _ in range({QUESTIONS}):
            vector = array("f", [rng.gauss(0, 1) for _ in range({DIM})]) if way == "both" else None
            begun, busy = time.perf_counter(), time.process_time()
            ask(connection, vector)
            times.append(1000 * (time.perf_counter() - begun))
            work.append(1000 * (time.process_time() - busy))
        told[f"{{way}}_first_ms"], told[f"{{way}}_p50_ms"] = times[0], median(times)
        told[f"{{way}}_p95_ms"], told[f"{{way}}_p50_cpu_ms"] = quantiles(times, n=20)[-1], median(work)
    assert "numpy" not in sys.modules
status = Path("/proc/self/status").read_text().splitlines()
told["peak_mib"] = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
print(json.dumps(told))
"""


def measure(passages: int, path: Path) -> dict[str, float]:
    """Seconds to make the library, milliseconds of its answers, and MiB of the process that answers, at its peak.

    Of the milliseconds those of the processor are told too, since other work on the machine does not count there.
    """
    begun = time.monotonic()
    with open_library(path) as connection:
        index, library = SqliteIndex(connection, EmbeddingModel("made", DIM)), Library(connection)
        for first in range(0, passages, SOURCE):
            source = library.add_source(f"{first:064x}", f"/{first}.mp4", f"Made {first}", "made")
            count = min(SOURCE, passages - first)
            index.replace(source.id, made_passages(count, first), lambda source=source: library.finish(source))  # type: ignore[misc]
    built = time.monotonic() - begun
    asked = subprocess.run([sys.executable, "-c", ASKER, str(path)], capture_output=True, text=True, check=True)
    return {"passages": passages, "build_s": built, "file_mib": path.stat().st_size / 2**20, **json.loads(asked.stdout)}


def main() -> None:
    """Measure each size of the command line."""
    for size in map(int, sys.argv[1:] or ["10000"]):
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(size, Path(folder) / "library.db")
        print(json.dumps({name: round(figure, 1) for name, figure in figures.items()}), flush=True)


if __name__ == "__main__":
    main()
