from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from halfgig.store.library import Library
from halfgig.store.reports import Reports

if TYPE_CHECKING:
    from halfgig.store.database import Database

ID, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def connection(store: Database) -> Database:
    for source in (ID, OTHER):
        Library(store).note_source(source, "", "Squats", 9.0)
    return store


def report(count: int, exercise: str = "squat", **more: Any) -> dict[str, Any]:
    return {"exercise": exercise, "count": count, "reps": [{}] * count, **more}


def test_the_newest_report_of_a_source_is_kept(connection: Database) -> None:
    reports = Reports(connection)
    assert reports.find(ID) is None
    reports.put(ID, report(3))
    reports.put(ID, report(5, "lunge", notes=["ünd"]))
    reports.put(OTHER, report(0, "none"))
    assert reports.find(ID) == report(5, "lunge", notes=["ünd"])
    assert reports.counts([ID, OTHER, "c" * 64]) == {ID: {"lunge": 5}}


def test_a_report_goes_with_its_source(connection: Database) -> None:
    Reports(connection).put(ID, report(3))
    Library(connection).remove_source(ID)
    assert Reports(connection).find(ID) is None
