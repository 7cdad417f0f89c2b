"""What is to go stays gone, whoever asks late; what is on its way is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halfgig.errors import Locked
from halfgig.retrieval.index import EmbeddingModel, OtherModel
from halfgig.retrieval.ledger import Ledger
from halfgig.retrieval.tables import prepare
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_library(tmp_path / "library.db") as connection:
        prepare(connection, None)
        yield Ledger(connection, "there")


def test_what_was_abandoned_is_not_shown_by_the_one_who_brings_it(ledger: Ledger) -> None:
    edition = ledger.begin("talk", 3)
    ledger.abandon(None)
    with pytest.raises(Locked, match="Another process") as told:
        ledger.move("talk", edition, "current")
    assert told.value.retryable
    assert (ledger.current("talk"), ledger.those("leaving")) == (None, [("talk", edition, 3)])


def test_only_what_was_leaving_goes(ledger: Ledger) -> None:
    edition = ledger.begin("talk", 3)
    ledger.move("talk", edition, "current")
    ledger.gone(edition)
    assert ledger.current("talk") == edition
    ledger.leave("talk")
    ledger.gone(edition)
    assert ledger.those("leaving") == []


def test_who_finishes_late_changes_nothing(ledger: Ledger) -> None:
    first = ledger.begin("talk", 3)
    ledger.move("talk", first, "settling")
    second = ledger.begin("talk", 4)
    ledger.move("talk", second, "settling")
    ledger.finish(second)
    ledger.finish(first)
    assert (ledger.current("talk"), ledger.those("leaving")) == (second, [("talk", first, 3)])
    ledger.leave("talk")
    ledger.gone(second)
    ledger.finish(second)
    assert ledger.current("talk") is None


def test_what_a_killed_process_was_bringing_does_not_keep_its_model(ledger: Ledger) -> None:
    ledger.adopt(EmbeddingModel("old", 3))
    edition = ledger.begin("talk", 3)
    ledger.adopt(EmbeddingModel("new", 4))
    assert ledger.model() == EmbeddingModel("new", 4)
    with pytest.raises(Locked):
        ledger.move("talk", edition, "current")
    for state in ("settling", "current"):
        ledger.move("talk", ledger.begin("talk", 3), state)
        with pytest.raises(OtherModel, match="made with new"):
            ledger.adopt(EmbeddingModel("old", 3))


def test_what_is_shown_or_on_its_way_is_kept(ledger: Ledger) -> None:
    editions = [ledger.begin(source_id, 3) for source_id in "abcd"]
    ledger.move("a", editions[0], "current")
    ledger.move("b", editions[1], "settling")
    ledger.abandon(editions[2])
    assert ledger.kept() == {editions[0], editions[1], editions[3]}
