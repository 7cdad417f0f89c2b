"""Search: the moments in the library that answer a question."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from halfgig.errors import BadRequest, ModelError, ServerTrouble
from halfgig.operations.admission import room
from halfgig.operations.embedders import embedder_cost, reopen_embedder
from halfgig.operations.indexes import open_place, own_events
from halfgig.records import Query, Scope
from halfgig.retrieval import query
from halfgig.retrieval.embedding import meaning_of
from halfgig.retrieval.index import OtherModel
from halfgig.retrieval.moments import MOTION
from halfgig.retrieval.reading import read_question
from halfgig.settings import Settings
from halfgig.store.home import open_store
from halfgig.store.library import Library

if TYPE_CHECKING:
    from halfgig.operations.indexes import Place
    from halfgig.records import Answer, Seconds
    from halfgig.retrieval.index import Index
    from halfgig.retrieval.query import Meaning
    from halfgig.store.database import Database


def search(
    question: str,
    *,
    k: int = 5,
    keyword_only: bool = False,
    grouped: bool = False,
    scope: Scope | None = None,
    settings: Settings | None = None,
) -> Answer:
    """The k best moments for a question in words; "quoted phrases" must occur. By meaning and by keyword, fused.

    With `grouped` the best moments of the k best sources, source by source. Where the embedding model does not fit or
    is not there, the answer is by keyword, and its notes say so.
    Errors: BadRequest for a question without words or a scope that means nothing, LibraryError where nothing has been
    indexed.
    """
    asked = Query(question, k, keyword_only, grouped, scope or Scope())
    return find(asked, settings or Settings.from_environment())


def find(asked: Query, settings: Settings) -> Answer:
    """The same, for a query."""
    with open_store(settings, create=False) as connection, open_place(settings) as place:
        try:
            return _find(connection, place, asked, settings)
        except OtherModel:  # the index was made anew while the question was embedded
            return _find(connection, place, asked, settings)


def _find(connection: Database, place: Place, asked: Query, settings: Settings) -> Answer:
    meaning, why = _find_meaning(asked, place.open(connection), settings)
    answer = find_hits(connection, place, asked, meaning)
    return replace(answer, notes=(*answer.notes, why)) if why else answer


def find_hits(connection: Database, place: Place, asked: Query, meaning: Meaning | None) -> Answer:
    """The answer, by keyword where there is no meaning. OtherModel where the index has another model than that of it.

    One state of the file is read: an index that is made anew meanwhile is not seen half. One outside is not made anew,
    and may write to its ledger.
    """
    with nullcontext() if place.outside else connection.reading():
        index = place.open(connection)
        return query.search(asked, index, meaning, Library(connection), own_events(connection))


def find_alike(connection: Database, place: Place, source: str, at: Seconds, asked: Query) -> Answer:
    """The moments that mean most nearly what is said at a second of a source (an id, an address or a title).

    No model is loaded. Errors: NotFound where nothing is said there.
    """
    library = Library(connection)
    (*others, source_id) = library.within(Scope(sources=(source,))) or ()
    if others:
        raise BadRequest(f"The library has several sources named {source}.", "Use an id from: halfgig library list")
    return query.search_alike(source_id, at, asked, place.open(connection), library)


def _find_meaning(asked: Query, index: Index, settings: Settings) -> tuple[Meaning | None, str]:
    """The question's vector by the model that the index was made with; None and the reason where it cannot be had."""
    if index.model is None or asked.keyword_only or asked.scope.kind == MOTION:
        return None, ""
    if embedder_cost(index.model.name, settings).needs > room(settings):
        return None, "The embedding model does not fit into the memory that is left."
    meant = read_question(asked.text, index).meant
    try:
        with closing(reopen_embedder(index.model.name, settings)) as embedder:
            return meaning_of(meant, embedder), ""
    except (ModelError, ServerTrouble) as error:
        return None, str(error)
