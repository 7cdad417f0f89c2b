"""Index: a source's transcript and passages in the library, once for the same content, resumed where it stopped."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halfgig import pipelines
from halfgig.errors import HalfgigError, ServerTrouble
from halfgig.media.shown import kept_url
from halfgig.media.source import fingerprint, open_source
from halfgig.memory.allocator import trim
from halfgig.operations.admission import log_memory
from halfgig.operations.embedders import agrees, embedder_for, model_name
from halfgig.operations.indexes import open_place
from halfgig.operations.transcription import ignore, transcribe
from halfgig.retrieval.index import EmbeddingModel, check_model
from halfgig.settings import Settings
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from halfgig.models.pull import Listener
    from halfgig.operations.transcription import Transcription
    from halfgig.records import Seconds, Segment, StoredSource
    from halfgig.retrieval.index import Index
    from halfgig.store.database import Database


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of one source: as the library knows it, its passages, and whether it was there already."""

    source: StoredSource
    passages: int
    known: bool
    notes: tuple[str, ...] = ()


def index(
    given: str | os.PathLike[str],
    *,
    tags: Iterable[str] = (),
    settings: Settings | None = None,
    on_segment: Callable[[Segment], None] = ignore,
    on_start: Callable[[Transcription], None] = ignore,
    watch: Callable[[Seconds], None] = ignore,
    report: Listener = ignore,
) -> Indexed:
    """Transcribe a path or URL into the library and index its passages; what is there already is left as it is.

    `tags` are given to it besides those that it has.

    Killed at any moment, it goes on from the last segment when it is called again. `on_start` hears the transcription
    before it runs, `on_segment` each segment once it is on disk, `watch` the position in seconds.
    Errors: as of `transcribe`, and LibraryError.
    """
    settings = settings or Settings.from_environment()
    origin = open_source(given, settings)
    source_id = fingerprint(origin)
    with open_store(settings) as connection:
        library = Library(connection)
        known = library.shown(source_id)
        if known:
            library.tag(source_id, tags)
            return Indexed(library.source(source_id) or known, _count(connection, source_id, settings), known=True)
        check_index(connection, settings)
        heard = library.heard(source_id)
        transcription = transcribe(origin, settings=settings, resume_at=heard, watch=watch, report=report)
        on_start(transcription)
        source = _write_transcript(library, source_id, transcription, on_segment)
        library.tag(source_id, tags)
        trim()
        passages = write_index(connection, library, source, settings, report)
        log_memory("indexed")
        notes = (*transcription.notes, transcription.log.summary())
        return Indexed(library.source(source_id) or source, passages, known=False, notes=tuple(filter(None, notes)))


def file_transcript(
    known: StoredSource,
    segments: Iterable[Segment],
    *,
    tags: Iterable[str] = (),
    settings: Settings,
    report: Listener = ignore,
) -> Indexed:
    """Put a transcript that is whole into the library and index it; content that is there already stays as it is.

    `known` says what the source is; its times and state are the library's to tell. May be called again after it was
    cut off anywhere. Errors: LibraryError, ModelError, DoesNotFit.
    """
    with open_store(settings) as connection:
        library = Library(connection)
        source = library.add_source(
            known.id, known.address, known.title, known.model, duration=known.duration, language=known.language
        )
        library.tag(source.id, tags)
        if source.state == "ready":
            return Indexed(source, _count(connection, source.id, settings), known=True)
        source = library.restart(source.id, known.model, known.language)
        library.take_segments(source, segments)
        source = library.close_transcript(source, known.language)
        passages = write_index(connection, library, source, settings, report)
        return Indexed(library.source(source.id) or source, passages, known=False)


def _write_transcript(
    library: Library, source_id: str, transcription: Transcription, on_segment: Callable[[Segment], None]
) -> StoredSource:
    """Each segment on disk as it is recognised; a transcript that is complete already is left as it is."""
    origin = transcription.source
    duration = transcription.info.duration if transcription.info else None
    model = transcription.settings.whisper_model
    source = library.add_source(source_id, kept_url(origin.address), origin.title, model, duration=duration)
    if source.state != "recognizing":
        return source
    try:
        for segment in library.append_segments(source, transcription):
            on_segment(segment)
    except HalfgigError:
        if not library.heard(source_id):  # nothing that a later call could go on from
            library.remove_source(source_id)
        raise
    return library.close_transcript(source, transcription.language)


def write_index(
    connection: Database, library: Library, source: StoredSource, settings: Settings, report: Listener
) -> int:
    """Passages and vectors, put in place in one transaction; returns how many."""
    with open_place(settings) as place:
        made = place.open(connection).model
        with closing(embedder_for(made.name if made else "", settings, report)) as embedder:
            index = place.open(connection, EmbeddingModel(embedder.model, embedder.dim))
            index.learn(embedder.words)
            embedded = pipelines.embed(library.segments(source.id), embedder, settings.embedding_batch_size)
            return index.replace(source.id, embedded, lambda: library.finish(source))


def check_index(connection: Database, settings: Settings) -> None:
    """See that the index will take what is to be heard, before an hour is spent on it.

    BadRequest where it is of another model than the settings mean, ServerRefuses where one outside takes nothing, as
    for a wrong key. One that cannot be reached just now may be by then.
    """
    with open_place(settings) as place:
        try:
            place.reach()
            _check_embedder(place.open(connection), settings)
        except ServerTrouble as error:
            if not error.retryable:
                raise


def _check_embedder(index: Index, settings: Settings) -> None:
    if index.model is not None and index.count() and not agrees(index.model.name, model_name(settings)):
        check_model(EmbeddingModel(model_name(settings), index.model.dim), index.model)


def _count(connection: Database, source_id: str, settings: Settings) -> int:
    with open_place(settings) as place:
        return place.open(connection).count(source_id)
