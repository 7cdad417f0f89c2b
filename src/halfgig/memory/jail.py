"""Runs a command under a hard memory limit and tells what it took: time, peak, and whether the limit killed it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from halfgig.memory.cgroup import ROOT, mounts, read
from halfgig.memory.meter import group_anonymous, group_working_set, peak_rss, tree, tree_pss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from halfgig.records import Bytes, Seconds

BUSY = 0.05  # seconds until a group that was busy may be removed
JOIN = 'echo $$ > "$0" && exec "$@"'  # the child enters the group before it becomes the command


@dataclass(frozen=True, slots=True)
class Run:
    """What one command did and took.

    `exit_code` is negative for a signal. `peak` is the highest working set seen: the group's usage less its
    inactive page cache. `peak_held` leaves out all page cache of files: it is what no room could have been made of,
    the same whether libraries were read before or not. `peak_usage` is the kernel's own high-water mark with all page
    cache, which a hard limit keeps below itself. These leave out pages of libraries that another group read first;
    `peak_rss`, the sum of the processes' own marks, counts them, once a process. Without a control group the first
    three are the highest PSS of the process tree; `meter` says which.
    """

    exit_code: int
    seconds: Seconds
    cpu_seconds: Seconds
    peak: Bytes
    peak_held: Bytes
    peak_usage: Bytes
    peak_rss: Bytes
    oom_killed: bool
    timed_out: bool
    stdout: str
    stderr: str
    meter: str

    @property
    def ok(self) -> bool:
        """Whether the command ended by itself and called itself successful."""
        return self.exit_code == 0


class Cell(Protocol):
    """Where a command is held: in a control group, or only watched."""

    @property
    def name(self) -> str:
        """How the figures are taken."""

    @property
    def poll(self) -> Seconds:
        """Time between two readings, by what one costs."""

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command that starts `command` inside."""

    def pids(self, child: int) -> list[int]:
        """Who is inside, for a command that runs as `child`."""

    def reading(self, child: int) -> Bytes:
        """The working set now."""

    def held(self, child: int) -> Bytes:
        """What could not be dropped now."""

    def peak(self) -> Bytes:
        """The kernel's high-water mark; 0 where it keeps none."""

    def killed(self) -> bool:
        """Whether the limit killed anything inside."""


@dataclass
class Watch:
    """The highest reading of a cell, taken on a thread while the command runs."""

    cell: Cell
    child: int
    limit: Bytes | None
    timeout: Seconds | None
    peak: Bytes = 0
    peak_held: Bytes = 0
    peak_rss: Bytes = 0
    over: bool = False
    late: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until told that the command has ended; kill it where it passes the limit or the time."""
        started = time.monotonic()
        while not self.done.wait(self.cell.poll):
            inside = self.cell.pids(self.child)
            self.peak = max(self.peak, self.cell.reading(self.child))
            self.peak_held = max(self.peak_held, self.cell.held(self.child))
            self.peak_rss = max(self.peak_rss, sum(map(peak_rss, inside)))
            self.over = self.over or (self.limit is not None and self.peak > self.limit)
            self.late = self.timeout is not None and time.monotonic() - started > self.timeout
            if self.over or self.late:
                _kill(inside)


@dataclass(frozen=True, slots=True)
class Group:
    """A control group of our own, made for one command."""

    version: int
    folder: Path
    poll: Seconds = 0.01

    @property
    def name(self) -> str:
        """The kind of control group."""
        return f"cgroup v{self.version}"

    def enter(self, command: Sequence[str]) -> list[str]:
        """A shell that joins the group and turns into the command."""
        return ["/bin/sh", "-c", JOIN, str(self.folder / "cgroup.procs"), *command]

    def pids(self, child: int | None = None) -> list[int]:  # noqa: ARG002 - the group knows who is inside
        """Who is inside."""
        return [int(line) for line in read(self.folder / "cgroup.procs").split()]

    def reading(self, child: int) -> Bytes:  # noqa: ARG002 - the group knows who is inside
        """The group's working set."""
        return group_working_set(self.version, self.folder) or 0

    def held(self, child: int) -> Bytes:  # noqa: ARG002 - the group knows who is inside
        """The group's working set without any page cache."""
        return group_anonymous(self.version, self.folder) or 0

    def peak(self) -> Bytes:
        """The highest usage, page cache included; 0 on kernels before 5.19 with version 2."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        return int(read(self.folder / name).strip() or 0)

    def killed(self) -> bool:
        """Whether the kernel killed a process of the group for lack of memory."""
        text = read(self.folder / ("memory.oom_control" if self.version == 1 else "memory.events"))
        return any(line.split()[0] == "oom_kill" and line.split()[1] != "0" for line in text.splitlines())

    def set_limit(self, limit: Bytes) -> None:
        """A hard limit, without swap. Raises OSError where the kernel refuses."""
        names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        swap = {names[1]: limit} if self.version == 1 else {"memory.swap.max": 0}
        (self.folder / (names[0] if self.version == 1 else "memory.max")).write_text(str(limit))
        for name, value in swap.items():
            if (self.folder / name).exists():
                (self.folder / name).write_text(str(value))


@dataclass(frozen=True, slots=True)
class Open:
    """No walls: the process tree is only watched, and killed by us where it passes the limit."""

    name: str = "PSS"
    poll: Seconds = 0.05

    def enter(self, command: Sequence[str]) -> list[str]:
        """The command itself."""
        return list(command)

    def pids(self, child: int) -> list[int]:
        """The process tree."""
        return list(tree(child))

    def reading(self, child: int) -> Bytes:
        """The PSS of the tree."""
        return tree_pss(child)

    def held(self, child: int) -> Bytes:
        """The same: without walls, page cache is not told apart."""
        return self.reading(child)

    def peak(self) -> Bytes:
        """Unknown."""
        return 0

    def killed(self) -> bool:
        """Only the watch kills."""
        return False


def run_limited(
    command: Sequence[str],
    limit: Bytes | None = None,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: Seconds | None = None,
    strict: bool = False,
) -> Run:
    """Run `command` to its end, under a hard limit of `limit` bytes without swap, and measure it.

    As root on Linux the limit is a control group's; elsewhere the process tree is watched and killed when it is
    seen above the limit, which misses short peaks. `strict` raises PermissionError instead of watching. `env`
    is added to our own environment.
    """
    with cell(limit, strict=strict) as walls, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        child = _start(walls.enter(command), out, err, {**os.environ, **(env or {})}, cwd)
        watch = Watch(walls, child.pid, limit if isinstance(walls, Open) else None, timeout)
        exit_code, cpu_seconds = _wait(child, watch)
        return Run(
            exit_code=exit_code,
            seconds=time.monotonic() - started,
            cpu_seconds=cpu_seconds,
            peak=watch.peak,
            peak_held=watch.peak_held,
            peak_usage=walls.peak() or watch.peak,
            peak_rss=watch.peak_rss,
            oom_killed=walls.killed() or watch.over,
            timed_out=watch.late,
            stdout=_text(out),
            stderr=_text(err),
            meter=walls.name,
        )


@contextmanager
def cell(limit: Bytes | None, *, strict: bool = False) -> Iterator[Cell]:
    """A control group with the limit, removed at the end with all who are left inside; else no walls."""
    group = _new_group()
    if group is None and strict:
        raise PermissionError("this system lets us make no memory cgroup")
    if group is None:
        yield Open()
        return
    try:
        if limit is not None:
            group.set_limit(limit)
        yield group
    finally:
        _remove(group)


def can_make_cgroups() -> bool:
    """Whether this system lets us make a memory cgroup."""
    group = _new_group()
    if group is not None:
        _remove(group)
    return group is not None


def _new_group(root: Path = ROOT) -> Group | None:
    for mount in mounts(root):
        if mount.version == 1 and "memory" not in mount.controllers:
            continue
        with suppress(OSError):
            if mount.version == 2:
                _delegate_memory(mount.folder)
            return Group(mount.version, Path(tempfile.mkdtemp(prefix="halfgig-", dir=mount.folder)))
    return None


def _delegate_memory(folder: Path) -> None:
    """Let groups below account for memory; raises OSError where this is not ours to say."""
    if "memory" not in read(folder / "cgroup.controllers").split():
        raise OSError("no memory controller here")
    if "memory" not in read(folder / "cgroup.subtree_control").split():
        (folder / "cgroup.subtree_control").write_text("+memory")


def _start(
    command: Sequence[str], out: IO[bytes], err: IO[bytes], env: Mapping[str, str], cwd: Path | None
) -> subprocess.Popen[bytes]:
    """Output goes to files: a pipe that nobody reads would stop the command."""
    return subprocess.Popen(  # noqa: S603 - running what it is told to is its purpose
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, cwd=cwd, start_new_session=True
    )


def _wait(child: subprocess.Popen[bytes], watch: Watch) -> tuple[int, Seconds]:
    """(exit code, CPU seconds of the command and its finished children), with the watch running beside."""
    thread = threading.Thread(target=watch.run, name="jail-watch", daemon=True)
    thread.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except BaseException:
        _kill(list(tree(child.pid)))
        child.wait()
        raise
    finally:
        watch.done.set()
        thread.join()
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_utime + usage.ru_stime


def _remove(group: Group) -> None:
    """Kill who is left in the group that we made, and remove it; an empty group can stay busy for a moment."""
    for _ in range(100):
        _kill(group.pids())
        with suppress(OSError):
            group.folder.rmdir()
            return
        time.sleep(BUSY)


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
