from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfgig.records import Segment, Word
from halfgig.speech.captions import FORMATS, Facts, clock, render

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "openai_audio.yaml"
HELLO = Segment(1.0, 2.5, "Hello.", tokens=(15947, 13), avg_logprob=-0.25, compression_ratio=0.5, no_speech_prob=0.01)
TIMED = Segment(3.0, 4.0, "Bye bye.", words=(Word(3.0, 3.4, " Bye", 0.912345), Word(3.5, 4.0, " bye.", 0.8)))

# Text as a decoder may give it, with all that could break a format.
nasty = st.text(st.sampled_from("ab \n\r\t<>&-\"'\\;|äß今日🙂\u2028\u0000{}:,0"), min_size=1, max_size=30)
spoken = nasty.map(str.strip).filter(bool)
segments = st.lists(spoken, max_size=6).map(
    lambda texts: [Segment(2.5 * n, 2.5 * n + 1.25, text) for n, text in enumerate(texts)]
)


def written(form: str, parts: Sequence[Segment], task: str = "transcribe") -> str:
    return "".join(render(parts, form, lambda: Facts(task, "en", 12.3456)))


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (0.0004, "00:00:00.000"), (59.9996, "00:01:00.000"), (3661.5, "01:01:01.500")],
)
def test_the_clock(seconds: float, text: str) -> None:
    assert clock(seconds, ".") == text


def test_the_clock_goes_past_a_hundred_hours() -> None:
    assert clock(100 * 3600 - 0.0001, ",") == "100:00:00,000"


def test_text_is_a_line_for_each_segment() -> None:
    assert written("txt", [HELLO, TIMED]) == "Hello.\nBye bye.\n"


def test_captions_look_as_players_expect() -> None:
    assert written("srt", [HELLO]) == "1\n00:00:01,000 --> 00:00:02,500\nHello.\n\n"
    assert written("vtt", [HELLO]) == "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello.\n\n"
    assert written("tsv", [HELLO]) == "start\tend\ttext\n1000\t2500\tHello.\n"


def moments(line: str, mark: str) -> list[float]:
    parts = re.fullmatch(
        rf"(\d+):(\d\d):(\d\d){re.escape(mark)}(\d{{3}}) --> (\d+):(\d\d):(\d\d){re.escape(mark)}(\d{{3}})", line
    )
    assert parts, line
    n = [int(part) for part in parts.groups()]
    return [3600 * n[i] + 60 * n[i + 1] + n[i + 2] + n[i + 3] / 1000 for i in (0, 4)]


@given(segments)
def test_srt_reads_back(parts: list[Segment]) -> None:
    blocks = written("srt", parts).split("\n\n")[:-1]
    assert len(blocks) == len(parts)
    for number, (block, segment) in enumerate(zip(blocks, parts, strict=True), 1):
        index, times, text = block.split("\n")
        assert int(index) == number
        assert moments(times, ",") == [segment.start, segment.end]
        assert text == one_line(segment.text).replace("-->", "->")
        assert "-->" not in text or "--->" in segment.text


@given(segments)
def test_vtt_reads_back(parts: list[Segment]) -> None:
    head, *blocks = written("vtt", parts).split("\n\n")[:-1]
    assert head == "WEBVTT"
    for block, segment in zip(blocks, parts, strict=True):
        times, text = block.split("\n")
        assert moments(times, ".") == [segment.start, segment.end]
        assert "-->" not in text
        assert "<" not in text
        assert html.unescape(text) == one_line(segment.text)


@given(segments)
def test_tables_and_text_read_back(parts: list[Segment]) -> None:
    rows = [line.split("\t") for line in written("tsv", parts).split("\n")[1:-1]]
    assert rows == [[str(round(s.start * 1000)), str(round(s.end * 1000)), one_line(s.text)] for s in parts]
    assert written("txt", parts).split("\n")[:-1] == [one_line(s.text) for s in parts]


@given(segments)
def test_json_reads_back(parts: list[Segment]) -> None:
    whole = " ".join(segment.text for segment in parts)
    assert json.loads(written("json", parts)) == {"text": whole}
    verbose = json.loads(written("verbose_json", parts))
    assert verbose["text"] == whole
    assert [s["text"] for s in verbose["segments"]] == [s.text for s in parts]
    assert "words" not in verbose


def test_verbose_json_tells_what_openai_tells() -> None:
    told = json.loads(written("verbose_json", [HELLO, TIMED], task="translate"))
    assert (told["task"], told["language"], told["duration"]) == ("translate", "en", 12.346)
    assert told["segments"][0] == {
        "id": 0,
        "seek": 0,
        "start": 1.0,
        "end": 2.5,
        "text": "Hello.",
        "tokens": [15947, 13],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 0.5,
        "no_speech_prob": 0.01,
    }
    assert told["words"] == [
        {"word": "Bye", "start": 3.0, "end": 3.4, "probability": 0.9123},
        {"word": "bye.", "start": 3.5, "end": 4.0, "probability": 0.8},
    ]


@pytest.mark.shared
def test_verbose_json_has_every_field_that_the_contract_requires() -> None:
    if not CONTRACT.exists():
        pytest.skip("the published contract is not here")
    told = json.loads(written("verbose_json", [HELLO, TIMED]))
    assert required("CreateTranscriptionResponseVerboseJson") <= told.keys()
    assert all(required("TranscriptionSegment") <= segment.keys() for segment in told["segments"])
    assert all(required("TranscriptionWord") <= word.keys() for word in told["words"])
    assert required("CreateTranscriptionResponseJson") <= json.loads(written("json", [HELLO])).keys()


def required(schema: str) -> set[str]:
    """The names under `required:` of one schema of the contract."""
    text = CONTRACT.read_text(encoding="utf-8")
    body = re.search(rf"^    {schema}:\n((?:      .*\n|\n)+)", text, re.MULTILINE)
    assert body
    names = re.search(r"^      required:\n((?:      - .*\n)+)", body[1], re.MULTILINE)
    assert names
    return set(re.findall(r"- (\w+)", names[1]))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_said_is_still_well_formed(form: str) -> None:
    text = written(form, [])
    if form.endswith("json"):
        assert json.loads(text)["text"] == ""
    assert text in {"", "WEBVTT\n\n", "start\tend\ttext\n"} or form.endswith("json")


@pytest.mark.parametrize("form", FORMATS)
def test_pieces_come_as_segments_come(form: str) -> None:
    taken: list[int] = []

    def source() -> Any:
        for n in range(3):
            taken.append(n)
            yield HELLO

    closed: list[bool] = []

    def closing() -> Facts:
        closed.append(True)
        return Facts("transcribe", "en", 1.0)

    pieces = render(source(), form, closing)
    if form == "json":  # one object, whole or not at all
        assert len(list(pieces)) == 1
        return
    while "Hello." not in next(pieces):
        pass
    assert taken == [0]
    assert not closed
