"""The pages of the project: their links lead somewhere, and what is pinned is pinned once and by hash."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
LOCKS = ("requirements.txt", "requirements-image.txt", "requirements-dev.txt", "requirements-bench.txt")
DECISIONS = PROJECT / "docs" / "decisions"


def page(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_lines_fit_a_terminal(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > 140] == []


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_nothing_is_left_of_a_merge(path: Path) -> None:
    assert re.findall(r"^(?:<{7} |={7}$|>{7} ).*", path.read_text(), re.MULTILINE) == []


def test_every_decision_is_in_the_list_by_its_title() -> None:
    listed = re.findall(r"^- \[(.*)\]\((.*)\)$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    notes = sorted(DECISIONS.glob("0*.md"))
    assert listed == [(note.read_text().splitlines()[0].removeprefix("# "), note.name) for note in notes]


def test_every_page_is_reachable_from_the_readme() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert [page(path) for path in sorted((PROJECT / "docs").glob("*.md")) if f"({page(path)})" not in readme] == []


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+) \\$", (PROJECT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_requirements_are_pinned_by_hash_and_name_no_address(name: str) -> None:
    text = (PROJECT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(name))
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_agree() -> None:
    runtime, image, dev, bench = map(pins, LOCKS)
    assert runtime.items() <= image.items() <= dev.items()
    assert runtime.items() <= bench.items()
    assert {name: dev[name] for name in dev.keys() & bench.keys()} == {
        name: bench[name] for name in dev.keys() & bench.keys()
    }
