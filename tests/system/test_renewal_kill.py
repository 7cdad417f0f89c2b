"""The index made anew under kill -9, at every kind of moment, while it is searched. Real processes, toy vectors."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from halfgig.operations.upkeep import check
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.renewal import coming, progress
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.records import Vector
    from halfgig.store.sqlite_database import SqliteDatabase

PASSAGES, OLD, NEW = 200, 16, 24
MOMENTS = (0, 5, 35, 115, 195)  # passages that are done before the kill

# Makes the index anew as the command line does, tells of each batch, and waits for a line before the next. The second
# argument is where it kills itself: a function of the module, and the third at which call of it.
RENEWER = f"""
import os, signal, sys
from pathlib import Path
import numpy as np
from halfgig.retrieval import renewal
from halfgig.store.sqlite import open_library

class Toy:
    model, dim = "new", {NEW}
    def embed(self, texts):
        return np.stack([np.random.default_rng(int(text.split()[-1])).standard_normal({NEW}).astype(np.float32)
            for text in texts])

def deadly(function, call):
    def wrapped(*arguments):
        nonlocal call
        call -= 1
        if call == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)
    return wrapped

def told(*counts):
    print(*counts, flush=True)
    sys.stdin.readline()

name, call = sys.argv[2], int(sys.argv[3])
if name:
    setattr(renewal, name, deadly(getattr(renewal, name), call))
with open_library(Path(sys.argv[1])) as connection:
    made = renewal.renew_index(connection, Toy(), 5, told)
    print("made", made, flush=True)
"""


def vector(number: int, dim: int) -> Vector:
    return np.random.default_rng(number).standard_normal(dim).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with open_library(path) as connection:
        library, index = Library(connection), SqliteIndex(connection, EmbeddingModel("old", OLD))
        source = library.close_transcript(library.add_source("talk", "/talk.mp4", "Talk", "tiny.en"))
        passages = [(Passage(n, n, n + 1, f"this is number {n}"), vector(n, OLD)) for n in range(PASSAGES)]
        index.replace("talk", passages, lambda: library.finish(source))
    return path


def run(path: Path, function: str = "", call: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RENEWER, str(path), function, str(call)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finds(connection: SqliteDatabase, number: int, dim: int) -> bool:
    return SqliteIndex(connection).nearest(vector(number, dim), 1)[0].passage.number == number


def test_a_kill_between_batches_loses_none(path: Path) -> None:
    with open_library(path) as connection:
        for moment in MOMENTS:
            with run(path) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                while progress(connection)[0] < moment if coming(connection) else moment:
                    done = int(process.stdout.readline().split()[0])
                    assert (done, finds(connection, done % PASSAGES, OLD)) == (progress(connection)[0], True)
                    if done < moment:
                        process.stdin.write("\n")
                        process.stdin.flush()
                process.kill()
            assert list(check(connection)) == []
            assert finds(connection, 150, OLD)
        with run(path) as process:
            output, _ = process.communicate("\n" * PASSAGES, timeout=240)
        assert output.split()[-1] == str(PASSAGES - MOMENTS[-1])
        assert all(finds(connection, number, NEW) for number in range(0, PASSAGES, 7))
        assert list(check(connection)) == []


@pytest.mark.parametrize(("function", "call"), [("_begin", 1), ("check_vector", 33), ("_take_over", 1), ("_rename", 2)])
def test_a_kill_within_a_transaction_leaves_the_old_index(path: Path, function: str, call: int) -> None:
    with open_library(path) as connection:
        with run(path, function, call) as process:
            process.communicate("\n" * PASSAGES, timeout=240)
        assert process.returncode == -signal.SIGKILL
        assert list(check(connection)) == []
        assert finds(connection, 150, OLD)
        with run(path) as process:
            output, _ = process.communicate("\n" * PASSAGES, timeout=240)
        assert output.split()[-2] == "made"
        assert finds(connection, 150, NEW)
        assert SqliteIndex(connection).model == EmbeddingModel("new", NEW)
        assert list(check(connection)) == []
