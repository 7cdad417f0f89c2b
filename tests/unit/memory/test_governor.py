from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from halfgig.errors import MIB
from halfgig.memory.governor import CALM, DOUBT, Governor, Lease, Standing

LIMIT, SERVER, RESERVE = 512 * MIB, 60 * MIB, 16 * MIB
NOW = 1000.0


@dataclass
class Machine:
    """Limits, and processes that hold what they are told; the governor reads both."""

    limits: tuple[int, ...] = (LIMIT,)
    base: int = SERVER
    held: dict[int, int] = field(default_factory=dict)

    def standings(self) -> list[Standing]:
        held = self.base + sum(self.held.values())
        return [Standing(limit, held) for limit in self.limits]

    def used(self, pid: int) -> int:
        return self.held.get(pid, 0)

    def governor(self) -> Governor:
        return Governor(self.standings, self.used, reserve=RESERVE)


def granted(governor: Governor, needs: int, now: float = NOW) -> Lease:
    lease = governor.grant("work", needs, needs, now)
    assert lease is not None
    return lease


def test_headroom_is_what_the_narrowest_limit_leaves() -> None:
    assert Machine().governor().headroom() == LIMIT - SERVER - RESERVE
    assert Machine(limits=(LIMIT, 200 * MIB, 1000 * MIB)).governor().headroom() == 200 * MIB - SERVER - RESERVE
    assert Machine(base=LIMIT).governor().headroom() == -RESERVE


def test_each_limit_has_its_own_account() -> None:
    standings = [Standing(LIMIT, 60 * MIB), Standing(8192 * MIB, 8000 * MIB)]
    assert Governor(lambda: standings, lambda _: 0, reserve=0).headroom() == 192 * MIB


def test_a_lease_keeps_free_what_its_holder_does_not_hold_yet() -> None:
    machine = Machine()
    governor = machine.governor()
    whole = governor.headroom()
    lease = granted(governor, 200 * MIB)
    assert governor.headroom() == whole - 200 * MIB
    lease.pid, machine.held[7] = 7, 150 * MIB
    assert governor.unused(lease) == 50 * MIB
    assert governor.headroom() == whole - 200 * MIB
    machine.held[7] = 230 * MIB  # more than it was granted
    assert governor.unused(lease) == 0
    assert governor.headroom() == whole - 230 * MIB


def test_a_grant_is_as_much_as_there_is_and_no_less_than_what_helps() -> None:
    governor = Machine().governor()
    assert granted(governor, 300 * MIB).granted == 300 * MIB
    second = governor.grant("reps", wanted=300 * MIB, least=100 * MIB, now=NOW)
    assert second is not None
    assert second.granted == LIMIT - SERVER - RESERVE - 300 * MIB
    assert governor.grant("search", 1, 1, NOW) is None
    assert [lease.kind for lease in governor.leases] == ["work", "reps"]


def test_what_ends_in_a_release_can_be_granted_again() -> None:
    machine = Machine()
    governor = machine.governor()
    lease = granted(governor, 400 * MIB)
    lease.pid, machine.held[7] = 7, 300 * MIB
    governor.release(lease)
    assert governor.grant("work", 400 * MIB, 400 * MIB, NOW) is None  # the holder is still going
    del machine.held[7]
    governor.release(lease)
    assert granted(governor, 400 * MIB).granted == 400 * MIB


def test_a_variant_that_needs_less_gives_back() -> None:
    governor = Machine().governor()
    lease = granted(governor, 400 * MIB)
    governor.shrink(lease, 219 * MIB)
    governor.shrink(lease, 300 * MIB)  # never grows
    assert lease.granted == 219 * MIB
    assert granted(governor, 150 * MIB)


def test_a_loan_lasts_as_long_as_its_block() -> None:
    governor = Machine().governor()
    loan = governor.lend("search", 100 * MIB, NOW)
    assert loan is not None
    with suppress(ValueError), loan as lease:
        assert governor.leases == (lease,)
        raise ValueError("broken")
    assert governor.leases == ()
    assert governor.lend("search", LIMIT, NOW) is None


def test_under_pressure_nothing_is_granted_until_it_has_been_over_for_a_while() -> None:
    governor = Machine().governor()
    governor.press(NOW)
    governor.press(NOW + 5)
    assert governor.grant("work", MIB, MIB, NOW + CALM) is None
    assert governor.lend("work", MIB, NOW + CALM) is None
    assert granted(governor, MIB, now=NOW + 5 + CALM)


def test_pressure_that_does_not_end_lets_one_lease_a_minute_pass() -> None:
    governor = Machine().governor()
    passed = []
    for second in range(round(2.5 * DOUBT)):
        governor.press(NOW + second)
        if governor.grant("work", MIB, MIB, NOW + second):
            passed.append(second)
    assert passed == [DOUBT, 2 * DOUBT]


def test_a_holder_that_goes_on_under_long_pressure_counts_as_the_lease_of_that_minute() -> None:
    governor = Machine().governor()
    lease = granted(governor, MIB)
    for second in range(round(DOUBT) + 1):
        governor.press(NOW + second)
    assert governor.extend(lease, 2 * MIB, 2 * MIB, NOW + DOUBT)
    assert governor.grant("work", MIB, MIB, NOW + DOUBT) is None


@given(
    limits=st.lists(st.integers(100, 1000), min_size=1, max_size=4),
    asked=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), max_size=20),
)
def test_a_grant_lies_between_what_helps_and_what_is_wanted(limits: list[int], asked: list[tuple[int, int]]) -> None:
    machine = Machine(limits=tuple(limit * MIB for limit in limits))
    governor = machine.governor()
    for one, other in asked:
        least, wanted = sorted((one * MIB, other * MIB))
        lease = governor.grant("work", wanted, least, NOW)
        assert lease is None or least <= lease.granted <= wanted
    assert sum(lease.granted for lease in governor.leases) <= max(0, min(machine.limits) - SERVER - RESERVE)


class Life(RuleBasedStateMachine):
    """Leases come and go, holders grow and shrink as far as they may, and the server grows into its reserve."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(limits=(LIMIT, 700 * MIB))
        self.governor = self.machine.governor()
        self.pid = 0

    @rule(wanted=st.integers(1, 400), share=st.floats(0.1, 1))
    def grant(self, wanted: int, share: float) -> None:
        self.governor.grant("work", wanted * MIB, int(wanted * share) * MIB, NOW)

    @precondition(lambda self: self.governor.leases)
    @rule(which=st.integers(0, 99), share=st.floats(0, 1))
    def hold(self, which: int, share: float) -> None:
        lease = self.governor.leases[which % len(self.governor.leases)]
        if lease.pid is None:
            self.pid += 1
            lease.pid = self.pid
        self.machine.held[lease.pid] = int(lease.granted * share)

    @precondition(lambda self: self.governor.leases)
    @rule(which=st.integers(0, 99), gone=st.booleans())
    def release(self, which: int, gone: bool) -> None:
        lease = self.governor.leases[which % len(self.governor.leases)]
        self.governor.release(lease)
        if gone and lease.pid is not None:
            self.machine.held.pop(lease.pid, None)

    @rule()
    def reap(self) -> None:
        pids = {lease.pid for lease in self.governor.leases}
        self.machine.held = {pid: held for pid, held in self.machine.held.items() if pid in pids}

    @invariant()
    def what_may_come_to_be_held_stays_below_every_limit(self) -> None:
        leased = {lease.pid for lease in self.governor.leases}
        left_over = sum(held for pid, held in self.machine.held.items() if pid not in leased)
        most = SERVER + RESERVE + left_over + sum(lease.granted for lease in self.governor.leases)
        assert most <= min(self.machine.limits)


TestLife = Life.TestCase
