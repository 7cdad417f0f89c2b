"""What Prometheus is told: base units, and few values for each label.

Loaded when it first asks: its library brings an HTTP server and client, which nobody else here needs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from halfgig.api.tally import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.api.tally import Tally
    from halfgig.records import Bytes

MEDIA_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is asked for at the moment of a scrape; byte figures, None where the system does not tell."""

    resident: Bytes
    working_set: Bytes | None
    limit: Bytes
    jobs: Mapping[tuple[str, str], int]  # by kind and state
    streams: int
    leases: Mapping[str, Bytes] = field(default_factory=dict)  # by kind of child
    restarts: Mapping[str, int] = field(default_factory=dict)  # failed attempts by reason
    uploads: int = 0
    uploads_held: Bytes = 0


def exposition(snapshot: Snapshot, tally: Tally) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot, tally))
    return generate_latest(registry)


class _Families:
    """A collector after prometheus_client: every family with its samples."""

    def __init__(self, snapshot: Snapshot, tally: Tally) -> None:
        self._snapshot, self._tally = snapshot, tally

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from memory_families(self._snapshot)
        yield from state_families(self._snapshot)
        yield from job_families(self._tally)
        yield from request_families(self._tally)


def memory_families(now: Snapshot) -> Iterator[Metric]:
    """What is held, and what may be."""
    yield _gauge("memory_resident_bytes", "Resident memory of the server process.", now.resident)
    if now.working_set is not None:
        yield _gauge("memory_working_set_bytes", "What the control group holds and cannot drop.", now.working_set)
    yield _gauge("memory_limit_bytes", "The least of the limits that hold here.", now.limit)
    leases = GaugeMetricFamily("halfgig_leases_bytes", "Memory that is granted to children.", labels=["kind"])
    for kind, held in sorted(now.leases.items()):
        leases.add_metric([kind], held)
    yield leases


def state_families(now: Snapshot) -> Iterator[Metric]:
    """Jobs, uploads and streams as they are, and attempts that failed."""
    queue = GaugeMetricFamily("halfgig_queue_jobs", "Jobs by kind and state.", labels=["kind", "state"])
    for (kind, state), count in sorted(now.jobs.items()):
        queue.add_metric([kind, state], count)
    yield queue
    restarts = CounterMetricFamily("halfgig_worker_restarts", "Attempts that failed, by reason.", labels=["reason"])
    for reason, count in sorted(now.restarts.items()):
        restarts.add_metric([reason], count)
    yield restarts
    yield _gauge("uploads", "Uploads that are kept, whole or not.", now.uploads)
    yield _gauge("uploads_bytes", "Bytes of them on disk.", now.uploads_held)
    yield _gauge("event_streams", "Streams of events that are open.", now.streams)


def job_families(tally: Tally) -> Iterator[Metric]:
    """What ended jobs have cost."""
    seconds = HistogramMetricFamily("halfgig_job_seconds", "Seconds of work that jobs took.", labels=["kind"])
    peaks = GaugeMetricFamily("halfgig_job_peak_bytes", "The most that a job's child has held.", labels=["kind"])
    for kind, seen in sorted(tally.jobs.items()):
        buckets = [(f"{bound:g}", float(count)) for bound, count in zip(BUCKETS, seen.within, strict=True)]
        seconds.add_metric([kind], [*buckets, ("+Inf", float(seen.count))], seen.seconds)
        peaks.add_metric([kind], seen.peak)
    yield seconds
    yield peaks


def request_families(tally: Tally) -> Iterator[Metric]:
    """Requests by the template of their route."""
    requests = CounterMetricFamily(
        "halfgig_http_requests", "Requests that were answered.", labels=["method", "route", "status"]
    )
    for labels, count in sorted(tally.requests.items()):
        requests.add_metric(labels, count)
    yield requests
    seconds = SummaryMetricFamily("halfgig_http_request_seconds", "Seconds that answers took.", labels=["route"])
    for route, total in sorted(tally.request_seconds.items()):
        count = sum(n for (_, other, _), n in tally.requests.items() if other == route)
        seconds.add_metric([route], count, total)
    yield seconds


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"halfgig_{name}", help, value)
