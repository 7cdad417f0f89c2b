"""Captions in and out: an existing file indexed without hearing the source, and a source's transcript written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, SourceError
from halfgig.media.shown import kept_url
from halfgig.media.source import fingerprint, look_into, open_source
from halfgig.operations.indexing import Indexed, check_index, write_index
from halfgig.operations.markdown import markdown
from halfgig.operations.transcription import ignore
from halfgig.retrieval.links import link_at
from halfgig.settings import Settings
from halfgig.speech.captions import Facts, render
from halfgig.speech.cues import read_cues
from halfgig.speech.language import AUTO
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from halfgig.models.pull import Listener
    from halfgig.records import Bytes, Segment, StoredSource
    from halfgig.store.database import Database

CAPTIONS = "captions"  # what the library calls the model of a transcript that was given
MOST_CAPTIONS: Bytes = 32 * 1024 * 1024  # a hundred hours have 10
PLAIN = ("srt", "vtt", "txt", "tsv")
FORMS = (*PLAIN, "md", "jsonl")


def index_captions(
    given: str | os.PathLike[str],
    captions: str | os.PathLike[str],
    *,
    tags: Iterable[str] = (),
    settings: Settings | None = None,
    report: Listener = ignore,
) -> Indexed:
    """Index a source by captions that it has, in the place of any transcript; no recogniser is loaded.

    Errors: SourceError for captions that hold none, or a source that cannot be read; LibraryError, ModelError.
    """
    settings = settings or Settings.from_environment()
    segments = read_captions(Path(captions))
    origin = open_source(given, settings)
    source_id = fingerprint(origin)
    info = look_into(origin, settings)
    language = None if settings.language == AUTO else settings.language
    with open_store(settings) as connection:
        check_index(connection, settings)
        library = Library(connection)
        duration = info.duration if info else None
        library.add_source(
            source_id, kept_url(origin.address), origin.title, CAPTIONS, duration=duration, language=language
        )
        source = library.restart(source_id, CAPTIONS, language)
        library.tag(source_id, tags)
        library.take_segments(source, segments)
        source = library.close_transcript(source, language)
        passages = write_index(connection, library, source, settings, report)
        return Indexed(library.source(source_id) or source, passages, known=False)


def read_captions(path: Path) -> list[Segment]:
    """The segments of a file of captions: UTF-8, UTF-16 with its mark, else Windows-1252. SourceError for none."""
    try:
        if path.stat().st_size > MOST_CAPTIONS:
            raise SourceError(f"{path.name} is too large for captions.", "Give an SRT or WebVTT file.")
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.", "Check the path.") from error
    segments = list(read_cues(_decoded(raw)))
    if not segments:
        raise SourceError(f"{path.name} holds no captions.", "Give an SRT or WebVTT file.")
    return segments


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def export(connection: Database, source: StoredSource, form: str) -> Iterator[str]:
    """Yield the transcript of a source in `form`, one of FORMS: captions, text with links to its times, JSON lines."""
    if form not in FORMS:
        raise BadRequest(f"There is no form {form}.", f"The forms are {', '.join(FORMS)}.")
    segments = Library(connection).segments(source.id)
    if form in PLAIN:
        facts = Facts("transcribe", source.language or "", source.duration or 0.0)
        return render(segments, form, lambda: facts)
    return OWN[form](source, segments)


def json_lines(source: StoredSource, segments: Iterable[Segment]) -> Iterator[str]:
    """Yield a line of JSON for each segment: its times, its text, a link, and its words where they have times."""
    for segment in segments:
        told = {"start": segment.start, "end": segment.end, "text": segment.text.strip()}
        words = [{"start": word.start, "end": word.end, "word": word.text.strip()} for word in segment.words]
        line = {**told, "link": link_at(source.address, segment.start), **({"words": words} if words else {})}
        yield json.dumps(line, ensure_ascii=False) + "\n"


OWN: dict[str, Callable[[StoredSource, Iterable[Segment]], Iterator[str]]] = {"md": markdown, "jsonl": json_lines}
