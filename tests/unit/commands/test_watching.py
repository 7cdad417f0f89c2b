from __future__ import annotations

from typing import Any

import pytest

from halfgig.client.events import JobEvent
from halfgig.client.job import read_job
from halfgig.commands.watching import (
    describe_event,
    describe_job,
    describe_progress,
    describe_sending,
    describe_state,
    describe_whole,
)
from halfgig.errors import MIB

PROGRESS = {"stage": "recognizing", "position": 150.0, "duration": 600.0, "fraction": 0.25, "speed": 21.4}
SHOWN: dict[str, Any] = {
    "id": "01m86370634hfejj5cypxgwcea",
    "kind": "transcript",
    "state": "running",
    "attempt": 2,
    "source": {"upload": "x", "title": "a\x1b[2Jtalk.mp4"},
    "options": {"language": "en"},
    "created_at": "2026-11-24T06:17:11.000Z",
    "started_at": "2026-11-24T06:17:12.000Z",
    "finished_at": None,
    "progress": PROGRESS,
    "peak_bytes": 180 * MIB,
    "failures": [{"attempt": 1, "reason": "crashed", "detail": "The worker crashed.", "at": "x"}],
    "degraded": ["tiny instead of base"],
    "notes": ["2 packets skipped"],
    "problem": None,
    "result": None,
}
REP = {"number": 3, "side": "left", "start": 61.0, "end": 62.7, "seconds": 1.7, "lowest": 77.4, "highest": 172.0}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({**PROGRESS, "remaining": 21.0}, "recognizing  [#####---------------]  25%  02:30/10:00  21.4x  00:21 left"),
        ({"stage": "fetching", "position": 0.0, "duration": None, "fraction": None, "speed": None}, "fetching"),
        ({"stage": "counting", "position": 150.0, "duration": None}, "counting  02:30"),
        ({"state": "queued"}, "queued"),
        ({"stage": None, "state": "running", "fraction": "?", "position": []}, "running"),
        ({}, ""),
    ],
)
def test_progress_tells_what_is_known(told: dict[str, Any], text: str) -> None:
    assert describe_progress(told) == text


def test_sending_tells_megabytes_and_speed() -> None:
    line = describe_sending(120 * MIB, 480 * MIB, 8.0)
    assert line == "sending  [#####---------------]  25%  120/480 MB  15.0 MB/s"
    assert describe_sending(0, 0, 0.0) == "sending  [####################] 100%  0/0 MB"


def test_segments_and_reps_are_lines() -> None:
    segment = JobEvent("segment", {"start": 46.2, "end": 77.0, "text": "In 1970,\x07"}, 1)
    assert describe_event(segment) == "[00:46-01:17] In 1970, "
    assert describe_event(JobEvent("rep", REP, 2)) == "    3  01:01 to 01:02, 1.7 s, 77 to 172 degrees  left"
    assert describe_event(JobEvent("state", {"state": "queued"}, 3)) == ""


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"state": "queued", "attempt": 0}, "queued"),
        ({"state": "running", "attempt": 1}, "running"),
        ({"state": "running", "attempt": 3}, "running, attempt 3"),
        ({"state": "queued", "attempt": 1, "failure": {"detail": "It crashed."}}, "queued: It crashed."),
        (
            {"state": "failed", "problem": {"detail": "It is empty.", "remedy": "Copy it."}},
            "failed: It is empty. Copy it.",
        ),
    ],
)
def test_a_state_tells_why(told: dict[str, Any], text: str) -> None:
    assert describe_state(told) == text


def test_a_job_is_a_line_without_control_characters() -> None:
    line = describe_job(read_job(SHOWN))
    assert line.startswith("01m86370634hfe  2026-11-2")
    assert line.endswith("running    25%  transcript  a [2Jtalk.mp4")


def test_a_job_of_another_version_is_a_line_all_the_same() -> None:
    assert describe_job(read_job({"id": "a", "kind": "b", "state": "c"})).split() == ["a", "-", "c", "b"]


def test_everything_about_a_job_is_told() -> None:
    told = "\n".join(describe_whole(read_job(SHOWN)))
    for words in ("running, attempt 2", "25%", "180 MB", "language en", "attempt 1 failed: The worker crashed."):
        assert words in told
    for note in ("note      tiny instead of base", "note      2 packets skipped"):
        assert note in told
