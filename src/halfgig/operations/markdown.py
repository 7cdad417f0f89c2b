"""A transcript as Markdown: paragraphs that begin with a link to their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.retrieval.links import link_at
from halfgig.retrieval.passages import ends_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from halfgig.records import Seconds, Segment, StoredSource

ENOUGH_WORDS = 60  # of a paragraph, which ends at the next sentence
MOST_WORDS = 150


def markdown(source: StoredSource, segments: Iterable[Segment]) -> Iterator[str]:
    """Yield Markdown: the title, and paragraphs that begin with a link to their time."""
    yield f"# {_escaped(source.title)}\n"
    for start, text in _paragraphs(segments):
        minute, second = divmod(int(start), 60)
        hour, minute = divmod(minute, 60)
        time = f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute:02d}:{second:02d}"
        link = link_at(source.address, start).replace("(", "%28").replace(")", "%29")
        yield f"\n{f'[{time}](<{link}>)' if link else time} {_escaped(text)}\n"


def _paragraphs(segments: Iterable[Segment]) -> Iterator[tuple[Seconds, str]]:
    run: list[Segment] = []
    for segment in segments:
        run.append(segment)
        words = sum(len(one.text.split()) for one in run)
        if words >= MOST_WORDS or (words >= ENOUGH_WORDS and ends_sentence(segment.text)):
            yield _joined(run)
            run = []
    if run:
        yield _joined(run)


def _joined(run: list[Segment]) -> tuple[Seconds, str]:
    return run[0].start, " ".join(" ".join(segment.text.split()) for segment in run)


def _escaped(text: str) -> str:
    return "".join(
        f"\\{character}" if character in "\\`*_[]<>#|" else character for character in " ".join(text.split())
    )
