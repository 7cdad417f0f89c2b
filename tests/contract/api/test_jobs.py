"""The routes of jobs over a real queue and real uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from halfgig.jobs.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.job import Job

Site = Any

WISH: dict[str, Any] = {"kind": "transcript", "source": {"url": "https://example.org/talk.mp4"}}


def test_a_job_is_accepted_with_its_address(site: Site) -> None:
    answer = site.post("/jobs", json={**WISH, "options": {"language": "German", "words": True}, "priority": -3})
    told = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == told["links"]["self"] == f"/jobs/{told['id']}"
    assert (told["state"], told["kind"], told["priority"]) == ("queued", "transcript", -3)
    assert told["options"] == {"language": "de", "words": True}
    assert site.get(answer.headers["location"]).json() == told


def test_a_job_of_reps_names_its_exercise_as_the_table_does(site: Site) -> None:
    wish = {"kind": "reps", "source": WISH["source"], "options": {"exercise": "Push ups"}}
    assert site.post("/jobs", json=wish).json()["options"] == {"exercise": "push-up"}
    assert site.post("/jobs", json={**wish, "options": {"exercise": "auto"}}).json()["options"] == {}


def test_an_upload_becomes_a_source(site: Site) -> None:
    upload = site.upload(b"twelve bytes", "Talk.mp4")
    told = site.post("/jobs", json={"kind": "index", "source": {"upload": upload}}).json()
    assert told["source"]["upload"] == upload
    assert (told["source"]["title"], told["source"]["size"]) == ("Talk.mp4", 12)


def test_an_upload_must_be_there_and_whole(site: Site) -> None:
    begun = site.services.uploads.create("half.mp4", 100)
    asked = [
        site.post("/jobs", json={"kind": "index", "source": {"upload": id}}) for id in (begun.id, "0" * 26, "../x")
    ]
    assert [answer.status_code for answer in asked] == [409, 404, 404]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1/a.mp4", 403),
        ("http://169.254.169.254/latest/meta-data", 403),
        ("http://[::ffff:10.0.0.1]/", 403),
        ("http://2130706433/", 403),
        ("https://localhost:8000/jobs", 403),
        ("file:///etc/passwd", 422),
        ("/etc/passwd", 422),
        ("gopher://example.org/", 422),
    ],
)
def test_an_address_inside_is_refused_before_there_is_a_job(site: Site, url: str, status: int) -> None:
    answer = site.post("/jobs", json={**WISH, "source": {"url": url}})
    assert answer.status_code == status
    assert answer.json()["remedy"]
    assert site.get("/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "dance"}, "body"),
        ({"kind": None}, "body"),
        ({"source": {}}, "body.transcript.source"),
        ({"source": {"url": "https://a.example/", "upload": "x"}}, "body.transcript.source"),
        ({"source": {"url": "x" * 5000}}, "body.transcript.source.url"),
        ({"priority": 101}, "body.transcript.priority"),
        ({"priority": "soon"}, "body.transcript.priority"),
        ({"more": 1}, "body.transcript.more"),
        ({"options": {"exercise": "squat"}}, "body.transcript.options.exercise"),
        ({"options": {"language": "x" * 33}}, "body.transcript.options.language"),
    ],
)
def test_wrong_fields_are_named(site: Site, changes: dict[str, Any], field: str) -> None:
    answer = site.post("/jobs", json={**WISH, **changes})
    assert answer.status_code == 422
    assert field in [entry["field"] for entry in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("transcript", {"language": "klingon"}),
        ("transcript", {"model": "huge"}),
        ("transcript", {"model": "/etc/passwd"}),
        ("transcript", {"model": "tiny.en", "language": "de"}),
        ("reps", {"exercise": "cartwheel"}),
    ],
)
def test_options_that_no_work_could_follow_are_refused(site: Site, kind: str, options: dict[str, Any]) -> None:
    assert site.post("/jobs", json={**WISH, "kind": kind, "options": options}).status_code == 400


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"kind=transcript", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
    ],
)
def test_a_body_must_be_a_small_json_object(site: Site, content: bytes, kind: str, status: int) -> None:
    assert site.post("/jobs", content=content, headers={"content-type": kind}).status_code == status


def test_a_key_makes_one_job(site: Site) -> None:
    first, second = (site.post("/jobs", json=WISH, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    other = site.post("/jobs", json={**WISH, "kind": "index"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409
    for key in ("", "x" * 256, "a b"):
        assert site.post("/jobs", json=WISH, headers={"Idempotency-Key": key}).status_code == 422


def test_a_key_is_known_when_its_job_has_ended_and_its_upload_is_gone(site: Site) -> None:
    wish: dict[str, Any] = {"kind": "transcript", "source": {"upload": site.upload()}}
    ask: dict[str, Any] = {"json": wish, "headers": {"Idempotency-Key": "k1"}}
    first = site.post("/jobs", **ask).json()
    site.services.uploads.remove(wish["source"]["upload"])
    again = site.post("/jobs", **ask)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    for changes in ({"kind": "index"}, {"priority": 1}, {"source": {**wish["source"], "title": "Another"}}):
        assert site.post("/jobs", json={**wish, **changes}, headers=ask["headers"]).status_code == 409
    assert site.post("/jobs", json=wish, headers={"Idempotency-Key": "k2"}).status_code == 404


def test_what_shows_a_job_does_not_read_its_whole_result(
    site: Site, ended_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended_job("reps")
    monkeypatch.delattr("halfgig.jobs.table.JobTable.get")
    for path in ("/jobs", f"/jobs/{job.id}", f"/jobs/{job.id}/events"):
        assert site.get(path).status_code == 200


def test_a_crowd_is_refused(open_site: Any) -> None:
    with open_site(max_queued_jobs=2) as site:
        statuses = [site.post("/jobs", json=WISH).status_code for _ in range(3)]
    assert statuses == [202, 202, 429]


def test_jobs_are_listed_in_pages(site: Site, make_job: Callable[..., Job]) -> None:
    jobs = sorted((make_job("index" if number % 2 else "reps") for number in range(5)), key=lambda job: job.id)
    made = [job.id for job in jobs]
    pages, address = [], "/jobs?limit=2"
    while address:
        answer = site.get(address)
        pages.append([job["id"] for job in answer.json()["jobs"]])
        address = answer.json()["next"]
        assert (address is not None) == ("link" in answer.headers)
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    of_index = [job.id for job in reversed(jobs) if job.kind == "index"]
    assert [job["id"] for job in site.get("/jobs?kind=index&state=queued").json()["jobs"]] == of_index
    assert site.get("/jobs?state=failed").json() == {"jobs": [], "next": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "kind=dance", "state=asleep", "before="])
def test_a_wrong_question_for_the_list_is_refused(site: Site, query: str) -> None:
    assert site.get(f"/jobs?{query}").status_code == 422


def test_what_is_not_there_is_not_found(site: Site) -> None:
    for method, path in (
        ("GET", "/jobs/{}"),
        ("DELETE", "/jobs/{}"),
        ("POST", "/jobs/{}/cancel"),
        ("POST", "/jobs/{}/retry"),
        ("GET", "/jobs/{}/events"),
        ("GET", "/jobs/{}/result"),
        ("GET", "/jobs/{}/transcript"),
    ):
        assert site.ask(method, path.format("0" * 26)).status_code == 404


def test_a_job_is_cancelled_retried_and_deleted(site: Site, make_job: Callable[..., Job]) -> None:
    address = f"/jobs/{make_job().id}"
    assert site.post(f"{address}/retry").status_code == 409
    assert site.ask("DELETE", address).status_code == 409
    assert site.post(f"{address}/cancel").json()["state"] == "cancelled"
    assert site.post(f"{address}/cancel").status_code == 409
    assert site.post(f"{address}/retry").json()["state"] == "queued"
    assert site.post(f"{address}/cancel").json()["finished_at"] is not None
    assert site.ask("DELETE", address).status_code == 204
    assert site.get(address).status_code == 404


def test_a_deleted_job_takes_its_upload_along_unless_another_needs_it(site: Site) -> None:
    upload = site.upload()
    wish = {"kind": "transcript", "source": {"upload": upload}}
    first, second = (site.post("/jobs", json=wish).json()["links"]["self"] for _ in range(2))
    for address, left in ((first, 1), (second, 0)):
        site.post(f"{address}/cancel")
        assert site.ask("DELETE", address).status_code == 204
        assert len(list(site.services.uploads.uploads())) == left


def test_a_job_whose_upload_is_gone_cannot_be_retried(site: Site) -> None:
    upload = site.upload()
    address = site.post("/jobs", json={"kind": "reps", "source": {"upload": upload}}).json()["links"]["self"]
    site.post(f"{address}/cancel")
    site.services.uploads.remove(upload)
    assert site.post(f"{address}/retry").status_code == 409


def test_a_job_tells_nothing_of_what_only_the_queue_needs(site: Site, ended_job: Callable[..., Job]) -> None:
    told = site.get(f"/jobs/{ended_job('reps').id}").json()
    assert not {"owner", "request", "lease_until", "idempotency_key"} & set(told)
    assert told["result"] == {"exercise": "squat", "count": 1}


def test_a_password_in_an_address_is_not_shown(site: Site) -> None:
    source = {"url": "https://me:secret@example.org:8443/a.mp4?x=1"}
    assert (
        site.post("/jobs", json={**WISH, "source": source}).json()["source"]["url"]
        == "https://example.org:8443/a.mp4?x=1"
    )
    signed = {"url": "https://example.org/a.mp4?x=1&X-Amz-Signature=secret"}
    told = site.post("/jobs", json={**WISH, "source": signed}).json()
    assert told["source"]["url"] == "https://example.org/a.mp4"
    assert "secret" not in site.get("/jobs").text
    assert site.queue(lambda queue: queue.get(told["id"])).source == signed  # it is fetched by that


FILE = {"file": ("Talk.mp4", b"sound and picture", "video/mp4")}


def test_a_form_brings_its_source(site: Site) -> None:
    answer = site.post("/jobs", data={"kind": "transcript", "language": "de", "options": '{"words": true}'}, files=FILE)
    told = answer.json()
    assert answer.status_code == 202
    assert told["options"] == {"language": "de", "words": True}
    assert (told["source"]["title"], told["source"]["size"]) == ("Talk.mp4", 17)
    assert told["source"]["sha256"]
    assert site.services.uploads.open(told["source"]["upload"]).read_bytes() == b"sound and picture"


def test_the_fields_of_a_form_are_those_of_a_wish(site: Site) -> None:
    fields = {"kind": "reps", "exercise": "squat", "title": "Legs", "keep_source": "true", "priority": "-1"}
    told = site.post("/jobs", data=fields, files=FILE).json()
    assert (told["options"], told["source"]["title"]) == ({"exercise": "squat"}, "Legs")
    assert (told["keep_source"], told["priority"]) == (True, -1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422),
        ({"kind": "dance"}, 422),
        ({"kind": "reps", "options": "[]"}, 422),
        ({"kind": "reps", "options": "{" * 20_000}, 422),
        ({"kind": "reps", "words": "true"}, 422),
        ({"kind": "reps", "url": "https://a.example/b.mp4"}, 422),
        ({"kind": "reps", "upload": "0" * 26}, 422),
        ({"kind": "reps", "exercise": "cartwheel"}, 400),
        ({"kind": "reps", "priority": "soon"}, 422),
    ],
)
def test_a_form_that_is_refused_leaves_nothing(site: Site, fields: dict[str, str], status: int) -> None:
    assert site.post("/jobs", data=fields, files=FILE).status_code == status
    assert list(site.services.uploads.uploads()) == []


def test_a_form_that_comes_again_makes_one_job_and_keeps_one_file(site: Site) -> None:
    ask = {"data": {"kind": "transcript"}, "files": FILE, "headers": {"Idempotency-Key": "k"}}
    first, second = (site.post("/jobs", **ask).json() for _ in range(2))
    assert first["id"] == second["id"]
    assert [upload.id for upload in site.services.uploads.uploads()] == [first["source"]["upload"]]


def test_a_form_without_a_file_may_name_its_source(site: Site) -> None:
    form = {"kind": (None, "transcript"), "url": (None, "https://example.org/a.mp4")}
    assert site.post("/jobs", files=form).json()["source"] == {"url": "https://example.org/a.mp4"}


def test_a_file_past_the_limit_is_refused_and_not_kept(open_site: Any) -> None:
    with open_site(max_file_size_mb=1) as site:
        large = {"file": ("a.mp4", b"x" * 3_000_000, "video/mp4")}
        assert site.post("/jobs", data={"kind": "reps"}, files=large).status_code == 413
        assert list(site.services.uploads.uploads()) == []


def test_a_job_tells_its_place_among_those_that_wait(site: Site, make_job: Callable[..., Job]) -> None:
    first, second = make_job(), make_job()
    urgent = site.queue(lambda queue: queue.create("reps", {"url": "https://example.org/a.mp4"}, {}, priority=-1)[0])
    places = {job["id"]: job["position"] for job in site.get("/jobs").json()["jobs"]}
    assert places == {urgent.id: 0, first.id: 1, second.id: 2}
    assert site.get(f"/jobs/{second.id}").json()["position"] == 2
    assert site.post(f"/jobs/{urgent.id}/cancel").json()["position"] is None
    assert site.get(f"/jobs/{second.id}").json()["position"] == 1


def test_a_job_tells_its_source_once_it_is_known(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job()
    assert site.get(f"/jobs/{job.id}").json()["source_id"] is None
    site.queue(lambda queue: Attempt(queue, job).describe(fingerprint="a" * 64))
    assert site.get(f"/jobs/{job.id}").json()["source_id"] == "a" * 64
