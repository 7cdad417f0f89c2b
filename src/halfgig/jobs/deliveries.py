"""What is still to be sent to callback addresses: a table beside the jobs, filled by the transaction that ends one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from halfgig.jobs.table import JobTable
    from halfgig.records import Seconds

_DUE = """SELECT id, job_id, url, state, created_at, tries FROM deliveries
 WHERE due_at <= ? ORDER BY due_at, id LIMIT ?"""
_NEXT = "SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL"
_FAILED = "UPDATE deliveries SET tries = tries + 1, trouble = ?, due_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job's end that somebody wants to hear of. `created_at` is in unix seconds; `tries` have failed so far."""

    id: str
    job_id: str
    url: str
    state: str
    created_at: Seconds
    tries: int = 0


class Deliveries:
    """The deliveries of a job table, each left by the transaction that ended its job, in whatever process."""

    def __init__(self, table: JobTable) -> None:
        self._table = table

    def due(self, now: Seconds, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries whose time has come, the earliest first."""
        with self._table.guarded():
            return [Delivery(*row) for row in self._table.execute(_DUE, (now, limit))]

    def next_due(self) -> Seconds | None:
        """Unix seconds of the earliest delivery; None where nothing is to be sent."""
        with self._table.guarded():
            return cast("Seconds | None", self._table.execute(_NEXT).get)

    def succeeded(self, delivery_id: str) -> None:
        """Forget a delivery that has arrived."""
        with self._table.transaction():
            self._table.execute("DELETE FROM deliveries WHERE id = ?", (delivery_id,))

    def failed(self, delivery_id: str, trouble: str, again: Seconds | None) -> None:
        """Note what became of a try, and when the next is due; None gives it up, and it stays until its job goes."""
        with self._table.transaction():
            self._table.execute(_FAILED, (trouble, again, delivery_id))
