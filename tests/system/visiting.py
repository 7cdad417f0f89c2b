"""Debian's chromium, driven: a visit is a page of it that notes what no visit may show."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright
from tests.system.site import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Request, ViewportSize

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Told to the page by itself, so that no policy can be broken unseen.
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`violation of ${event.violatedDirective}: ${event.blockedURI}`))"""
PHONE: ViewportSize = {"width": 320, "height": 640}  # as a screen of 1280 is at 400 %
EXPECTED = ("Failed to load resource",)  # an answer of 4xx, or a server that was killed: the tests ask for such


def find_chromium() -> str | None:
    """Where chromium is; None where it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browsing(executable: str, *arguments: str) -> Iterator[Browser]:
    """A browser without a screen, that ends with the block; `arguments` are chromium's own."""
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []  # chromium refuses its sandbox to root
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=executable, args=[*sandbox, "--disable-dev-shm-usage", *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page in the browser; `strangers` are requests that left the server, `complaints` what the console told."""

    page: Page
    address: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def go(self, to: str = "#/") -> Page:
        """Open an address of the page."""
        self.page.goto(f"{self.address}/{to}")
        self.page.locator("h1").wait_for()
        return self.page

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests so far that were sent so to a path that begins so."""
        return [one for one in self.requests if one.method == method and urlsplit(one.url).path.startswith(path)]

    def note(self, request: Request) -> None:
        """Note a request, and whether it leaves the server."""
        self.requests.append(request)
        if not request.url.startswith((f"{self.address}/", "blob:", "data:")):
            self.strangers.append(request.url)


@contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """A visit in a context of its own. At its end it must have left no request, no violation and no error."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce", **options})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    visit = Visit(page, address)
    page.add_init_script(TELL_VIOLATIONS)
    page.on("request", visit.note)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("console", lambda told: visit.complaints.append(told.text) if told.type == "error" else None)
    try:
        yield visit
    finally:
        context.close()
    wrong = visit.strangers + [told for told in visit.complaints if not told.startswith(EXPECTED)]
    assert not wrong, wrong


def axe_source(clients: Path) -> str:
    """The script of axe-core, from the folder of node's packages."""
    return (clients / "node_modules" / "axe-core" / "axe.min.js").read_text()


def barriers(page: Page, source: str) -> list[str]:
    """What keeps people out of the page as it is, in light and dark, on a desk and on a phone, each with where."""
    page.evaluate(source)  # through the debugger, which no policy binds
    found = [f"{theme}: {one}" for theme in ("light", "dark") for one in _violations(page, theme)]
    desk = page.viewport_size
    assert desk is not None
    page.set_viewport_size(PHONE)
    found += [f"phone: {one}" for one in _violations(page, "dark")]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("phone: it must be scrolled sideways")
    page.set_viewport_size(desk)
    return found


def _violations(page: Page, theme: Literal["light", "dark"]) -> list[str]:
    page.emulate_media(color_scheme=theme)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {', '.join(node['html'][:120] for node in one['nodes'])}" for one in found]
