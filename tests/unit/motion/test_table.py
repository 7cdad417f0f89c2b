from __future__ import annotations

import json

from halfgig.motion.report import as_json, rep_json
from halfgig.motion.table import COLUMNS, arranged, csv_rows
from halfgig.records import Rep, Report

REP = {
    **{"number": 2, "side": "left", "start": 3.0, "turn": 3.5, "end": 4.0, "seconds": 1.0},
    **{"lowest": 80.0, "highest": 170.0, "range": 90.0, "partial": False},
}


def test_reps_and_attempts_are_rows_in_order_of_time() -> None:
    attempt = {**REP, "number": 1, "start": 1.0, "partial": True}
    header, first, second = csv_rows({"reps": [REP], "attempts": [attempt]})
    assert header == COLUMNS
    assert first == ("1", "left", "1.0", "3.5", "4.0", "1.0", "80.0", "170.0", "90.0", "true")
    assert second[-1] == "false"


def test_a_report_without_reps_is_a_header() -> None:
    assert list(csv_rows({})) == [COLUMNS]


def test_a_report_is_arranged_as_it_was_before_a_database_sorted_it() -> None:
    rep = rep_json(Rep(1, 1.0, 1.5, 2.0, 80.0, 170.0))
    report = {**as_json(Report("squat", (), (), 10, 9, 1.0)), "reps": [rep], "attempts": [rep], "more": 1}
    told = arranged(json.loads(json.dumps(report, sort_keys=True)))
    assert json.dumps(told) == json.dumps(report)


def test_what_a_report_lacks_is_not_made_up() -> None:
    assert arranged({"count": 0}) == {"count": 0}
