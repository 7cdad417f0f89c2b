from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from benchmarks.file_server import asked_range
from benchmarks.live import Content, Form
from benchmarks.material import Material, other_content
from benchmarks.soak import Wish, faults_of, wishes

TALK, CLIP = Material(Path("talk-5.mp4"), "talk"), Material(Path("clip-5.mp4"), "clip", reps=6)
DONE: dict[str, Any] = {"state": "succeeded", "failures": [], "result": {"count": 6}, "problem": None}
REPS = Wish(1, CLIP, "reps", "form", {})
MADE = b"rep,start,end\n" * 20


def test_each_round_has_every_source_in_every_way_and_kind() -> None:
    first, second = (list(islice(wishes([TALK, CLIP], ["form", "ranges"], seed=1), 12)) for _ in range(2))
    assert first == second
    assert {(one.source, one.kind, one.way) for one in first[:6]} == {
        *((TALK, kind, way) for kind in ("transcript", "index") for way in ("form", "ranges")),
        *((CLIP, "reps", way) for way in ("form", "ranges")),
    }
    assert [one.number for one in first] == list(range(12))


def test_a_job_that_went_well_has_no_fault() -> None:
    assert list(faults_of(REPS, DONE, "succeeded", MADE)) == []


@pytest.mark.parametrize(
    ("change", "last", "made", "told"),
    [
        ({"state": "failed", "problem": {"detail": "no"}}, "failed", MADE, "failed: {'detail': 'no'}"),
        ({}, "running", MADE, "ended with running"),
        ({"failures": [{"attempt": 1, "detail": "It crashed."}]}, "succeeded", MADE, "attempt 1 failed: It crashed."),
        ({"result": {"count": 5}}, "succeeded", MADE, "5 repetitions, and 6 were drawn"),
        ({}, "succeeded", b"", "its result is b''"),
    ],
)
def test_what_went_wrong_is_told(change: dict[str, Any], last: str, made: bytes, told: str) -> None:
    [fault] = faults_of(REPS, {**DONE, **change}, last, made)
    assert told in fault


def test_contents_differ_by_their_tail(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    content = Content(tmp_path / "a", other_content(7))
    whole = b"".join(content.pieces())
    assert whole == b"0123456789\0\0\0\x10free\0\0\0\0\0\0\0\x07"
    assert content.size == len(whole)
    assert all(
        b"".join(content.pieces(start, most)) == whole[start : start + most]
        for start in range(len(whole))
        for most in (1, 3, 12, 40)
    )


def test_a_form_is_as_long_as_it_says_and_can_be_sent_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    form = Form(Content(tmp_path / "a", b"!"), {"kind": "reps"})
    body = b"".join(form)
    assert int(form.headers["Content-Length"]) == len(body)
    assert b'name="kind"\r\n\r\nreps\r\n' in body
    assert b'filename="a"\r\n\r\n0123456789!\r\n' in body
    assert b"".join(form) == body


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 100)),
        ("bytes=90-200", (90, 100)),
        ("bytes=100-", None),
        ("bytes=-5", None),
        ("", None),
    ],
)
def test_ranges(header: str, span: tuple[int, int] | None) -> None:
    assert asked_range(header, 100) == span
