"""A browser, a server for it to visit, and what is sent there."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.uploads import install_clients
from tests.conftest import absent
from tests.system.commands import Command, starting
from tests.system.site import Site, running
from tests.system.visiting import Visit, axe_source, browsing, find_chromium, visiting

from halfgig.demo.athlete import steady, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module: while it is open, nothing else may run an event loop."""
    executable = find_chromium()
    if executable is None:
        absent("chromium is not installed")
        return
    with browsing(executable) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model_store: Path, browser: Browser) -> Iterator[Site]:
    """A server that all may use who do not kill it."""
    with running(tmp_path_factory.mktemp("site"), model_store, WORKER_IDLE_SECONDS="1") as one:
        yield one


@pytest.fixture
def visit(browser: Browser) -> Callable[..., AbstractContextManager[Visit]]:
    """visit(site, **options of the browser) -> a visit as long as the block lasts."""

    def begun(site: Site, **options: Any) -> AbstractContextManager[Visit]:
        return visiting(browser, site.address, **options)

    return begun


@pytest.fixture
def started() -> Iterator[Callable[..., Command]]:
    """started(environment, *arguments): a command that runs; it is ended after the test."""
    with starting() as start:
        yield start


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty seconds of synthetic speech."""
    path = tmp_path_factory.mktemp("talk") / "talk.opus"
    path.write_bytes(files("halfgig.demo").joinpath("talk.opus").read_bytes())
    return path


@pytest.fixture(scope="session")
def athlete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four squats, drawn."""
    path = tmp_path_factory.mktemp("athlete") / "squats.mp4"
    write(steady("squat", 4), path, path.with_suffix(".json"))
    return path


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    try:
        return axe_source(install_clients(tmp_path_factory.mktemp("axe")))
    except RuntimeError as error:
        absent(str(error))
        raise
