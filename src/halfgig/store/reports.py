"""Reports of repetitions in the library, the newest of each source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from halfgig.store.scope import as_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from halfgig.store.database import Database

_PUT = """INSERT INTO reports VALUES (:source_id, :exercise, :count, :report) ON CONFLICT (source_id)
 DO UPDATE SET exercise = excluded.exercise, count = excluded.count, report = excluded.report"""
_REPORT = "SELECT report FROM reports WHERE source_id = ?"
_COUNTS = """SELECT source_id, exercise, count FROM reports
 WHERE source_id IN ({each[?]}) AND count > 0"""


class Reports:
    """The reports, on a database of `open_store`. The source of a report must be known."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, source_id: str, report: Mapping[str, Any]) -> None:
        """Keep a report, as `as_json` of motion has it, in the place of the one that the source had."""
        values = {"source_id": source_id, "exercise": str(report["exercise"]), "count": len(report["reps"])}
        self._database.execute(_PUT, {**values, "report": json.dumps(report, ensure_ascii=False)})

    def find(self, source_id: str) -> dict[str, Any] | None:
        """The report of a source; None where nothing was counted in it."""
        text = self._database.execute(_REPORT, (source_id,)).get
        told: dict[str, Any] | None = None if text is None else json.loads(text)
        return told

    def counts(self, source_ids: Iterable[str]) -> dict[str, dict[str, int]]:
        """How many repetitions of which exercise, by source; without the sources that have none."""
        counts = self._database.dialect.spell(_COUNTS)
        rows = self._database.execute(counts, (as_list(source_ids),))
        return {source_id: {exercise: count} for source_id, exercise, count in rows}
