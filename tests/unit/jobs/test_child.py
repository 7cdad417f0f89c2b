from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from halfgig.jobs.child import ORPHAN, child_command, line_of

LINUX = pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="only Linux has these")
PATIENCE = 120.0  # seconds that anything may take on a busy machine

ECHO = """
import os, sys
from halfgig.jobs.child import become_child
wire = become_child(int(sys.argv[1]))
print("printed by a library")
os.write(1, b"written by a library in C\\n")
os.system("echo said by a child of the child")
assert sys.stdin.read() == ""
for message in wire.messages():
    wire.send({"heard": message})
"""
SCORE = """
import sys
from halfgig.jobs.child import become_child
become_child(int(sys.argv[1])).send({"score": int(open("/proc/self/oom_score_adj").read())})
"""
# Starts a child that would sleep for long, says its id, and waits itself.
PARENT = """
import os, subprocess, sys, time
code = "import sys, time; from halfgig.jobs.child import become_child; \\
become_child(int(sys.argv[1])).send({}); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def run(code: str, given: bytes = b"", parent: int | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", code, str(parent or os.getpid())]
    return subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE, check=False)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_libraries_print_does_not_cross_the_wire() -> None:
    done = run(ECHO, line_of({"number": 1}) + line_of({"text": "two\nlines"}))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"heard": {"number": 1}},
        {"heard": {"text": "two\nlines"}},
    ]
    assert sorted(done.stderr.splitlines()) == [
        b"printed by a library",
        b"said by a child of the child",
        b"written by a library in C",
    ]


@LINUX
def test_a_child_is_the_first_that_the_kernel_takes() -> None:
    assert json.loads(run(SCORE).stdout) == {"score": 1000}


def test_a_child_whose_parent_has_gone_already_does_not_start() -> None:
    assert run(SCORE, parent=os.getppid()).returncode == ORPHAN


@LINUX
def test_a_child_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while alive(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive(child)


def test_a_command_names_the_parent_first() -> None:
    assert child_command("halfgig.jobs.child", "more") == [
        sys.executable,
        *("-m", "halfgig.jobs.child", str(os.getpid()), "more"),
    ]
