"""kill -9 while a shared or an outside index is written: what is shown is whole, and whoever comes next goes on."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.fakes.databases import fresh_postgres

from halfgig.operations.indexes import open_place
from halfgig.operations.upkeep import check
from halfgig.retrieval.index import EmbeddingModel
from halfgig.settings import Settings
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.outside import Outside


MODEL = EmbeddingModel("toy", 16)
TALKS = [f"talk{n}" for n in range(6)]
PASSAGES = 40
KILLS = 6
PATIENCE = 120  # seconds for what takes one

# Indexes each talk in its turn, whether it is there or not; every third time it is forgotten first.
INDEXER = """
import random, sys
from array import array
from halfgig.operations.indexes import open_place
from halfgig.operations.library import forget
from halfgig.records import Passage
from halfgig.retrieval.index import EmbeddingModel
from halfgig.settings import Settings
from halfgig.settings import Settings
from halfgig.store.library import Library
from halfgig.store.home import open_store

settings, talks, version = Settings.from_environment(), sys.argv[2:], sys.argv[1]
chance = random.Random(version)
with open_store(settings) as connection, open_place(settings) as place:
    library, index = Library(connection), place.open(connection, EmbeddingModel("toy", 16))
    print("ready", flush=True)
    for talk in talks:
        if chance.random() < 0.3:
            forget(connection, talk, index)
        source = library.add_source(talk, f"/{talk}.mp4", talk, "tiny.en")
        source = library.close_transcript(library.restart(talk, "tiny.en"))
        rows = [
            (Passage(n, n, n + 1.0, f"Version {version} of {talk}, number {n}."), array("f", [n + 1, *range(15)]))
            for n in range(40)
        ]
        index.replace(talk, rows, lambda source=source: library.finish(source))
"""


def start(settings: Settings, version: int, talks: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, **settings.as_environment()}
    command = [sys.executable, "-c", INDEXER, str(version), *talks]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_whole(settings: Settings) -> int:
    """What is shown has all passages of one version, with their vectors; returns how many talks that are."""
    with open_store(settings) as connection, open_place(settings) as place:
        index, library = place.open(connection, MODEL), Library(connection)
        shown = [source.id for source in library.sources() if library.shown(source.id)]
        for source_id in shown:
            passages = [passage for passage, _ in index.embedded(source_id)]
            assert [passage.number for passage in passages] == list(range(PASSAGES))
            assert len({passage.text.partition(",")[0] for passage in passages}) == 1
        (vector,) = (index.vector_at(source_id, 3.5) for source_id in shown[:1]) if shown else (None,)
        if vector is not None:
            found = index.nearest(vector[1], 2 * len(TALKS))
            assert {one.source_id for one in found if one.passage.number == 3} >= set(shown)
        return len(shown)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "qdrant", "library"])
def test_kill_9_at_any_moment_leaves_what_is_shown_whole(
    outside: Outside, postgres: str | None, kind: str, tmp_path: Path
) -> None:
    chance = random.Random(3)
    with ExitStack() as opened:
        if kind == "library":
            settings = Settings(data_dir=tmp_path, database_url=fresh_postgres(postgres))
        else:
            settings = opened.enter_context(outside.settings(kind, data_dir=tmp_path))
        for version in range(KILLS):
            with start(settings, version, chance.sample(TALKS, len(TALKS))) as process:
                assert process.stdout is not None
                assert process.stderr is not None
                process.stdout.readline()
                time.sleep(chance.uniform(0, 0.4))
                process.kill()
            check_whole(settings)
        with start(settings, KILLS, TALKS) as process:
            _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        assert check_whole(settings) == len(TALKS)
        with open_store(settings) as connection, open_place(settings) as place:
            index = place.open(connection)
            index.tidy()
            assert list(check(connection, index)) == []
            assert index.count() == PASSAGES * len(TALKS)
