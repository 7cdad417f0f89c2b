from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from halfgig.errors import MIB
from halfgig.memory import jail
from halfgig.memory.jail import Run, can_make_cgroups, run_limited
from halfgig.memory.meter import tree_pss

if TYPE_CHECKING:
    from collections.abc import Callable

HOLD = "b = bytearray({} << 20); import time; time.sleep({})"
SEEN = 1.0  # seconds in which the watch looks at least once, also on a busy machine
LONG = 60  # seconds; what sleeps so long is ended before


@pytest.fixture(params=["cgroup", "PSS"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """`run_limited` in a control group, and where none can be made."""
    if request.param == "PSS":
        monkeypatch.setattr(jail, "_new_group", lambda: None)
        if sys.platform != "linux":
            pytest.skip("watching a process tree needs /proc")
    elif not can_make_cgroups():
        pytest.skip("this system lets us make no memory cgroup")
    return run_limited


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_tells_what_the_command_said(run: Callable[..., Run]) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run(python(code))
    assert (done.exit_code, done.stdout, done.stderr, done.ok) == (3, "out\n", "err\n", False)
    assert not done.oom_killed
    assert not done.timed_out


def test_measures_the_peak_though_it_is_over_at_the_end(run: Callable[..., Run]) -> None:
    done = run(python(HOLD.format(80, SEEN) + "; del b; time.sleep(.1)"))
    assert done.ok
    assert 80 * MIB < done.peak < 110 * MIB
    assert done.peak_usage >= done.peak
    assert 80 * MIB < done.peak_held < done.peak + MIB  # what is held is looked at a moment later


def test_counts_children(run: Callable[..., Run]) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD.format(80, SEEN)!r}])"
    assert 80 * MIB < run(python(code)).peak < 120 * MIB


def test_kills_what_passes_the_limit(run: Callable[..., Run]) -> None:
    done = run(python(HOLD.format(200, LONG)), 100 * MIB)
    assert done.oom_killed
    assert done.exit_code == -signal.SIGKILL
    assert done.seconds < LONG / 2


def test_lets_live_what_keeps_to_the_limit(run: Callable[..., Run]) -> None:
    done = run(python(HOLD.format(50, 0.2)), 100 * MIB)
    assert done.ok
    assert not done.oom_killed


def test_page_cache_does_not_break_the_limit(run: Callable[..., Run], tmp_path: Path) -> None:
    code = f"f = open({str(tmp_path / 'big')!r}, 'wb'); [f.write(bytes(1 << 20)) for _ in range(150)]"
    done = run(python(code), 64 * MIB)
    assert done.ok
    assert done.peak_usage <= 64 * MIB


@pytest.mark.cgroup
def test_page_cache_in_use_is_no_memory_held(run_in_cgroup: Callable[..., Run], tmp_path: Path) -> None:
    code = f"""
import time
path = {str(tmp_path / "big")!r}
with open(path, "wb") as file:
    for _ in range(80):
        file.write(bytes(1 << 20))
for _ in range(3):
    with open(path, "rb") as file:
        while file.read(1 << 20):
            time.sleep(0.002)
"""
    done = run_in_cgroup(python(code))
    assert done.ok
    assert done.peak_usage > 80 * MIB
    assert done.peak_held <= done.peak
    assert done.peak_held < 40 * MIB


def test_stops_at_the_timeout_with_all_children(run: Callable[..., Run]) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep({LONG})'])"
    done = run(python(code), timeout=0.5)
    assert done.timed_out
    assert done.exit_code == -signal.SIGKILL
    assert done.seconds < LONG / 2


def test_measures_processor_time(run: Callable[..., Run]) -> None:
    done = run(python("import time\nwhile time.process_time() < .3: pass"))
    assert 0.3 <= done.cpu_seconds < 2
    assert done.seconds >= 0.3


@pytest.mark.parametrize("cell", [jail.Group(2, Path("/nowhere"), LONG), jail.Open(poll=LONG)])
def test_short_commands_are_timed_as_they_are(cell: jail.Cell) -> None:
    """Their end is not waited for until the watch looks again."""
    child = subprocess.Popen(["/bin/true"])
    begun = time.monotonic()
    assert jail._wait(child, jail.Watch(cell, child.pid, None, None))[0] == 0
    assert time.monotonic() - begun < LONG / 2


def test_library_pages_count_as_resident(run: Callable[..., Run]) -> None:
    done = run(python("import ssl, sqlite3, time; time.sleep(1); print(open('/proc/self/status').read())"))
    mark = next(int(line.split()[1]) * 1024 for line in done.stdout.splitlines() if line.startswith("VmHWM"))
    assert done.peak_rss == pytest.approx(mark, rel=0.1)


def test_environment_is_added_and_input_is_empty(run: Callable[..., Run], tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['EXTRA'], 'PATH' in os.environ, repr(sys.stdin.read()), os.getcwd())"
    done = run(python(code), env={"EXTRA": "yes"}, cwd=tmp_path)
    assert done.stdout.split() == ["yes", "True", "''", str(tmp_path)]


def test_much_output_is_kept_whole(run: Callable[..., Run]) -> None:
    assert len(run(python("print('x' * 3_000_000)")).stdout) == 3_000_001


def test_arguments_reach_the_command_unchanged(run: Callable[..., Run]) -> None:
    arguments = ["a b", "$HOME", "'\"", "", "-c", "*"]
    done = run([sys.executable, "-c", "import sys; print(sys.argv[1:])", *arguments])
    assert done.stdout.strip() == repr(arguments)


def test_a_command_that_is_not_there(run: Callable[..., Run]) -> None:
    try:
        done = run(["/no/such/command"])
    except FileNotFoundError:
        return
    assert done.exit_code == 127


@pytest.mark.cgroup
def test_group_is_removed_with_those_who_stayed_in_it(
    run_in_cgroup: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    [group] = groups = [jail._new_group()]
    assert group is not None
    monkeypatch.setattr(jail, "_new_group", groups.pop)
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    left_behind = int(run_in_cgroup(python(code)).stdout)
    assert not group.folder.exists()
    assert tree_pss(left_behind) == 0


@pytest.mark.cgroup
def test_child_of_the_command_is_under_its_limit_too(run_in_cgroup: Callable[..., Run]) -> None:
    code = (
        f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {HOLD.format(200, 1)!r}]).returncode)"
    )
    done = run_in_cgroup(python(code), 100 * MIB)
    assert done.oom_killed
    assert not done.ok


@pytest.mark.cgroup
def test_command_sees_the_limit_that_it_runs_under(run_in_cgroup: Callable[..., Run]) -> None:
    code = """
from halfgig.memory.limit import memory_limit
from halfgig.memory.meter import held
from halfgig.settings import Settings
limit = memory_limit(Settings())
print(limit.bytes, held(limit))
"""
    limit, held = map(int, run_in_cgroup(python(code), 100 * MIB).stdout.split())
    assert limit == 100 * MIB
    assert MIB < held < 60 * MIB


def test_strict_refuses_to_only_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jail, "_new_group", lambda: None)
    with pytest.raises(PermissionError):
        run_limited(["/bin/true"], 100 * MIB, strict=True)
