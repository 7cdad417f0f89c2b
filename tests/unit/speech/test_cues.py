from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.records import Segment
from halfgig.speech.captions import Facts, render
from halfgig.speech.cues import read_cues

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\nlines.\n"
VTT = """WEBVTT - a title

STYLE
::cue { color: red }

NOTE a note with an arrow
is no caption

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Ann>Hello <i>there</i>.</v>

01:00:03.000 --> 01:00:04.000
Rock &amp; roll, 2 &lt; 3<00:01:00.500>!
"""


def told(text: str) -> list[tuple[float, float, str]]:
    return [(segment.start, segment.end, segment.text) for segment in read_cues(text)]


def test_subrip() -> None:
    assert told(SRT) == [(1.0, 2.5, " Hello there."), (3.0, 4.0, " Two lines.")]


def test_webvtt() -> None:
    assert told(VTT) == [(1.0, 2.5, " Hello there."), (3603.0, 3604.0, " Rock & roll, 2 < 3!")]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SRT,
        SRT.replace("\n", "\r\n"),
        SRT.replace("\n", "\r"),
        SRT.replace(",", "."),
        SRT.replace("2\n00:00:03", "00:00:03"),
        SRT.replace("\n\n2\n", "\n2\n"),
        SRT.replace("-->", "->"),
        SRT.replace("Hello", "{\\an8}<b>Hello</b>"),
        SRT + "\n3\n00:00:09,000 --> 00:00:10,000\n\n",
        SRT + "\nthis is not a caption\n",
        SRT + "\n3\n99:99 --> what\nno times\n",
    ],
)
def test_what_players_forgive_is_forgiven(text: str) -> None:
    assert told(text) == told(SRT)


def test_what_rolls_up_is_said_once() -> None:
    text = "WEBVTT\n\n00:01.0 --> 00:02.0\none\n\n00:02.0 --> 00:03.0\none\ntwo\n\n00:03.0 --> 00:04.0\ntwo\nthree\n"
    assert [segment.text for segment in read_cues(text)] == [" one", " two", " three"]
    again = "WEBVTT\n\n00:01.0 --> 00:02.0\nyes\n\n00:02.0 --> 00:03.0\nno\n\n00:03.0 --> 00:04.0\nyes\n"
    assert [segment.text for segment in read_cues(again)] == [" yes", " no", " yes"]


def test_captions_come_in_the_order_of_their_starts_and_never_end_before() -> None:
    text = "00:00:05,000 --> 00:00:04,000\nlate\n\n00:00:01,000 --> 00:00:02,000\nearly\n"
    assert told(text) == [(1.0, 2.0, " early"), (5.0, 5.0, " late")]


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert all(segment.end >= segment.start >= 0 for segment in read_cues(text))


LINES = st.lists(st.from_regex(r"[A-Za-zé&<'][A-Za-zé&<' ]{0,20}[a-z]", fullmatch=True), max_size=8, unique=True)


@given(LINES)
def test_what_was_rendered_is_read_as_it_was(lines: list[str]) -> None:
    segments = [Segment(2.0 * n, 2.0 * n + 1.5, f" {' '.join(line.split())}") for n, line in enumerate(lines)]
    text = "".join(render(segments, "vtt", lambda: Facts("transcribe", "en", 1.0)))
    assert list(read_cues(text)) == segments
