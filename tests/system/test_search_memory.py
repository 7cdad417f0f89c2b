"""Search's memory does not grow with the library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Indexes the number of passages it is told, asks, and prints what it held at most, in KiB.
INDEX_AND_ASK = """
import sys
from pathlib import Path
import numpy as np
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question
from halfgig.store.sqlite import open_library

def rows(count):
    rng = np.random.default_rng(0)
    for n in range(count):
        text = f"passage {n} speaks of word{n % 100} " + "at length " * 40
        yield Passage(n, n, n + 1, text), rng.random(384, np.float32)

with open_library(Path(sys.argv[1])) as connection:
    index = SqliteIndex(connection, EmbeddingModel("toy", 384))
    index.replace("talk", rows(int(sys.argv[2])))
    assert len(index.nearest(np.ones(384, np.float32), 50)) == 50
    assert len(index.matching(parse_question("length"), 50)) == 50
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak")
def test_a_source_thirty_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    """Measured: 43 and 46 MiB for 500 and 15,000 passages, whose vectors alone are 23 MB."""
    peaks = []
    for passages in (500, 15_000):
        command = [sys.executable, "-c", INDEX_AND_ASK, str(tmp_path / f"{passages}.db"), str(passages)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] - peaks[0] < 6, peaks
