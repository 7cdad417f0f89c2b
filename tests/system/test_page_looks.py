"""How the page holds up: no barrier for anybody on any view, in light and dark; 200 videos; 20 readers at once."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from playwright.sync_api import TimeoutError as Late
from tests.system.site import PATIENCE, Site, running, until
from tests.system.visiting import barriers

from halfgig.jobs.job import Failure, Reason
from halfgig.jobs.queue import JobQueue
from halfgig.memory.meter import rss
from halfgig.records import Segment
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

MANY = 200
TRIES, AGAIN = 50, 5_000  # clicks on a button, at the most, and milliseconds until one is made again
FIRST_PAINT = 1.0  # seconds on a machine of its own
BUSY = 8  # times as long it may take on a slow one that others use
READERS = 20
GROWTH = 10 * 1024 * 1024  # bytes that a server may hold more for as many readers
SEGMENTS = [Segment(0.0, 4.0, "The first segment tells of a chip."), Segment(4.0, 9.0, "The second one goes on.")]
KEPT = f"{0:064x}"  # the id of the oldest source of the full library


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, model_store: Path, browser: Browser) -> Iterator[Site]:
    """A server whose library knows two hundred videos, none of them kept; and of a job whose upload is gone."""
    data = tmp_path_factory.mktemp("full")
    fill(data / "library.db")
    fail(data / "jobs.db")
    with running(data, model_store) as site:
        yield site


def fill(path: Path) -> None:
    with open_library(path) as connection:
        library = Library(connection)
        for number in range(MANY):
            address, title = f"https://example.org/{number}.mp4", f"Part {number} of a long series"
            source = library.add_source(f"{number:064x}", address, title, "tiny.en", duration=3600, language="en")
            list(library.append_segments(source, SEGMENTS))
            library.finish(library.close_transcript(source))


def fail(path: Path) -> None:
    with JobQueue(path) as queue:
        job, _ = queue.create("index", {"upload": "u" * 32, "title": "gone.mp4", "size": 1000}, {})
        queue.claim(job.id, "a worker")
        queue.fail(job.id, 1, Failure(Reason.REFUSED, "It is no video.", "Send another file.", 422))


def test_the_library_has_no_barrier(full: Site, visit: Any, axe: str, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(1000))
    with visit(full) as seen:
        page = seen.go()
        page.locator(".card").first.wait_for()
        page.locator("#files").set_input_files(film)
        page.locator(".planned .good").wait_for()
        assert barriers(page, axe) == []


def test_an_empty_search_and_operations_have_no_barrier(full: Site, visit: Any, axe: str) -> None:
    with visit(full) as seen:
        page = seen.go("#/search")
        page.get_by_text("Ask in your own words").wait_for()
        assert barriers(page, axe) == []
        page = seen.go("#/operations")
        page.locator("canvas").wait_for()
        page.get_by_role("heading", name="Models").wait_for()
        assert barriers(page, axe) == []


def test_a_video_that_was_not_kept_has_no_barrier(full: Site, visit: Any, axe: str) -> None:
    with visit(full) as seen:
        page = seen.go(f"#/videos/{KEPT}?t=4")
        page.locator(".line[aria-current]", has_text="second").wait_for()
        page.get_by_text("was not kept").wait_for()
        page.get_by_label("Search in this video").fill("chip")
        page.locator("mark").wait_for()
        page.get_by_role("button", name="Edit the text at 0:00").click()
        assert barriers(page, axe) == []


def test_two_hundred_videos_are_there_soon(full: Site, visit: Any) -> None:
    with visit(full) as seen:
        page, painted = seen.go(), []
        for _ in range(3):
            page.reload()
            page.locator(".card").first.wait_for()
            painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000)
        assert min(painted) < BUSY * FIRST_PAINT
        for _ in range(TRIES):
            before = page.locator(".card").count()
            if before == MANY:
                break
            page.get_by_role("button", name="Show more").click()
            with suppress(Late):  # a click may miss a button that moves, and is made again
                page.wait_for_function(f"() => document.querySelectorAll('.card').length > {before}", timeout=AGAIN)
        assert page.locator(".card").count() == MANY
        page.get_by_role("link", name=re.compile("^Part 0 of")).click()
        page.locator(".line").first.wait_for()


def test_an_edited_segment_is_kept_and_found(full: Site, visit: Any) -> None:
    with visit(full) as seen:
        page = seen.go(f"#/videos/{KEPT}")
        page.get_by_role("button", name="Edit the text at 0:04").click()
        page.get_by_label("Text", exact=True).fill("The second one names a zeppelin.")
        page.get_by_role("button", name="Save").click()
        page.locator(".line", has_text="zeppelin").wait_for()
        page.reload()
        page.locator(".line", has_text="zeppelin").wait_for()
        until(lambda: full.get("/search?q=zeppelin")["hits"])  # a job indexes it
        page = seen.go("#/search?q=zeppelin&since=2020-05-05")
        page.locator("mark", has_text="zeppelin").wait_for()
        page.get_by_label("Added since").focus()
        page.keyboard.press("ArrowUp")  # turns the date, and does not go to a moment
        page.wait_for_url(re.compile(r"since=2020-0(6-05|5-06)|since=2021-05-05"))
        assert page.evaluate("document.activeElement.id") == "since"


def test_why_a_job_cannot_be_tried_again_is_told(full: Site, visit: Any) -> None:
    with visit(full) as seen:
        page = seen.go()
        row = page.locator("li", has_text="gone.mp4")
        row.get_by_role("button", name="Try again").click()
        row.get_by_role("alert").filter(has_text="Upload the source again").wait_for()
        row.get_by_role("link", name="gone.mp4").click()
        page.locator(".job").get_by_role("button", name="Try again").click()
        page.locator(".job [role=alert]", has_text="Upload the source again").wait_for()


def test_twenty_readers_cost_little(full: Site, browser: Browser) -> None:
    assert full.process is not None
    httpx.get(f"{full.address}/sources", timeout=PATIENCE)
    context = browser.new_context()
    try:
        first = context.new_page()
        first.goto(f"{full.address}/#/operations")
        first.locator("canvas").wait_for(timeout=PATIENCE * 1000)
        before = rss(full.process.pid)
        for _ in range(READERS):
            page = context.new_page()
            page.goto(f"{full.address}/#/")
            page.locator(".card").first.wait_for(timeout=PATIENCE * 1000)
        assert rss(full.process.pid) - before < GROWTH
    finally:
        context.close()
