from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.fakes.faulty import Answered, Asked, Fault, serving

from halfgig.errors import BadRequest, ServerTrouble
from halfgig.retrieval.exchange import ASKING, WRITING, Exchange, Patience, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENT = Patience((0.5, 1.0))


@dataclass
class Echo:
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answered:
        return Answered(200, {"path": asked.path, "body": asked.body, "query": list(asked.query)})


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def line(echo: Echo, slept: list[float]) -> Iterator[Exchange]:
    with serving(echo) as address:
        line = Exchange(f"{address}/base/", {"api-key": "k"}, sleep=slept.append)
        yield line
        line.close()


def test_json_goes_there_and_comes_back(line: Exchange, echo: Echo) -> None:
    told = line.ask("POST", "/a", {"é": [1.5]}, query=[("ids", "a#1"), ("ids", "b c")])
    assert told == {"path": "/base/a", "body": {"é": [1.5]}, "query": [["ids", "a#1"], ["ids", "b c"]]}
    assert line.ask("GET", "/b")["body"] is None
    assert [one.headers["api-key"] for one in echo.asked] == ["k", "k"]


@pytest.mark.parametrize(
    ("after", "waited"),
    [("", [0.5]), ("0", [0.5]), ("7", [7.0]), ("Tue, 24 Nov 2015 09:00:00 GMT", [0.5])],
)
def test_what_is_busy_is_asked_again_when_it_says(
    line: Exchange, echo: Echo, slept: list[float], after: str, waited: list[float]
) -> None:
    echo.faults.append(Fault("/a", Answered(429, {"message": "slow down"}, {"Retry-After": after} if after else {})))
    assert line.ask("GET", "/a", patience=PATIENT)["path"] == "/base/a"
    assert slept == waited


def test_what_asks_to_be_left_alone_for_long_is(line: Exchange, echo: Echo, slept: list[float]) -> None:
    echo.faults.append(Fault("/a", Answered(503, {"message": "maintenance"}, {"Retry-After": "61"})))
    with pytest.raises(Refusal, match="503: maintenance"):
        line.ask("GET", "/a", patience=PATIENT)
    assert slept == []


def test_what_asks_to_be_left_alone_again_and_again_is_not_waited_for_without_end(
    line: Exchange, echo: Echo, slept: list[float]
) -> None:
    echo.faults.extend([Fault("/a", Answered(503, {"message": "maintenance"}, {"Retry-After": "40"}))] * 3)
    with pytest.raises(Refusal, match="503: maintenance"):
        line.ask("GET", "/a", patience=WRITING)
    assert (slept, len(echo.asked)) == ([40.0, 40.0], 3)


def test_patience_ends(line: Exchange, echo: Echo, slept: list[float]) -> None:
    echo.faults.extend([Fault("/a", Answered(500, None))] * 3)
    with pytest.raises(Refusal, match="500"):
        line.ask("GET", "/a", patience=PATIENT)
    assert (slept, len(echo.asked)) == ([0.5, 1.0], 3)


@pytest.mark.parametrize("body", [{"status": {"error": "no such thing"}}, {"error": {"message": "no such thing"}}])
def test_a_refusal_is_told_at_once_in_its_own_words(line: Exchange, echo: Echo, slept: list[float], body: Any) -> None:
    echo.faults.append(Fault("/a", Answered(404, body)))
    with pytest.raises(Refusal, match="404: no such thing"):
        line.ask("GET", "/a", patience=PATIENT)
    assert (slept, len(echo.asked)) == ([], 1)


def test_a_line_that_breaks_is_opened_anew(line: Exchange, echo: Echo, slept: list[float]) -> None:
    assert line.ask("GET", "/a")["path"] == "/base/a"
    echo.faults.append(Fault("/a", None))
    assert line.ask("GET", "/a")["path"] == "/base/a"
    assert slept == [ASKING.pauses[0]]


@pytest.mark.parametrize("cut", [0, 9])
def test_an_answer_that_breaks_off_is_asked_for_again(line: Exchange, echo: Echo, slept: list[float], cut: int) -> None:
    echo.faults.append(Fault("/a", None, cut=cut))
    assert line.ask("GET", "/a")["path"] == "/base/a"
    assert slept == [ASKING.pauses[0]]
    echo.faults.extend([Fault("/a", None, cut=cut)] * 2)
    with pytest.raises(ServerTrouble, match="cannot be reached: its answer broke off"):
        line.ask("GET", "/a")


def test_one_that_breaks_each_time_is_told(line: Exchange, echo: Echo, slept: list[float]) -> None:
    echo.faults.extend([Fault("/a", None)] * 6)
    with pytest.raises(ServerTrouble, match="cannot be reached: it closed the connection"):
        line.ask("GET", "/a", patience=WRITING)
    assert slept == list(WRITING.pauses)


@pytest.mark.parametrize("base", ["ftp://a", "http://", "http://me:pw@a", "http://a:0", "http://a:b", "a"])
def test_what_is_no_address_is_refused(base: str) -> None:
    with pytest.raises(BadRequest, match="EMBEDDING_URL names no host") as told:
        Exchange(base, {}, setting="EMBEDDING_URL")
    assert "pw" not in str(told.value)
