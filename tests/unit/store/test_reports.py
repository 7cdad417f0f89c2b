from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from halfgig.store.reports import Reports
from halfgig.store.sqlite import Library, open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

ID, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with open_library(tmp_path / "library.db") as connection:
        for source in (ID, OTHER):
            Library(connection).note_source(source, "", "Squats", 9.0)
        yield connection


def report(count: int, exercise: str = "squat", **more: Any) -> dict[str, Any]:
    return {"exercise": exercise, "count": count, "reps": [{}] * count, **more}


def test_the_newest_report_of_a_source_is_kept(connection: apsw.Connection) -> None:
    reports = Reports(connection)
    assert reports.find(ID) is None
    reports.put(ID, report(3))
    reports.put(ID, report(5, "lunge", notes=["ünd"]))
    reports.put(OTHER, report(0, "none"))
    assert reports.find(ID) == report(5, "lunge", notes=["ünd"])
    assert reports.counts([ID, OTHER, "c" * 64]) == {ID: {"lunge": 5}}


def test_a_report_goes_with_its_source(connection: apsw.Connection) -> None:
    Reports(connection).put(ID, report(3))
    Library(connection).remove_source(ID)
    assert Reports(connection).find(ID) is None
