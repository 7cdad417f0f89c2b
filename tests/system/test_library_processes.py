"""The library under kill -9, and under several processes at once. Real processes, toy vectors."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from halfgig.operations.upkeep import check
from halfgig.records import Query
from halfgig.retrieval.index import Bounds, EmbeddingModel
from halfgig.retrieval.query import search
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.words import parse_question
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from pathlib import Path

    from halfgig.store.sqlite_database import SqliteDatabase


SEGMENTS, SENTENCE = 60, "The number {n} of talk {talk} is said aloud here, slowly and clearly, for everybody."
TOY = EmbeddingModel("toy", 64)
PATIENCE = 240.0  # seconds that anything may take on a busy machine

# Indexes the talks named by its arguments as the command line does, and prints each when it is ready.
INDEXER = f"""
import sys, time
from pathlib import Path
import numpy as np
from halfgig.records import Segment
from halfgig.retrieval.index import Bounds, EmbeddingModel
from halfgig.retrieval.passages import make_passages
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.retrieval.embedding import embed_passages
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

class Toy:
    model, dim = "toy", 64
    def embed(self, texts):
        time.sleep(0.001)
        return np.stack([np.random.default_rng(len(text)).standard_normal(64).astype(np.float32) for text in texts])

def segments(talk, start):
    for n in range(int(start), {SEGMENTS}):
        time.sleep(0.0005)
        yield Segment(n, n + 1, {SENTENCE!r}.format(n=n, talk=talk))

print("begun", flush=True)
with open_library(Path(sys.argv[1])) as connection:
    library, index = Library(connection), SqliteIndex(connection, EmbeddingModel("toy", 64))
    for talk in sys.argv[2:]:
        source = library.add_source(talk, talk + ".mp4", talk, "tiny.en")
        if source.state == "recognizing":
            for _ in library.append_segments(source, segments(talk, library.heard(talk))):
                pass
            source = library.close_transcript(source)
        if source.state == "indexing":
            embedded = embed_passages(make_passages(library.segments(talk)), Toy(), 5)
            index.replace(talk, embedded, lambda: library.finish(source))
        print(talk, flush=True)
"""


# Forgets the talks named by its arguments, over and over, as `halfgig library remove` does.
REMOVER = """
import sys, time
from pathlib import Path
from halfgig.operations.library import forget
from halfgig.store.sqlite import open_library

print("begun", flush=True)
with open_library(Path(sys.argv[1])) as connection:
    for talk in sys.argv[2:]:
        time.sleep(0.01)
        forget(connection, talk)
"""


def start_remover(path: Path, talks: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", REMOVER, str(path), *talks], stdout=subprocess.PIPE, text=True)


def start_indexer(path: Path, talks: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", INDEXER, str(path), *talks], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check_whole(connection: SqliteDatabase) -> int:
    """Every source that is shown is shown whole, nothing belongs to nobody; returns how many are shown."""
    assert list(check(connection)) == []
    library, index = Library(connection), SqliteIndex(connection, TOY)
    shown = [source for source in library.sources() if library.shown(source.id)]
    for source in shown:
        assert [segment.start for segment in library.segments(source.id)] == list(range(SEGMENTS))
        words = {
            word
            for found in index.matching(parse_question("number"), 500, Bounds((source.id,)))
            for word in found.passage.text.split()
        }
        assert {str(n) for n in range(SEGMENTS)} <= words
    assert index.count() == sum(index.count(source.id) for source in shown)
    for table in ("passage_vectors", "passage_words"):
        assert connection.execute(f"SELECT count(*) FROM {table}").get == index.count()
    for hit in search(Query("number", 50), index, None, library).hits:
        assert hit.source_id in {source.id for source in shown}
    return len(shown)


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_whole_sources_and_the_rest_goes_on(tmp_path: Path) -> None:
    path, talks = tmp_path / "library.db", [f"talk{n}" for n in range(12)]
    moments = random.Random(5)
    for moment in range(30):
        start, longest = (start_remover, 0.05) if moment % 3 == 2 else (start_indexer, 0.25)
        with start(path, moments.sample(talks, len(talks))) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, longest))
            process.kill()
        with open_library(path) as connection:
            check_whole(connection)
    with start_indexer(path, talks) as indexer:
        _, errors = indexer.communicate(timeout=PATIENCE)
    assert (indexer.returncode, errors) == (0, "")
    with open_library(path) as connection:
        assert check_whole(connection) == len(talks)


def test_several_processes_begin_a_library_and_index_at_once_while_it_is_searched(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    indexers = [start_indexer(path, [f"talk{process}{n}" for n in range(4)]) for process in range(3)]
    counts = []
    with open_library(path) as connection:
        index, library = SqliteIndex(connection, TOY), Library(connection)
        while any(indexer.poll() is None for indexer in indexers):
            counts.append(len({hit.source_id for hit in search(Query("number", 50), index, None, library).hits}))
        said = [indexer.communicate() for indexer in indexers]
        assert [errors for _, errors in said] == ["", "", ""]
        assert check_whole(connection) == 12
    assert counts == sorted(counts)  # what is shown once stays shown


def test_two_processes_on_one_source_leave_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    indexers = [start_indexer(path, ["talk"]) for _ in range(2)]
    said = [indexer.communicate(timeout=PATIENCE) for indexer in indexers]
    assert 0 in [indexer.returncode for indexer in indexers]
    assert all("taken over" in errors for _, errors in said if errors)
    with open_library(path) as connection:
        assert check_whole(connection) == 1
