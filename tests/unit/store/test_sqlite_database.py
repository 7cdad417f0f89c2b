from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from halfgig.store.library import DESIGN
from halfgig.store.sqlite_database import connect, wait_for_others

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_waiting_for_a_writer_takes_ten_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    waits = 0
    while wait_for_others(waits):
        waits += 1
    assert 9 < sum(waited) < 11
    assert waited[:3] == [0.001, 0.002, 0.004]


def test_who_waits_to_write_stops_no_other_thread(tmp_path: Path) -> None:
    """The one that holds the lock lives in this process too, and could not go on."""
    path = tmp_path / "library.db"
    holder, begun = connect(path, DESIGN), threading.Event()

    def wait_and_write() -> None:
        waiter = connect(path, DESIGN)
        begun.set()
        with waiter:
            waiter.execute("DELETE FROM sources")
        waiter.close()

    thread = threading.Thread(target=wait_and_write)
    with holder:
        thread.start()
        begun.wait()
        started = time.monotonic()
        for _ in range(20):
            time.sleep(0.005)
        elapsed = time.monotonic() - started
    thread.join()
    holder.close()
    assert elapsed < 5
