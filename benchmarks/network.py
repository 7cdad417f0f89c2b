"""A network for machines on one machine: a namespace for each and a bridge between, where root may make them."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from benchmarks.live import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PORT = 8000  # of each machine that has an address of its own


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is: its address, its port, and the words before a command that begin it there."""

    host: str
    port: int
    before: tuple[str, ...] = ()

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command that starts `command` there."""
        return [*self.before, *command]


@dataclass(frozen=True, slots=True)
class Network:
    """`host` is our own address in it, `machines` are the others; `joined` says whether each has a namespace."""

    host: str
    machines: Sequence[Place]
    joined: bool


@contextmanager
def network(count: int) -> Iterator[Network]:
    """A network with so many machines, as long as the block lasts; all of them on loopback where none can be made."""
    with ExitStack() as stack:
        made = _joined(stack, count)
        yield made or Network(HOST, [Place(HOST, free_port()) for _ in range(count)], joined=False)


def _joined(stack: ExitStack, count: int) -> Network | None:
    """Namespaces, joined; None, and nothing left of them, where this system does not let us."""
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "nsenter")):
        return None
    tag = token_hex(2)
    subnet = f"198.{18 + int(tag[:2], 16) % 2}.{int(tag[2:], 16)}"  # what RFC 2544 keeps for benchmarks
    with ExitStack() as made, suppress(OSError, subprocess.CalledProcessError):
        _bridge(made, f"hg{tag}", f"{subnet}.1/24")
        places = [_machine(made, f"hg{tag}", number, f"{subnet}.{number + 2}") for number in range(count)]
        stack.push(made.pop_all())
        return Network(f"{subnet}.1", places, joined=True)
    return None


def _bridge(made: ExitStack, name: str, address: str) -> None:
    _ip("link", "add", name, "type", "bridge")
    made.callback(_undo("link", "delete", name))
    _ip("address", "add", address, "dev", name)
    _ip("link", "set", name, "up")


def _machine(made: ExitStack, bridge: str, number: int, address: str) -> Place:
    space, line = f"{bridge}-{number}", f"{bridge}v{number}"
    _ip("netns", "add", space)
    made.callback(_undo("netns", "delete", space))
    _ip("link", "add", line, "type", "veth", "peer", "name", "eth0", "netns", space)
    _ip("link", "set", line, "master", bridge, "up")
    _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
    for own in ("lo", "eth0"):
        _ip("-n", space, "link", "set", own, "up")
    return Place(address, PORT, ("nsenter", f"--net=/run/netns/{space}"))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _undo(*words: str) -> Callable[[], object]:
    return lambda: subprocess.run(["ip", *words], check=False, capture_output=True)
