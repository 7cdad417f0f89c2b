from __future__ import annotations

from pathlib import Path

import pytest

from halfgig.retrieval.links import link_at


@pytest.mark.parametrize(
    ("address", "start", "link"),
    [
        ("/talks/a talk #1.mp4", 12.0, "file:///talks/a%20talk%20%231.mp4#t=12"),
        ("/talks/größe.mp4", 0.0, "file:///talks/gr%C3%B6%C3%9Fe.mp4#t=0"),
        ("file:///talks/a.mp4", 61.26, "file:///talks/a.mp4#t=61.3"),
        ("https://example.org/a.mp4", 3725.5, "https://example.org/a.mp4#t=3725.5"),
        ("https://example.org/a.mp4?x=1#t=5", 7, "https://example.org/a.mp4?x=1#t=7"),
        ("https://www.youtube.com/watch?v=abc", 75.9, "https://www.youtube.com/watch?v=abc&t=75s"),
        ("https://m.youtube.com/watch?v=abc&t=3s&list=x", 75.9, "https://m.youtube.com/watch?v=abc&list=x&t=75s"),
        ("https://youtu.be/abc", 5, "https://youtu.be/abc?t=5s"),
        ("https://notyoutube.com/watch?v=abc", 5, "https://notyoutube.com/watch?v=abc#t=5"),
        ("", 5, ""),
    ],
)
def test_links(address: str, start: float, link: str) -> None:
    assert link_at(address, start) == link


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert link_at("a.mp4", 1) == f"{(Path(tmp_path) / 'a.mp4').as_uri()}#t=1"
