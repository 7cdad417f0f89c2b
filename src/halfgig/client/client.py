"""The client of one server: submits sources, watches jobs, and reads what they have made."""

from __future__ import annotations

import codecs
import json
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from halfgig.client.events import parse_events
from halfgig.client.exchange import BROKEN, JsonBody, Request, exchange, read_json, read_pieces
from halfgig.client.form import FormBody
from halfgig.client.job import read_job
from halfgig.client.patience import PATIENT, again
from halfgig.errors import BadRequest, Busy, NotFound, ServerTrouble
from halfgig.records import Answer, Hit, Rank

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from halfgig.client.address import Address
    from halfgig.client.events import JobEvent
    from halfgig.client.job import RemoteJob
    from halfgig.client.patience import Patience
    from halfgig.records import Bytes, Query, Seconds

MOST_LINE: Bytes = 4 * 1024 * 1024  # of a stream of events
MOST_TITLE = 200  # characters
SILENCE: Seconds = 45.0  # of a stream of events, which says something every 15 s
WHOLE_ID = 26  # characters
LEAST_ID = 4  # characters that may name a job


def ignore(*_: object) -> None:
    """Take no notice."""


class Client:
    """Asks the server at `address`, with `key` where it wants one; a connection for each request.

    Errors of every method: those of the server's problems, and ServerTrouble. `sleep` and `clock` are a test's.
    """

    def __init__(
        self,
        address: Address,
        key: str = "",
        patience: Patience = PATIENT,
        *,
        sleep: Callable[[Seconds], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not (key.isascii() and key.isprintable()):
            raise BadRequest("The API key holds characters that no key has.", "Set HALFGIG_API_KEY anew.")
        self.address = address
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._patience, self._sleep, self._clock = patience, sleep, clock

    # --- jobs

    def submit_file(
        self, kind: str, path: Path, options: Mapping[str, Any], watch: Callable[[Bytes, Bytes], None] = ignore
    ) -> RemoteJob:
        """Send a file and what to do with it; `watch` hears how many of its bytes are sent,
        and how many there are.

        However often the connection breaks, it makes one job. Raises SourceError where the file cannot be read.
        """
        fields = {"kind": kind, "options": json.dumps(dict(options)), "title": path.name[:MOST_TITLE]}
        return self._submit(Request("POST", "/jobs", body=FormBody(path, fields, watch)))

    def submit_url(self, kind: str, url: str, options: Mapping[str, Any]) -> RemoteJob:
        """Have the server fetch a source."""
        wish = {"kind": kind, "source": {"url": url}, "options": dict(options)}
        return self._submit(Request("POST", "/jobs", body=JsonBody(wish)))

    def job(self, job_id: str) -> RemoteJob:
        """The job of this id."""
        return read_job(self._ask(Request("GET", _route(job_id))))

    def jobs(
        self, *, state: str | None = None, kind: str | None = None, limit: int = 50, before: str = ""
    ) -> list[RemoteJob]:
        """Up to `limit` jobs, newest first, older than the id `before`."""
        asked = {"state": state, "kind": kind, "limit": limit, "before": before}
        page = self._ask(Request("GET", _query("/jobs", asked)))
        return [read_job(shown) for shown in _list(page, "jobs")]

    def find(self, name: str) -> RemoteJob:
        """The job whose id is, or begins with, `name`. Raises BadRequest where several do, NotFound where none does."""
        name = name.lower()
        if len(name) >= WHOLE_ID:
            return self.job(name)
        if len(name) < LEAST_ID:
            raise BadRequest(f"{name or 'Nothing'} names no job.", f"Give {LEAST_ID} or more characters of its id.")
        found = self.jobs(limit=2, before=f"{name}~")  # ids are in order, and no character of theirs is past ~
        named = [job for job in found if job.id.startswith(name)]
        if not named:
            raise NotFound(f"There is no job {name}.", "halfgig jobs list shows those that there are.")
        if len(named) > 1:
            raise BadRequest(f"Several jobs have ids that begin with {name}.", "Give more of the id.")
        return named[0]

    def cancel(self, job_id: str) -> RemoteJob:
        """Want the job no more."""
        return read_job(self._ask(Request("POST", _route(job_id, "cancel")), repeatable=False))

    def retry(self, job_id: str) -> RemoteJob:
        """Queue the job again."""
        return read_job(self._ask(Request("POST", _route(job_id, "retry")), repeatable=False))

    def delete(self, job_id: str) -> None:
        """Forget the job."""
        self._repeat(Request("DELETE", _route(job_id)), lambda _: None, repeatable=False)

    # --- what they tell and have made

    def follow(self, job_id: str, after: int = 0) -> Iterator[JobEvent]:
        """What happens to a job, past the event `after`, until it has ended.

        Where the connection breaks or the server goes away, it goes on from the last event, once it is back.
        """
        last_heard = self._clock()
        while True:
            try:
                for event in self._events(job_id, after):
                    after, last_heard = event.id or after, self._clock()
                    yield event
                if self.job(job_id).ended:
                    return
            except (Busy, ServerTrouble):
                if self._clock() - last_heard > self._patience.outage:
                    raise
            self._sleep(self._patience.pauses[0])

    def result(self, job_id: str, form: str) -> Iterator[str]:
        """What the job has made, in `form`, as it comes. Raises Conflict where it has not succeeded."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        request = Request("GET", _query(_route(job_id, "result"), {"format": form}))
        with exchange(self.address, self._signed(request)) as answer:
            for piece in read_pieces(answer, self.address):
                yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)

    def result_json(self, job_id: str) -> dict[str, Any]:
        """What the job has made, as one JSON object."""
        return _dict(self._ask(Request("GET", _query(_route(job_id, "result"), {"format": "json"}))))

    # --- search

    def search(self, asked: Query) -> Answer:
        """The best moments of the server's library."""
        mode = "keyword" if asked.keyword_only else None
        return _answer(self._ask(Request("GET", _query("/search", {"q": asked.text, "mode": mode, **_bounds(asked)}))))

    def search_alike(self, source: str, at: Seconds, asked: Query) -> Answer:
        """The moments that mean most nearly what is said at a second of a source."""
        return _answer(self._ask(Request("GET", _query("/similar", {"to": source, "at": at, **_bounds(asked)}))))

    # --- requests

    def _submit(self, request: Request) -> RemoteJob:
        key = {"Idempotency-Key": uuid4().hex}
        return read_job(self._ask(replace(request, headers={**request.headers, **key})))

    def _ask(self, request: Request, *, repeatable: bool = True) -> Any:
        return self._repeat(request, lambda answer: read_json(answer, self.address), repeatable=repeatable)

    def _repeat(self, request: Request, read: Callable[[http.client.HTTPResponse], Any], *, repeatable: bool) -> Any:
        def ask() -> Any:
            with exchange(self.address, self._signed(request)) as answer:
                return read(answer)

        return again(ask, self._patience, self._sleep, repeatable=repeatable)

    def _signed(self, request: Request) -> Request:
        return replace(request, headers={**request.headers, **self._headers})

    def _events(self, job_id: str, after: int) -> Iterator[JobEvent]:
        """The events of one connection; that it breaks is its end."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        request = Request("GET", _route(job_id, "events"), headers, silence=SILENCE)
        with exchange(self.address, self._signed(request)) as answer:
            yield from parse_events(_lines(answer))


def _lines(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            line = answer.readline(MOST_LINE)
        except BROKEN:
            return
        if not line:
            return
        yield line


def _route(job_id: str, part: str = "") -> str:
    return f"/jobs/{quote(job_id, safe='')}" + (f"/{part}" if part else "")


def _query(route: str, asked: Mapping[str, Any]) -> str:
    given = {name: value for name, value in asked.items() if value not in (None, "")}
    return f"{route}?{urlencode(given, doseq=True)}"


def _bounds(asked: Query) -> dict[str, Any]:
    scope = asked.scope
    return {
        "k": asked.k,
        "grouped": "true" if asked.grouped else None,
        **{"source": scope.sources, "language": scope.languages, "tag": scope.tags},
        **{"since": scope.since, "until": scope.until, "after": scope.after, "before": scope.before},
        "kind": scope.kind,
    }


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ServerTrouble("The answer is not what a halfgig server gives.", "Check the address of the server.")
    return value


def _hit(told: dict[str, Any]) -> Hit:
    given = {field.name: told[field.name] for field in fields(Hit)}
    return Hit(**{**given, "ranks": tuple(Rank(**rank) for rank in told["ranks"])})


def _answer(told: Any) -> Answer:
    try:
        hits = tuple(_hit(hit) for hit in told["hits"])
        return Answer(str(told["question"]), hits, tuple(map(str, told.get("notes", ()))))
    except (TypeError, KeyError) as error:
        raise ServerTrouble("The answer is not what a halfgig server gives.", "Check its address.") from error
