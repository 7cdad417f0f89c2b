from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from halfgig.api.metrics import Snapshot, exposition
from halfgig.api.tally import BUCKETS, Tally


def samples(snapshot: Snapshot, tally: Tally) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the exposition, as Prometheus' own parser reads it."""
    families = text_string_to_metric_families(exposition(snapshot, tally).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


BARE = Snapshot(resident=10, working_set=None, limit=100, jobs={}, streams=0)


def test_what_is_held_is_told_in_bytes() -> None:
    now = Snapshot(10, 20, 100, {}, 3, leases={"transcribe": 50}, uploads=2, uploads_held=7)
    told = samples(now, Tally())
    assert told["halfgig_memory_resident_bytes", ()] == 10
    assert told["halfgig_memory_working_set_bytes", ()] == 20
    assert told["halfgig_memory_limit_bytes", ()] == 100
    assert told["halfgig_leases_bytes", (("kind", "transcribe"),)] == 50
    assert told["halfgig_event_streams", ()] == 3
    assert (told["halfgig_uploads", ()], told["halfgig_uploads_bytes", ()]) == (2, 7)
    assert ("halfgig_memory_working_set_bytes", ()) not in samples(BARE, Tally())


def test_jobs_are_told_by_kind_and_state() -> None:
    now = Snapshot(10, None, 100, {("reps", "queued"): 4}, 0)
    assert samples(now, Tally())["halfgig_queue_jobs", (("kind", "reps"), ("state", "queued"))] == 4


def test_ended_jobs_are_a_histogram_and_a_peak() -> None:
    tally = Tally()
    for seconds, peak in ((0.5, 100), (40.0, 300), (100_000.0, None)):
        tally.ended("index", seconds, peak)
    told = samples(BARE, tally)
    kind = ("kind", "index")
    assert [told["halfgig_job_seconds_bucket", (kind, ("le", le))] for le in ("1", "30", "60", "+Inf")] == [1, 1, 2, 3]
    assert told["halfgig_job_seconds_count", (kind,)] == 3
    assert told["halfgig_job_seconds_sum", (kind,)] == 100_040.5
    assert told["halfgig_job_peak_bytes", (kind,)] == 300
    assert list(BUCKETS) == sorted(BUCKETS)


def test_restarts_are_told_by_reason() -> None:
    now = Snapshot(10, None, 100, {}, 0, restarts={"out_of_memory": 1})
    assert samples(now, Tally())["halfgig_worker_restarts_total", (("reason", "out_of_memory"),)] == 1


def test_requests_are_told_by_route() -> None:
    tally = Tally()
    tally.count("GET", "/jobs/{job_id}", 200, 0.25)
    tally.count("GET", "/jobs/{job_id}", 404, 0.5)
    tally.count("BREW", "", 405, 1.0)
    told = samples(BARE, tally)
    route = ("route", "/jobs/{job_id}")
    assert told["halfgig_http_requests_total", (("method", "GET"), route, ("status", "404"))] == 1
    assert told["halfgig_http_request_seconds_count", (route,)] == 2
    assert told["halfgig_http_request_seconds_sum", (route,)] == 0.75
    assert told["halfgig_http_requests_total", (("method", "other"), ("route", ""), ("status", "405"))] == 1
