"""What a job has made, in every form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from halfgig.jobs.job import Job

Site = Any


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        ("txt", "text/plain; charset=utf-8", "Hello there.\nÜnd <b>tschüss</b>.\n"),
        ("srt", "application/x-subrip; charset=utf-8", "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n"),
        ("tsv", "text/tab-separated-values; charset=utf-8", "start\tend\ttext\n0\t1500\tHello there.\n2000\t3250\t"),
    ],
)
def test_a_transcript_is_written_as_text(
    site: Site, ended_job: Callable[..., Job], form: str, kind: str, text: str
) -> None:
    answer = site.get(f"/jobs/{ended_job().id}/result?format={form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="A_talk.{form}"'
    assert answer.text.startswith(text)


def test_a_transcript_as_json_has_facts_text_and_segments(site: Site, ended_job: Callable[..., Job]) -> None:
    job = ended_job()
    told = site.get(f"/jobs/{job.id}/result").json()
    assert told["job"] == job.id
    assert (told["language"], told["duration"]) == ("de", 4.0)
    assert told["text"] == "Hello there. Ünd <b>tschüss</b>."
    assert [segment["text"] for segment in told["segments"]] == ["Hello there.", "Ünd <b>tschüss</b>."]
    assert told["segments"][0]["words"][0] == {"start": 0.0, "end": 0.5, "word": "Hello", "probability": 0.9}


def test_verbose_json_is_openais(site: Site, ended_job: Callable[..., Job]) -> None:
    told = site.get(f"/jobs/{ended_job(translate=True).id}/transcript?format=verbose_json").json()
    assert (told["task"], told["language"], told["duration"]) == ("translate", "de", 4.0)
    assert len(told["segments"]) == 2


def test_a_transcript_is_readable_while_it_grows(site: Site, started_job: Callable[..., Job]) -> None:
    job = started_job(language="de")
    grown = site.get(f"/jobs/{job.id}/transcript?format=txt")
    assert (grown.text, grown.headers["halfgig-complete"]) == ("Hello there.\n", "false")
    told = site.get(f"/jobs/{job.id}/transcript?format=verbose_json").json()
    assert (told["language"], told["duration"]) == ("de", 1.5)
    refused = site.get(f"/jobs/{job.id}/result")
    assert (refused.status_code, refused.json()["state"]) == (409, "running")


def test_a_whole_transcript_says_so(site: Site, ended_job: Callable[..., Job]) -> None:
    assert site.get(f"/jobs/{ended_job().id}/transcript").headers["halfgig-complete"] == "true"


def test_a_transcript_of_many_pages_is_whole(site: Site, started_job: Callable[..., Job]) -> None:
    from halfgig.jobs.attempt import Attempt
    from halfgig.records import Segment

    job = started_job()
    many = [Segment(10.0 + n, 10.5 + n, f"Number {n}.") for n in range(700)]
    site.queue(lambda queue: Attempt(queue, job).checkpoint({}, segments=many))
    lines = site.get(f"/jobs/{job.id}/transcript?format=txt").text.splitlines()
    assert lines == ["Hello there.", *(f"Number {n}." for n in range(700))]


def test_a_report_is_json_or_a_table(site: Site, ended_job: Callable[..., Job]) -> None:
    address = f"/jobs/{ended_job('reps').id}/result"
    assert site.get(address).json()["reps"][0]["range"] == 90.0
    table = site.get(f"{address}?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    header, row = table.text.splitlines()
    assert header.startswith("number,side,start,turn,end,seconds,lowest,highest,range,partial,set,")
    assert row.startswith("1,both,1.0,1.5,2.0,1.0,80.0,170.0,90.0,false,")


def test_a_form_must_suit_the_kind(site: Site, ended_job: Callable[..., Job]) -> None:
    reps, speech = ended_job("reps").id, ended_job().id
    assert site.get(f"/jobs/{reps}/result?format=srt").status_code == 415
    assert site.get(f"/jobs/{speech}/result?format=csv").status_code == 415
    assert site.get(f"/jobs/{speech}/result?format=docx").status_code == 422
    assert site.get(f"/jobs/{reps}/transcript").status_code == 404


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/plain; charset=utf-8"),
        ("text/vtt", "text/vtt; charset=utf-8"),
        ("text/html, application/json;q=0.2, text/vtt;q=0.9", "text/vtt; charset=utf-8"),
        ("text/csv, application/x-subrip;q=0.1", "application/x-subrip; charset=utf-8"),
        ("", "application/json"),
    ],
)
def test_the_header_accept_chooses(site: Site, ended_job: Callable[..., Job], accept: str, kind: str) -> None:
    answer = site.get(f"/jobs/{ended_job().id}/result", headers={"accept": accept})
    assert answer.headers["content-type"] == kind


def test_a_form_that_there_is_not_is_refused(site: Site, ended_job: Callable[..., Job]) -> None:
    assert site.get(f"/jobs/{ended_job().id}/result", headers={"accept": "video/mp4"}).status_code == 415


def test_a_failed_job_has_no_result_but_its_problem(site: Site, started_job: Callable[..., Job]) -> None:
    from halfgig.jobs.job import Failure, Reason

    job = started_job()
    site.queue(lambda queue: queue.fail(job.id, job.attempt, Failure(Reason.REFUSED, "No sound.", "Add some.", 422)))
    refused = site.get(f"/jobs/{job.id}/result")
    assert (refused.status_code, refused.json()["state"]) == (409, "failed")
    assert refused.json()["problem"]["detail"] == "No sound."


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", 'filename="etc_passwd.txt"'),
        ('a"b\r\nX: y.mp4', 'filename="a_b_X_y.txt"'),
        ("Übung 1.mov", "filename=\"bung_1.txt\"; filename*=UTF-8''%C3%9Cbung_1.txt"),
        ("...", None),
    ],
)
def test_a_title_becomes_a_safe_name(site: Site, title: str, name: str | None) -> None:
    job = site.queue(lambda queue: queue.create("index", {"url": "https://a.example/", "title": title}, {})[0])
    shown = site.get(f"/jobs/{job.id}/transcript?format=txt").headers["content-disposition"]
    assert shown == "attachment; " + (name or f'filename="{job.id}.txt"')


def test_nothing_is_escaped_twice(site: Site, started_job: Callable[..., Job]) -> None:
    from halfgig.jobs.attempt import Attempt
    from halfgig.records import Segment

    job, odd = started_job(), 'quote " back\\slash \n tab\t nul\0'
    site.queue(lambda queue: Attempt(queue, job).checkpoint({}, segments=[Segment(5, 6, odd)]))
    told = json.loads(site.get(f"/jobs/{job.id}/transcript").content)
    assert told["text"] == f"Hello there. {odd}"
