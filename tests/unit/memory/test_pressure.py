from __future__ import annotations

from typing import Any

import pytest

from halfgig.errors import MIB
from halfgig.memory.pressure import STALLED, Pressure, is_pressed, pressure

CALM = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n"
BUSY = "some avg10=37.25 avg60=2.00 avg300=0.50 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
EVENTS = "low 0\nhigh {high}\nmax 9\noom 0\noom_kill 0\n"


def test_our_own_group_tells_how_long_we_waited(tree: Any) -> None:
    tree.v2("/app", {"app/memory.pressure": BUSY, "app/memory.events": EVENTS.format(high=3)})
    tree.plant({"proc/pressure/memory": CALM})
    assert pressure(tree.root) == Pressure(37.25, 3)


def test_being_slowed_counts_in_every_group_above(tree: Any) -> None:
    events = {"app/web/memory.events": EVENTS.format(high=2), "app/memory.events": EVENTS.format(high=5)}
    assert pressure(tree.v2("/app/web", events)).throttled == 7


def test_without_a_limit_of_our_own_the_machines_pressure_is_ours(tree: Any) -> None:
    assert pressure(tree.plant({"proc/pressure/memory": BUSY})) == Pressure(37.25, 0)


def test_what_presses_others_on_the_machine_does_not_stop_us(tree: Any) -> None:
    tree.plant({"proc/pressure/memory": BUSY})
    tree.v1("/", {"memory/memory.limit_in_bytes": f"{512 * MIB}\n"})
    assert pressure(tree.root) == Pressure(None, 0)


@pytest.mark.parametrize("text", ["", "some\n", "some avg60=1\n", "full avg10=50.00\n"])
def test_a_kernel_that_does_not_tell_is_not_pressed(tree: Any, text: str) -> None:
    tree.plant({"proc/pressure/memory": text})
    assert pressure(tree.root) == Pressure(None, 0)
    assert not is_pressed(Pressure(None), Pressure(None))


def test_pressure_is_much_waiting_or_a_new_slowing() -> None:
    assert is_pressed(Pressure(0.0), Pressure(STALLED))
    assert not is_pressed(Pressure(STALLED), Pressure(STALLED - 0.1))
    assert is_pressed(Pressure(0.0, 4), Pressure(0.0, 5))
    assert not is_pressed(Pressure(0.0, 5), Pressure(0.0, 5))
