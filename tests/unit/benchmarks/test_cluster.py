from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.cluster import SOURCES, WAYS, Havoc, Plan, errands, spared_of
from benchmarks.kill import KINDS, Wish
from benchmarks.live import LiveServer
from benchmarks.machines import Machine

from halfgig.memory.jail import Open

WISHES = [Wish(Path(f"{number}.wav"), KINDS[number % len(KINDS)], {}, by_tus=False) for number in range(SOURCES)]


class Stand(Machine):
    """A machine that is only killed in words."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LiveServer(folder, folder / "log"), Open())
        self.times = 0

    def kill(self) -> None:
        self.times += 1

    def keep(self) -> None:
        """Nothing."""


def test_every_kind_is_sent_in_every_way_and_no_content_twice() -> None:
    sent = errands(WISHES, 4 * SOURCES)
    assert {(one.wish.kind, one.way) for one in sent} == {(kind, way) for kind in KINDS for way in WAYS}
    assert len({one.number for one in sent}) == len(sent)
    assert {one.wish.source for one in sent} == {wish.source for wish in WISHES}


def test_every_kill_is_counted_and_each_trouble_comes_once(tmp_path: Path) -> None:
    machines, told = [Stand(tmp_path) for _ in range(3)], list[str]()
    havoc = Havoc(
        machines, Plan(kills=6, longest=0.0), {2: lambda: told.append("busy"), 3: lambda: told.append("gone")}
    )
    chance = random.Random(1)
    for _ in range(6):
        havoc.strike(chance)
    assert havoc.killed.total() == sum(one.times for one in machines) == 6
    assert told == ["busy", "gone"]


def test_what_did_not_befall_is_a_fault() -> None:
    def shared(restarts: int, refused: int) -> Any:
        postgres, storage = SimpleNamespace(restarts=restarts), SimpleNamespace(refused=refused)
        return SimpleNamespace(postgres=postgres, storage=storage)

    plan = Plan(kills=3)
    assert list(spared_of(plan, Counter(worker=2, server=1), shared(1, 9))) == []
    spared = ["2 kills came of 3", "Postgres did not crash", "S3 refused nothing"]
    assert list(spared_of(plan, Counter(worker=2), shared(0, 0))) == spared
