"""What every test may ask for, and the check that it leaves no thread or child behind."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from halfgig.memory.jail import Run, can_make_cgroups, run_limited
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.outside import Outside
    from tests.fakes.s3 import Front

# In CI the same examples each time, so that a change fails for its own sake; elsewhere new ones are tried.
hypothesis.settings.register_profile(
    "house",
    derandomize="CI" in os.environ,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # it is the machine that is
)
hypothesis.settings.load_profile("house")

PROJECT = Path(__file__).resolve().parents[1]
SHARED_DATA = PROJECT.parent / "shared" / "data"
PATIENCE = 20.0  # seconds that a thread or child has to end after its test, on a busy machine


def absent(what: str) -> None:
    """Skip the test, saying why; where CI runs everything, that is a failure."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{what}, and CI must not skip this test")
    pytest.skip(what)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, `speech/` and `reps/`, that lies beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the recordings of ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def model_store() -> Path:
    """The model store's folder with at least one model in it."""
    folder = Settings.from_environment().models_dir.expanduser()
    if not folder.is_dir() or not any(folder.iterdir()):
        absent(f"no models in {folder}: run `halfgig models pull`")
    return folder


@pytest.fixture(scope="session")
def run_in_cgroup() -> Callable[..., Run]:
    """`run_limited` where a control group can be made, so that its limit is the kernel's."""
    if not can_make_cgroups():
        pytest.skip("this system lets us make no memory cgroup")
    return run_limited


@pytest.fixture(scope="session")
def postgres() -> Iterator[str | None]:
    """The address of a real Postgres with pgvector; None where it is not installed."""
    from tests.fakes.outside import postgres_server

    with postgres_server() as address:
        yield address


@pytest.fixture(scope="session")
def s3_of_all() -> Iterator[Front | None]:
    """S3 for all tests; None where it is not installed."""
    from tests.fakes.s3 import s3_server

    with s3_server() as front:
        yield front


@pytest.fixture
def s3(s3_of_all: Front | None, monkeypatch: pytest.MonkeyPatch) -> Front:
    """S3, with the variables that lead there set."""
    if s3_of_all is None:
        absent("moto or obstore is not installed")
    assert s3_of_all is not None
    for name, value in s3_of_all.environment().items():
        monkeypatch.setenv(name, value)
    s3_of_all.asked.clear()
    return s3_of_all


@pytest.fixture
def outside(postgres: str | None) -> Outside:
    """What opens indexes outside of the library: that Postgres, and fakes of services."""
    from tests.fakes.outside import Outside

    return Outside(postgres, dim=16)


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), child_processes()
    yield
    deadline = time.monotonic() + PATIENCE
    while (left := left_behind(threads, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"left running: {', '.join(left)}"


def left_behind(threads: set[threading.Thread], children: set[int]) -> list[str]:
    named = [f"thread {thread.name}" for thread in set(threading.enumerate()) - threads if thread.is_alive()]
    return named + [f"process {pid} {command(pid)}" for pid in child_processes() - children]


def child_processes() -> set[int]:
    """Ids of our children; empty where the system does not tell."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in lists for pid in told(path).split() if "resource_tracker" not in command(int(pid))}


def command(pid: int) -> str:
    return told(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()


def told(path: Path) -> str:
    """What the system tells there; nothing of a thread or process that has just ended."""
    try:
        return path.read_text()
    except OSError:
        return ""
