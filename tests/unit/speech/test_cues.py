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


def srt(*cues: tuple[float, float, str]) -> str:
    return "".join(f"\n00:00:{start:06.3f} --> 00:00:{end:06.3f}\n{text}\n" for start, end, text in cues)


@pytest.mark.parametrize(
    ("cues", "said"),
    [
        ([(1, 2, "one"), (2, 3, "one\ntwo"), (3, 4, "two\nthree")], ["one", "two", "three"]),
        ([(1, 2, "one"), (2.4, 3, "one\ntwo"), (3.4, 4, "one\ntwo\nthree")], ["one", "two", "three"]),
        ([(1, 2, "one\ntwo"), (2, 3, "two"), (3, 4, "two\nthree")], ["one two", "three"]),
        ([(1, 2, "one"), (1, 2, "one"), (1.5, 2, "one")], ["one"]),
        (
            [(1, 2, "one"), (2, 2.01, "one"), (2.01, 4, "one\ntwo"), (4, 4.01, "two"), (4.01, 6, "two\ntwo")],
            ["one", "two", "two"],  # as YouTube has it
        ),
    ],
    ids=["as it comes", "after a gap", "one alone", "twice at once", "in a blink"],
)
def test_what_rolls_up_is_said_once(cues: list[tuple[float, float, str]], said: list[str]) -> None:
    assert [segment.text.strip() for segment in read_cues(srt(*cues))] == said


@pytest.mark.parametrize(
    "cues",
    [
        [(1, 2, "No."), (2, 3, "No."), (3, 4, "Yes.")],
        [(1, 2, "No."), (40, 41, "No.")],
        [(1, 2, "Well,\nno."), (4, 5, "no.\nYes.")],
        [(1, 2, "yes"), (2, 3, "no"), (3, 4, "yes")],
    ],
)
def test_what_is_said_twice_is_told_twice(cues: list[tuple[float, float, str]]) -> None:
    assert told(srt(*cues)) == [(start, end, " " + text.replace("\n", " ")) for start, end, text in cues]


@pytest.mark.parametrize("text", ["if a < b then c > d", "I <3 you > me", "<- there ->"])
def test_what_only_looks_like_markup_is_said(text: str) -> None:
    assert told(srt((1, 2, text))) == [(1, 2, f" {text}")]


def test_captions_come_in_the_order_of_their_starts_and_never_end_before() -> None:
    text = "00:00:05,000 --> 00:00:04,000\nlate\n\n00:00:01,000 --> 00:00:02,000\nearly\n"
    assert told(text) == [(1.0, 2.0, " early"), (5.0, 5.0, " late")]


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert all(segment.end >= segment.start >= 0 for segment in read_cues(text))


LINES = st.lists(
    st.sampled_from(["No."]) | st.from_regex(r"[A-Za-zé&<'][A-Za-zé&<' ]{0,20}[a-z]", fullmatch=True), max_size=8
)


@given(LINES, st.sampled_from([1.5, 2.0, 60.0]))
def test_what_was_rendered_is_read_as_it_was(lines: list[str], step: float) -> None:
    segments = [Segment(step * n, step * n + 1.5, f" {' '.join(line.split())}") for n, line in enumerate(lines)]
    text = "".join(render(segments, "vtt", lambda: Facts("transcribe", "en", 1.0)))
    assert list(read_cues(text)) == segments
