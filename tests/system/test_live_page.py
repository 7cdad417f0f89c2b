"""The page's camera in Debian's chromium, whose camera is a film of the drawn athlete, with a real server and model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import av
import pytest
from tests.conftest import absent
from tests.system.site import Site, running
from tests.system.visiting import barriers, browsing, find_chromium

from halfgig.demo.athlete import Beat, Script, render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

REPS = 3
CAMERA = {"permissions": ["camera"]}
LEAD = 4.0  # seconds that the athlete stands first, while the server gets ready
SQUATS = Script("squat", (Beat(0.8, 0.2, 0.8, 0.3),) * REPS, width=240, height=240, fps=8, lead=LEAD)
STANDING = 60.0  # seconds behind them, longer than a quick test takes: chromium shows the film again and again
ENDED = "document.querySelector('video').srcObject.getTracks().every((track) => track.readyState === 'ended')"
# Who asks for the camera waits in `asking` for the test to allow it; `seeing` are all that were allowed.
HESITATE = """if (navigator.mediaDevices) {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  Object.assign(window, { asking: [], seeing: [] });
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((allow) => asking.push(allow));
    const stream = await open(wanted);
    seeing.push(stream);
    return stream;
  };
}"""
ALLOW = "asking.splice(0).forEach((allow) => allow())"
DRAWN = "document.querySelector('.skeleton').getContext('2d').getImageData(0, 0, 2000, 2000).data.some(Boolean)"


def film(script: Script, path: Path) -> None:
    """What the athlete does, and then stands, as uncompressed pictures that chromium takes for a camera's."""
    head = f"YUV4MPEG2 W{script.width} H{script.height} F{script.fps}:1 Ip A1:1 C420jpeg\n"
    with path.open("wb") as file:
        file.write(head.encode())
        for frame in render(script):
            planes = av.VideoFrame.from_ndarray(frame.pixels, "rgb24").reformat(format="yuvj420p").to_ndarray()
            picture = b"FRAME\n" + planes.tobytes()
            file.write(picture)
        file.writelines(picture for _ in range(round(STANDING * script.fps)))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with that camera."""
    executable = find_chromium()
    if executable is None:
        absent("chromium is not installed")
        return
    path = tmp_path_factory.mktemp("camera") / "squats.y4m"
    film(SQUATS, path)
    device = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={path}")
    with browsing(executable, *device) as opened:
        yield opened


@pytest.fixture
def site(tmp_path: Path, model_store: Path) -> Iterator[Site]:
    with running(tmp_path / "data", model_store) as one:
        yield one


def begin(page: Page) -> None:
    """Start the camera, once more where the first squat came before the server was ready."""
    for _ in range(5):
        page.get_by_role("button", name="Start the camera").click()
        page.locator(".score-phase", has_text=re.compile("Ready|Down|Up")).wait_for()
        if page.evaluate("document.querySelector('video').currentTime") < LEAD:
            return
        page.get_by_role("button", name="Stop").click()
    pytest.fail("the server was never ready in time")


def test_squats_before_the_camera_are_counted_also_after_the_line_was_lost(site: Site, visit: Any, axe: str) -> None:
    with visit(site, **CAMERA) as seen:
        page = seen.go("#/live")
        assert barriers(page, axe) == []
        page.get_by_label("Exercise", exact=True).select_option("squat")
        begin(page)
        page.locator(".score-count", has_text=re.compile(f"^{REPS}$")).wait_for()
        page.get_by_role("status").get_by_text(f"{REPS} repetitions of squat").wait_for()
        page.locator(".score-phase", has_text="Ready").wait_for()
        assert page.locator(".score-count").inner_text() == str(REPS)
        page.wait_for_function(f"() => {DRAWN}")
        assert barriers(page, axe) == []
        site.kill()
        page.get_by_text("The line to the server is lost.").wait_for()
        site.start()
        page.get_by_role("button", name="Try again").click()
        page.locator(".score-phase", has_text=re.compile("Ready|Down|Up")).wait_for()
        assert int(page.locator(".score-count").inner_text()) >= REPS  # more, where the film has begun anew
        page.get_by_role("button", name="Count from 0").click()
        page.locator(".score-count", has_text=re.compile("^0$")).wait_for()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Start the camera").wait_for()
        assert page.evaluate(ENDED)


def test_what_keeps_the_camera_from_counting_is_said(site: Site, visit: Any) -> None:
    with visit(site) as seen:  # who is not asked has not allowed it
        page = seen.go("#/live")
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_role("alert").get_by_text("The camera was not allowed.").wait_for()
    with visit(site, **CAMERA) as first, visit(site, **CAMERA) as second:
        page = first.go("#/live")
        page.get_by_role("button", name="Start the camera").press("Enter")
        page.locator(".score-phase", has_text=re.compile("Ready|Down|Up|Which")).wait_for()
        other = second.go("#/live")
        other.get_by_role("button", name="Start the camera").click()
        other.get_by_role("alert").get_by_text("Somebody else is being counted live").wait_for()


def test_a_camera_that_is_allowed_too_late_sees_nothing(site: Site, visit: Any) -> None:
    with visit(site, **CAMERA) as seen:
        seen.page.add_init_script(HESITATE)
        page = seen.go("#/live")
        start, stop = (page.get_by_role("button", name=name) for name in ("Start the camera", "Stop"))
        start.click()
        page.wait_for_function("() => asking.length === 1")
        stop.click()
        start.wait_for()
        allow(page, allowed=1, on=0)
        start.click()
        page.get_by_label("Exercise", exact=True).select_option("squat")  # starts anew
        page.wait_for_function("() => asking.length === 2")
        allow(page, allowed=3, on=1)
        page.locator(".score-phase", has_text=re.compile("Ready|Down|Up")).wait_for()  # the line is open
        stop.click()
        allow(page, allowed=3, on=0)
        start.click()
        page.wait_for_function("() => asking.length === 1")
        seen.go("#/")
        page.locator("video").wait_for(state="detached")
        allow(page, allowed=4, on=0)


def allow(page: Page, *, allowed: int, on: int) -> None:
    """Allow the camera to all who ask; so many were allowed then, and so many of these see."""
    page.evaluate(ALLOW)
    page.wait_for_function(f"() => seeing.length === {allowed} && seeing.filter((one) => one.active).length === {on}")
