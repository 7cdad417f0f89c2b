from __future__ import annotations

import json

from halfgig.motion.report import as_json
from halfgig.motion.table import COLUMNS, MEASURED, arranged, csv_rows
from halfgig.records import Hold, Quality, Rep, Report, Signal

REP = {
    **{"number": 2, "side": "left", "start": 3.0, "turn": 3.5, "end": 4.0, "seconds": 1.0},
    **{"lowest": 80.0, "highest": 170.0, "range": 90.0, "partial": False},
}


def test_reps_and_attempts_are_rows_in_order_of_time() -> None:
    attempt = {**REP, "number": 1, "start": 1.0, "partial": True}
    header, first, second = csv_rows({"reps": [REP], "attempts": [attempt]})
    assert header == COLUMNS
    assert first[: len(MEASURED)] == ("1", "left", "1.0", "3.5", "4.0", "1.0", "80.0", "170.0", "90.0", "true")
    assert set(first[len(MEASURED) :]) == {""}
    assert second[MEASURED.index("partial")] == "false"


def test_what_was_measured_is_in_the_row() -> None:
    quality = {
        "eccentric": 0.5,
        "symmetry": None,
        "score": 80,
        "reasons": ["depth 9 degrees short", "lowered in 0.2 s"],
    }
    row = dict(zip(*csv_rows({"reps": [{**REP, "set": 2, **quality}]}), strict=True))
    assert (row["set"], row["eccentric"], row["symmetry"], row["score"]) == ("2", "0.5", "", "80")
    assert row["reasons"] == "depth 9 degrees short; lowered in 0.2 s"


def test_a_report_without_reps_is_a_header() -> None:
    assert list(csv_rows({})) == [COLUMNS]


def test_a_report_is_arranged_as_it_was_before_a_database_sorted_it() -> None:
    quality = Quality(1.0, 0.1, 0.9, 1.0, None, 90.0, 95, ("depth 5 degrees short",), 0.9)
    rep = Rep(1, 1.0, 1.5, 2.0, 80.0, 170.0, set=1, quality=quality)
    signal = Signal("knee", "degrees", "low", 165, 95, 5)
    whole = Report("squat", (rep,), (rep,), 10, 9, 1.0, holds=(Hold(1, 0.0, 3.0),), signal=signal)
    report = {**as_json(whole), "more": 1}
    told = arranged(json.loads(json.dumps(report, sort_keys=True)))
    assert json.dumps(told) == json.dumps(report)


def test_what_a_report_lacks_is_not_made_up() -> None:
    assert arranged({"count": 0}) == {"count": 0}
