"""The page in Debian's chromium, with a real server and real models: what people do, and what may go wrong."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING, Any

from tests.system.site import Site, running, until
from tests.system.visiting import barriers

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

MB = 1024 * 1024
NEAR = 1.0  # seconds from the right one at which the player may stand
KEY, VIEWER = "hg_" + "k" * 40, "hg_" + "v" * 40
DRAWN = "document.querySelector('.skeleton').getContext('2d').getImageData(0, 0, 400, 400).data.some(Boolean)"


def add(page: Page, path: Path) -> None:
    """Put a file into the tray, and wait until its plan is told."""
    page.get_by_label("Language spoken").select_option("en")
    page.locator("#files").set_input_files(path)
    planned = page.locator(".planned", has_text=path.name)
    planned.wait_for()
    planned.locator("[role=status]").wait_for(state="detached")  # "Looking whether it fits"


def start(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Start")).click()


def open_job(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).first.click()
    page.locator(".job").wait_for()


def position(page: Page) -> float:
    """Where the player stands, once it has its picture, in seconds."""
    ready = "() => { const v = document.querySelector('video'); return v && v.readyState > 1 && !v.seeking }"
    page.wait_for_function(ready)
    return float(page.evaluate("document.querySelector('video').currentTime"))


def pause_at(page: Page, second: float) -> None:
    """Let the player play to a second, and pause it there itself: word of it would come to us too late to do that."""
    video = "document.querySelector('video')"
    page.wait_for_function(f"() => {video}.currentTime >= {second} && ({video}.pause(), true)")


# --- what people do --------------------------------------------------------------------------------------


def test_a_talk_is_sent_watched_found_and_played_at_the_second(site: Site, visit: Any, talk: Path) -> None:
    with visit(site) as seen:
        page = seen.go()
        add(page, talk)
        start(page)
        open_job(page, "talk.opus")
        page.locator(".live .time").first.wait_for()  # text, while the job is at work or has just ended
        page.get_by_role("link", name="Open the video").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("why does a chip need to be refreshed?")
        page.keyboard.press("Enter")
        page.locator("mark", has_text="chip").first.wait_for()
        (hit,) = site.get("/search?q=why+does+a+chip+need+to+be+refreshed%3F&k=1")["hits"]
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator(".line").first.wait_for()
        assert abs(position(page) - hit["at"]) < NEAR
        current = page.locator(".line[aria-current]")
        assert "chip" in current.inner_text()
        page.get_by_role("button", name="Play from 0:12").click()
        pause_at(page, 12)
        assert position(page) < hit["at"] - NEAR
        page.go_back()
        page.get_by_role("link", name=re.compile("^More like this")).first.click()
        page.get_by_role("heading", name="Like talk.opus").wait_for()
        page.get_by_text(re.compile(r"^\d+ moments?\.|^No moment")).wait_for()


def test_a_search_is_in_its_address(site: Site, visit: Any) -> None:
    """It needs the talk of the test before, or says that nothing is found: either way the question is shown."""
    with visit(site) as seen:
        page = seen.go("#/search?q=silicon&kind=speech")
        page.locator("[role=status]", has_text="moment").wait_for()
        assert page.get_by_label("Search what is said and done").input_value() == "silicon"
        assert page.get_by_label("What", exact=True).input_value() == "speech"
        page.get_by_label("What", exact=True).select_option("motion")
        page.wait_for_url(re.compile("kind=motion"))
        page.get_by_text("Nothing was found").wait_for()


def test_an_athlete_is_sent_counted_and_played_at_the_third_rep(
    site: Site, visit: Any, athlete: Path, axe: str
) -> None:
    with visit(site) as seen:
        page = seen.go()
        page.get_by_label("Count exercise repetitions").check()
        page.get_by_label("Exercise", exact=True).select_option("squat")
        page.locator("#files").set_input_files(athlete)
        page.locator(".planned .good").wait_for()
        start(page)
        open_job(page, "squats.mp4")
        page.get_by_role("link", name="See the repetitions").wait_for()
        assert barriers(page, axe) == []
        page.get_by_role("link", name="See the repetitions").click()
        page.locator(".reps-summary .number", has_text="4").wait_for()
        (source,) = [one for one in site.get("/sources")["sources"] if one["title"] == "squats.mp4"]
        third = site.get(f"/sources/{source['id']}/reps")["reps"][2]
        position(page)
        page.get_by_role("button", name=re.compile("^Play Rep 3 ")).click()
        pause_at(page, third["start"])
        assert position(page) < third["end"] + NEAR
        page.wait_for_function(f"() => {DRAWN}")
        page.locator(".angle canvas").wait_for()
        with page.expect_download() as kept:
            page.get_by_role("button", name="Save as a picture").click()
        assert kept.value.path().read_bytes().startswith(b"\x89PNG")
        page.get_by_role("button", name="Make Overlay").click()
        made = page.get_by_role("link", name="Download Overlay")
        made.wait_for()
        with page.expect_download() as kept:
            made.click()
        assert kept.value.suggested_filename == "squats.overlay.mp4"
        assert kept.value.path().read_bytes()[4:8] == b"ftyp"
        assert barriers(page, axe) == []
        page = seen.go("#/search?q=squat")
        page.locator(".hit-link", has_text="squats.mp4").first.wait_for()
        assert barriers(page, axe) == []


# --- what goes wrong -------------------------------------------------------------------------------------


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path: Path, model_store: Path, visit: Any) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(40 * MB)
    with running(tmp_path / "data", model_store) as site, visit(site) as seen:
        page = seen.go()
        slow_down(page, 8 * MB)
        add(page, film)
        start(page)
        until(lambda: sent(site) >= 9 * MB)
        site.kill()
        page.get_by_text("The upload goes on by itself").wait_for()
        page.get_by_text("What you see may be old").wait_for()
        site.start()
        page.get_by_role(
            "heading", name="Did not work"
        ).wait_for()  # it is whole, its job was made; it is no film, and says so
        page.get_by_text("What you see may be old").wait_for(state="detached")
        assert [int(one.headers["upload-offset"]) for one in seen.asked("PATCH", "/uploads/")][-1] >= 8 * MB
        (job,) = site.get("/jobs")["jobs"]
        assert job["source"]["size"] == 40 * MB
        row = page.locator("li", has_text="film.mp4")
        assert job["problem"]["detail"] in row.inner_text()


def slow_down(page: Page, rate: int) -> None:
    """Let the browser send at most so many bytes a second."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", limits)


def sent(site: Site) -> int:
    """Bytes of the one upload that lie on the disk."""
    return sum(path.stat().st_size for path in (site.data / "uploads").glob("*/data"))


def test_an_upload_goes_on_after_a_reload(site: Site, visit: Any, tmp_path: Path) -> None:
    film = tmp_path / "reloaded.mp4"
    with film.open("wb") as file:
        file.truncate(32 * MB)
    with visit(site) as seen:
        page = seen.go()
        slow_down(page, 6 * MB)
        add(page, film)
        start(page)
        until(lambda: sent(site) >= 9 * MB)
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("Paused at").wait_for()
        page.reload()
        page.get_by_role("heading", name="Interrupted uploads").wait_for()
        slow_down(page, -1)
        page.locator("li[data-state=interrupted] input").set_input_files(film)
        page.locator("li", has_text="reloaded.mp4").filter(has_text="did not work").wait_for()
        offsets = [int(one.headers["upload-offset"]) for one in seen.asked("PATCH", "/uploads/")]
        assert offsets[0] == 0
        assert offsets[-1] > 0
        assert len(seen.asked("POST", "/uploads")) == 1
        page.locator("li", has_text="reloaded.mp4").get_by_role("button", name="Delete").click()
        page.locator("li", has_text="reloaded.mp4").wait_for(state="detached")


def test_a_killed_worker_is_told_and_its_job_goes_on(tmp_path: Path, model_store: Path, visit: Any, talk: Path) -> None:
    with running(tmp_path / "data", model_store) as site, visit(site) as seen:
        page = seen.go()
        add(page, talk)
        start(page)
        (worker,) = until(site.workers)
        os.kill(worker, signal.SIGKILL)
        (worker,) = until(lambda: set(site.workers()) - {worker})
        os.kill(worker, signal.SIGSTOP)  # its job lasts for as long as we look
        open_job(page, "talk.opus")
        page.get_by_role("heading", name="What was tried").wait_for()
        assert "killed from outside" in page.locator(".failures").inner_text()
        page.get_by_role("button", name="Cancel the work").click()
        page.get_by_role("button", name="Try again").wait_for()


def test_keys_and_limits_are_told_before_anything_is_sent(
    tmp_path: Path, model_store: Path, visit: Any, axe: str
) -> None:
    film = tmp_path / "long.mp4"
    with film.open("wb") as file:
        file.truncate(10 * 1024 * MB)  # it takes no room: nothing is written
    guarded = running(tmp_path / "data", model_store, API_KEYS=KEY, VIEWER_KEYS=VIEWER, MAX_FILE_SIZE_MB="2000")
    with guarded as site, visit(site) as seen:
        page = seen.go("#/search?q=chip")
        page.get_by_label("Key").fill("hg_" + "w" * 40)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("alert").wait_for()
        assert barriers(page, axe) == []
        page.get_by_label("Key").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Nothing was found").wait_for()  # where one wanted to go in the first place
        assert page.evaluate("document.cookie") == ""
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], KEY in cookie["value"]) == (True, "Strict", False)
        page.get_by_role("link", name="Library").click()
        page.locator("#files").set_input_files(film)
        page.locator(".planned [role=alert]", has_text="Does not fit").wait_for()
        assert "2000 MB" in page.locator(".planned").inner_text()
        assert page.get_by_role("button", name=re.compile("^Start")).count() == 0
        assert seen.asked("POST", "/uploads") == []
        page.get_by_role("link", name="Operations").click()
        page.get_by_role("button", name="Remove tiny.en").wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Key").fill(VIEWER)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("rowheader", name="tiny.en").wait_for()
        assert page.get_by_role("button", name=re.compile("^Remove")).count() == 0
        page.get_by_role("link", name="Library").click()
        page.get_by_text("Your key may only look").wait_for()
        assert page.locator("#files").count() == 0
        assert barriers(page, axe) == []
        page.get_by_role("button", name="Sign out").click()
        page.get_by_label("Key").wait_for()
