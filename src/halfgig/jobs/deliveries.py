"""What is still to be sent to callback addresses: a table beside the jobs, filled by the transaction that ends one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from halfgig.jobs.table import JobTable
    from halfgig.records import Seconds

HOLD: Seconds = 60.0  # that a delivery is one server's to try: longer than a try takes, and over when a server dies
_CLAIM = """WITH due AS MATERIALIZED (SELECT id FROM deliveries WHERE due_at <= :now ORDER BY due_at, id
 LIMIT :limit {skip_held}) UPDATE deliveries SET due_at = :until WHERE id IN (SELECT id FROM due)
 RETURNING id, job_id, url, state, created_at, tries"""
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

    def claim(self, limit: int) -> list[Delivery]:
        """Up to `limit` deliveries whose time has come, the earliest first, to be tried by nobody else for `HOLD`."""
        now = self._table.clock()
        with self._table.transaction():
            rows = self._table.execute(_CLAIM, {"now": now, "until": now + HOLD, "limit": limit}).fetchall()
        return sorted((Delivery(*row) for row in rows), key=lambda delivery: (delivery.created_at, delivery.id))

    def wait(self) -> Seconds | None:
        """Seconds until the next delivery is due, at most 0 where one is; None where nothing is to be sent."""
        with self._table.guarded():
            due = cast("Seconds | None", self._table.execute(_NEXT).get)
        return None if due is None else due - self._table.clock()

    def succeeded(self, delivery_id: str) -> None:
        """Forget a delivery that has arrived."""
        with self._table.transaction():
            self._table.execute("DELETE FROM deliveries WHERE id = ?", (delivery_id,))

    def failed(self, delivery_id: str, trouble: str, pause: Seconds | None) -> None:
        """Note what became of a try, and the pause until the next; None gives up, and it stays until its job goes."""
        again = None if pause is None else self._table.clock() + pause
        with self._table.transaction():
            self._table.execute(_FAILED, (trouble, again, delivery_id))
