"""Sets: runs of repetitions with rests between, and what can be said of each and of them all. Pure."""

from __future__ import annotations

import itertools
import math
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from halfgig.records import Quality, Rep, Seconds

REST: Seconds = 6.0  # the least rest between two sets
REST_REPS = 3.0  # the same in typical repetitions
LEAST_FOR_LOSS = 3  # repetitions, from which a loss of velocity is told
MOST_CUES = 3
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def in_sets(reps: Sequence[Rep]) -> tuple[Rep, ...]:
    """Reps in order of time, each with the number of its set, from 1."""
    if not reps:
        return ()
    gap = max(REST, REST_REPS * median(rep.end - rep.start for rep in reps))
    number, end, found = 1, reps[0].end, []
    for rep in reps:
        number += rep.start - end > gap
        end = max(end, rep.end)
        found.append(replace(rep, set=number))
    return tuple(found)


def beside(attempts: Sequence[Rep], reps: Sequence[Rep]) -> tuple[Rep, ...]:
    """Attempts with the number of the set they are in or next to, 0 where none is near; `reps` in order of time."""
    starts = [rep.start for rep in reps]
    ends = list(itertools.accumulate((rep.end for rep in reps), max))

    def nearest(one: Rep) -> int:
        place = bisect_left(starts, one.end)
        before = one.start - ends[place - 1] if place else math.inf
        after = starts[place] - one.end if place < len(reps) else math.inf
        return reps[place - 1 if before <= after else place].set if min(before, after) <= REST else 0

    return tuple(replace(one, set=nearest(one)) for one in attempts)


def summaries(reps: Sequence[Rep], attempts: Sequence[Rep]) -> Iterator[dict[str, Any]]:
    """Each set as JSON values."""
    for number, group in itertools.groupby(reps, key=lambda rep: rep.set):
        members = list(group)
        tried = sum(one.set == number for one in attempts)
        yield {
            "number": number,
            "start": round(min(rep.start for rep in members), 2),
            "end": round(max(rep.end for rep in members), 2),
            "count": len(members),
            "attempts": tried,
            "sides": sides(members),
            "range": round(median(rep.range_of_motion for rep in members), 1),
            "velocity_loss": velocity_loss(members),
            **figures(members),
        }


def figures(reps: Sequence[Rep]) -> dict[str, Any]:
    """What can be said of one set, and of all: tempo, time under tension, score and cues."""
    judged = [rep.quality.score for rep in reps if rep.quality and rep.quality.score is not None]
    return {
        "tempo": tempo(reps),
        "time_under_tension": round(sum(rep.end - rep.start for rep in reps), 2),
        "score": round(sum(judged) / len(judged)) if judged else None,
        "cues": list(cues(reps)),
    }


def sides(reps: Sequence[Rep]) -> dict[str, int]:
    """Reps of each side, where sides are counted for themselves; otherwise {"both": count}."""
    names = sorted({rep.side for rep in reps}) or ["both"]
    return {name: sum(rep.side == name for rep in reps) for name in names}


def tempo(reps: Sequence[Rep]) -> dict[str, float] | None:
    """Median seconds of lowering, of the pause at the turn, and of lifting; None without reps that have all three."""
    known = [one for one in _known(reps) if one.eccentric is not None]
    if not known:
        return None
    names = ("eccentric", "pause", "concentric")
    return {name: round(median(getattr(one, name) for one in known), 2) for name in names}


def velocity_loss(reps: Sequence[Rep]) -> float | None:
    """The share by which the last two lifts are slower than the fastest; None for few of them."""
    speeds = [one.velocity for one in _known(reps)]
    if len(speeds) < LEAST_FOR_LOSS or max(speeds) <= 0:
        return None
    return round(max(0.0, 1 - sum(speeds[-2:]) / 2 / max(speeds)), 2)


def cues(reps: Sequence[Rep]) -> Iterator[str]:
    """What to work on, the commonest first, with the middle one of its figures."""
    said: Counter[str] = Counter()
    heard: dict[str, list[float]] = {}
    for reason in (reason for one in _known(reps) for reason in one.reasons):
        kind = NUMBER.sub("{}", reason, count=1)
        said[kind] += 1
        heard.setdefault(kind, []).extend(float(number) for number in NUMBER.findall(reason)[:1])
    for kind, times in said.most_common(MOST_CUES):
        figure = f"{median(heard[kind]):g}" if heard[kind] else ""
        yield f"{kind.format(figure)} in {times} of {len(reps)} reps"


def _known(reps: Sequence[Rep]) -> list[Quality]:
    return [rep.quality for rep in reps if rep.quality is not None]
