"""Routes of results: what a job has made, in the formats that other software reads, streamed a page at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import Request
from starlette.responses import Response

from halfgig.api.drawings import LINKED, send_drawing
from halfgig.api.jobs import JobId, known_job
from halfgig.api.problems import PAGE, plain_problem, problem_response
from halfgig.api.schema import problems
from halfgig.api.services import Given, Services
from halfgig.api.views import BULKY, UNSPOKEN
from halfgig.errors import NotFound, UnsupportedMedia
from halfgig.jobs.job import DRAWING, REINDEX, Job, State
from halfgig.motion.table import arranged, csv_rows
from halfgig.speech.captions import Facts, render
from halfgig.store.drawings import Drawing
from halfgig.store.naming import attachment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.records import Segment

router = APIRouter(tags=["results"])

PIECE = 16 * 1024  # characters sent at a time


class Form(StrEnum):
    """How a result is written."""

    JSON = "json"
    VERBOSE_JSON = "verbose_json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    TSV = "tsv"
    CSV = "csv"
    MD = "md"


MEDIA_TYPES = {
    Form.JSON: "application/json",
    Form.VERBOSE_JSON: "application/json",
    Form.TXT: "text/plain; charset=utf-8",
    Form.SRT: "application/x-subrip; charset=utf-8",
    Form.VTT: "text/vtt; charset=utf-8",
    Form.TSV: "text/tab-separated-values; charset=utf-8",
    Form.CSV: "text/csv; charset=utf-8",
    Form.MD: "text/markdown; charset=utf-8",
}
ASKED_BY = {kind.partition(";")[0]: form for form, kind in reversed(MEDIA_TYPES.items())}
SPEECH = tuple(form for form in Form if form not in {Form.CSV, Form.MD})
MOTION = (Form.JSON, Form.CSV)
FORMS = {"reps": MOTION, REINDEX: (Form.JSON,)}  # of what jobs of these kinds have made; all others', SPEECH
ANSWERS: dict[str, Any] = {
    kind.partition(";")[0]: {"schema": {"type": "string"}}
    for kind in MEDIA_TYPES.values()
    if kind != "application/json"
}
ANSWERS["application/json"] = {"schema": {"type": "object"}}
Accept = Annotated[str, Header(max_length=1000)]


@router.get(
    "/jobs/{job_id}/result",
    summary="What a job has made",
    response_class=Response,
    responses={200: {"content": ANSWERS}, 307: {"description": LINKED}, **problems(404, 409, 415)},
)
async def show_result(
    request: Request, job_id: JobId, services: Given, format: Form | None = None, accept: Accept = "*/*"
) -> Response:
    """The transcript, or the report of repetitions, whole. Without `format`, the header Accept chooses; JSON is first.
    Of a drawing it is the file, in its own form.

    409 with the state while the job has not succeeded.
    """
    job = await known_job(services, job_id)
    form = Form.JSON if job.kind == DRAWING else chosen(format, accept, FORMS.get(job.kind, SPEECH))
    if job.state is not State.SUCCEEDED:
        return _unfinished(request, job)
    if job.kind == DRAWING:
        return await send_drawing(request, services, job.source["source"], Drawing(job.options["drawing"]))
    return await _told(services, job, form) if job.kind in UNSPOKEN else _transcript(services, job, form)


@router.get(
    "/jobs/{job_id}/transcript",
    summary="The transcript as far as it is",
    response_class=Response,
    responses={200: {"content": ANSWERS}, **problems(404, 415)},
)
async def show_transcript(
    job_id: JobId, services: Given, format: Form | None = None, accept: Accept = "*/*"
) -> Response:
    """What has been recognised so far; the header Halfgig-Complete tells whether that is all."""
    job = await known_job(services, job_id)
    if job.kind in UNSPOKEN:
        raise NotFound("A job of this kind has no transcript.", f"Ask for /jobs/{job_id}/result.")
    return _transcript(services, job, chosen(format, accept, SPEECH))


def chosen(form: Form | None, accept: str, known: tuple[Form, ...]) -> Form:
    """The form that is asked for by name, or by the header Accept. Raises UnsupportedMedia where there is none."""
    wanted = [form] if form is not None else list(accepted(accept, known))
    for candidate in wanted:
        if candidate in known:
            return candidate
    names = ", ".join(known)
    raise UnsupportedMedia("The result cannot be had in this form.", f"Ask for one of these: format={names}.")


def accepted(accept: str, known: tuple[Form, ...]) -> Iterator[Form]:
    """The forms that the header takes, the most wanted first."""
    ranges = [_range(entry) for entry in accept.split(",") if entry.strip()]
    for kind, quality in sorted(ranges or [("*/*", 1.0)], key=lambda entry: -entry[1]):
        if quality <= 0:
            return
        if kind in {"*/*", "application/*"}:
            yield Form.JSON
        elif kind == "text/*":
            yield Form.TXT if Form.TXT in known else Form.CSV
        elif kind in ASKED_BY:
            yield ASKED_BY[kind]


def _range(entry: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in entry.split(";"))
    stated = next((value[2:] for value in parameters if value.startswith("q=")), "1")
    return kind, float(stated) if re.fullmatch(r"[01](\.\d{0,3})?", stated) else 1.0


def _unfinished(request: Request, job: Job) -> Response:
    wait = not job.state.final
    remedy = (
        f"Watch /jobs/{job.id}/events until it has succeeded." if wait else f"POST /jobs/{job.id}/retry tries again."
    )
    facts = {"job": job.id, "state": str(job.state), "progress": job.progress, "problem": job.problem}
    body = plain_problem(409, f"The job is {job.state}, and has no result.", remedy, type=f"{PAGE}#conflict", **facts)
    return problem_response(request.scope, body)


async def _told(services: Services, job: Job, form: Form) -> Response:
    whole = await services.ask(lambda queue: queue.get(job.id))
    return told_report((whole and whole.result) or {}, form, _named(job, form))


def told_report(report: dict[str, Any], form: Form, headers: dict[str, str]) -> Response:
    """A report as JSON, or as its table."""
    if form is Form.JSON:
        return JSONResponse(arranged(report), headers=headers)
    return StreamingResponse(gathered(_csv_lines(report)), media_type=MEDIA_TYPES[form], headers=headers)


def _csv_lines(report: dict[str, Any]) -> Iterator[str]:
    for row in csv_rows(report):
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def _transcript(services: Services, job: Job, form: Form) -> Response:
    def closing() -> Facts:
        told = job.result or {}
        task = "translate" if job.options.get("translate") else "transcribe"
        return Facts(task, told.get("language") or job.options.get("language", ""), told.get("duration") or last_end)

    last_end = 0.0

    def segments() -> Iterator[Segment]:
        nonlocal last_end
        for segment in read_segments(services, job.id):
            last_end = segment.end
            yield segment

    summary = {"job": job.id, "state": str(job.state), **_bare(job.result or {})}
    pieces = whole_json(summary, segments) if form is Form.JSON else render(segments(), form, closing)
    complete = "true" if job.state is State.SUCCEEDED else "false"
    headers = {**_named(job, form), "Halfgig-Complete": complete}
    return StreamingResponse(gathered(pieces), media_type=MEDIA_TYPES[form], headers=headers)


def _bare(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in BULKY}


def _named(job: Job, form: Form) -> dict[str, str]:
    return named(str(job.source.get("title") or ""), job.id, form)


def read_segments(services: Services, job_id: str) -> Iterator[Segment]:
    """The segments of a job, read a page at a time. Blocking: for a thread."""
    after = 0
    while page := services.queue.ask_now(lambda queue: queue.segment_page(job_id, after)):  # noqa: B023  # asked at once
        yield from (segment for _, segment in page)
        after = page[-1][0]


def shown_segment(segment: Segment) -> dict[str, Any]:
    """A segment for a client: its times in seconds, its text, and its words where they were asked for."""
    told: dict[str, Any] = {"start": segment.start, "end": segment.end, "text": segment.text}
    if segment.words:
        told["words"] = [
            {"start": word.start, "end": word.end, "word": word.text.strip(), "probability": round(word.probability, 4)}
            for word in segment.words
        ]
    return told


def whole_json(summary: dict[str, Any], segments: Callable[[], Iterator[Segment]]) -> Iterator[str]:
    """The summary with the text and the segments; they are read twice, so that none is held."""
    return written_whole(summary, lambda: map(shown_segment, segments()))


def written_whole(summary: dict[str, Any], rows: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[str]:
    """The same, where each segment has become what is told of it."""
    yield _json(summary)[:-1]
    yield ', "text": "'
    for number, row in enumerate(rows()):
        yield (" " if number else "") + _json(row["text"])[1:-1]
    yield '", "segments": ['
    for number, row in enumerate(rows()):
        yield (",\n" if number else "\n") + _json(row)
    yield "\n]}\n"


def gathered(pieces: Iterable[str], size: int = PIECE) -> Iterator[bytes]:
    """The same text in pieces of about `size` characters: each is sent by itself."""
    held: list[str] = []
    length = 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(held).encode()
            held, length = [], 0
    yield "".join(held).encode()


def named(title: str, name_else: str, form: Form) -> dict[str, str]:
    """The header that names the file under which a browser keeps the result: the source's title, made safe."""
    return attachment(title, name_else, "json" if form is Form.VERBOSE_JSON else str(form))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
