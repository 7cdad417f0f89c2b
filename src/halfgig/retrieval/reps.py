"""Events: a report of repetitions as what a person may ask for, "third squat", "deepest squat", "last push-up"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from halfgig.records import Seconds

    Row = Mapping[str, Any]

ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *("twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
    "twentieth",
)
CARDINALS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
_REP = "rep repetition number"
_SET = "set exercise workout reps"
_ATTEMPT = "partial attempt incomplete half failed"


@dataclass(frozen=True, slots=True)
class Event:
    """What is seen in a source, numbered from 0 within it: `text` is for people, it is asked for by its `words`."""

    number: int
    start: Seconds
    end: Seconds
    text: str
    words: str


def rep_events(report: Row) -> Iterator[Event]:
    """Yield the set, each repetition, and each attempt of a report as `as_json` of motion has it.

    The deepest repetition is the one that goes through most degrees, the shallowest that through fewest; slowest and
    fastest go by their seconds.
    """
    reps: Sequence[Row] = report["reps"]
    attempts: Sequence[Row] = report["attempts"]
    name = str(report["exercise"])
    if reps:
        said = f"{len(reps)} {name}{'' if len(reps) == 1 else 's'}"
        yield Event(0, reps[0]["start"], reps[-1]["end"], said, f"{said} {_spellings(name)} {_SET}")
    for place, rep in enumerate(reps, 1):
        told = [*_ordinals(place, len(reps)), *_standing(rep, reps)]
        shown = f"{name.capitalize()} {place} of {len(reps)}, {_measures(rep)}{_standing_out(rep, reps)}"
        yield Event(place, rep["start"], rep["end"], shown, " ".join([_spellings(name), _REP, _side(rep), *told]))
    for place, rep in enumerate(attempts, 1):
        words = [_spellings(name), _ATTEMPT, _side(rep), *_ordinals(place, len(attempts))]
        shown = f"Partial {name} {place} of {len(attempts)}, {_measures(rep)}"
        yield Event(len(reps) + place, rep["start"], rep["end"], shown, " ".join(words))


def _spellings(name: str) -> str:
    """The name of an exercise, and as one word where it is written as several."""
    joined = name.replace("-", "").replace(" ", "")
    return name if joined == name else f"{name} {joined}"


def _ordinals(place: int, of: int) -> Iterator[str]:
    """Yield what the repetition at a place is called: third, 3rd, 3, three, and perhaps last."""
    yield str(place)
    yield f"{place}{_ending(place)}"
    if place <= len(ORDINALS):
        yield from (ORDINALS[place - 1], CARDINALS[place - 1])
    if place == of:
        yield "last final"


def _ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _standing(rep: Row, reps: Sequence[Row]) -> Iterator[str]:
    """Yield by which superlatives a repetition stands out among its set."""
    if len(reps) > 1:
        yield from (words for words, is_it in _SUPERLATIVES.items() if is_it(rep, reps))


def _standing_out(rep: Row, reps: Sequence[Row]) -> str:
    told = [words.split()[0] for words in _standing(rep, reps)]
    return f" ({', '.join(told)})" if told else ""


def _most(field: str) -> Callable[[Row, Sequence[Row]], bool]:
    return lambda rep, reps: bool(rep is max(reps, key=lambda other: other[field]))


def _least(field: str) -> Callable[[Row, Sequence[Row]], bool]:
    return lambda rep, reps: bool(rep is min(reps, key=lambda other: other[field]))


_SUPERLATIVES = {
    "deepest lowest fullest widest best": _most("range"),
    "shallowest worst": _least("range"),
    "slowest longest": _most("seconds"),
    "fastest quickest shortest": _least("seconds"),
}


def _side(rep: Row) -> str:
    return "" if rep["side"] == "both" else str(rep["side"])


def _measures(rep: Row) -> str:
    side = f"{_side(rep)} side, " if _side(rep) else ""
    return f"{side}{rep['seconds']:.1f} s, {rep['range']:.0f} degrees"
