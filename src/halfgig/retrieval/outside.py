"""The index whose vectors are in a service outside: texts, words and the ledger of what is shown are in the library."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING

from halfgig.errors import LibraryError, ServerTrouble
from halfgig.retrieval.arrivals import arrived
from halfgig.retrieval.index import EVERYWHERE, Bounds, Found, accept, check_vector
from halfgig.retrieval.ledger import Ledger, leave_other_places
from halfgig.retrieval.services import Placed
from halfgig.retrieval.sqlite import forget_vectors
from halfgig.retrieval.tables import find_faults, prepare
from halfgig.retrieval.texts import SqliteTexts, WithTexts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import apsw

    from halfgig.records import Floats, Passage, Seconds
    from halfgig.retrieval.arrivals import Arrivals
    from halfgig.retrieval.index import Confirm, Embedded, EmbeddingModel
    from halfgig.retrieval.services import Near, VectorService

log = logging.getLogger("halfgig")

SPARE = 20  # more than are wanted are asked for, since what has just been replaced may still be found
DEEPER = 4  # times as many are asked for where too few were of use,
MOST = 1_000  # up to these
FETCHED = 50  # vectors asked for at once
PAUSES: tuple[Seconds, ...] = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)  # while a service has not taken in what was put there
LONGEST_LOOK: Seconds = 30.0  # for it, where each look takes long: a worker that is silent for minutes is ended
NOT_YET = "What was indexed last is not found by meaning yet: {place} has not taken it in."


class ServiceIndex(WithTexts):
    """The index port over a vector service, on a connection of the library, which has the words.

    A new edition of a source is put there under a name of its own, and shown by the transaction that puts its texts in
    place: so nothing half done is ever seen, whatever the service still finds. BadRequest where the vectors there are
    of another model.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        service: VectorService,
        model: EmbeddingModel | None = None,
        *,
        sleep: Callable[[Seconds], object] = time.sleep,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self._embedded_model = prepare(connection, None)
        self._connection, self._service, self._sleep, self._clock = connection, service, sleep, clock
        self._ledger = Ledger(connection, service.place)
        self._texts = SqliteTexts(connection)
        if model is not None and self._ledger.model() != model:
            with connection:
                self._ledger.adopt(model)
        self.model = self._ledger.model()

    # --- writing ---

    def replace(self, source_id: str, embedded: Embedded, confirm: Confirm = accept) -> int:
        """Put the vectors into the service, wait until it finds them, and show them in one transaction."""
        with arrived(self._connection, embedded, self.model, self._texts.vocabulary.unknown) as arrivals:
            with self._edition(source_id, arrivals.count) as edition:
                seen = self._bring(source_id, edition, arrivals)
                with self._connection:
                    self._settle(source_id, edition, arrivals)
                    if seen:
                        self._ledger.see(edition)
                    confirm()
            self._sweep()
            return arrivals.count

    @contextmanager
    def _edition(self, source_id: str, passages: int) -> Iterator[str]:
        """A new edition; it is to be removed where the block fails."""
        edition = self._ledger.begin(source_id, passages)
        try:
            yield edition
        except BaseException:
            self._ledger.abandon(edition)
            raise

    def _bring(self, source_id: str, edition: str, arrivals: Arrivals) -> bool:
        """Put every vector there; whether the service finds them by now."""
        assert self.model is not None, "what arrived was checked against it"
        if not arrivals.count:
            return True
        self._service.prepare(self.model)
        rows = (Placed(source_id, edition, passage, vector) for passage, vector in arrivals.rows())
        self._service.put(rows, self.model)
        return self._finds(source_id, edition, arrivals.count)

    def _finds(self, source_id: str, edition: str, passages: int) -> bool:
        """Whether the service finds all of it within a while."""
        until = self._clock() + LONGEST_LOOK
        for pause in (0.0, *PAUSES):
            self._sleep(pause)
            with suppress(ServerTrouble):  # all of it is there; whether it is found yet will be asked again
                if self._service.has(source_id, edition, passages):
                    return True
            if self._clock() > until:
                break
        return False

    def _settle(self, source_id: str, edition: str, arrivals: Arrivals) -> None:
        if not self._texts.are_arrivals(source_id):
            forget_vectors(self._connection, self._embedded_model, source_id)
            leave_other_places(self._connection, source_id, self._service.place)
            self._texts.settle(source_id, arrivals.words)
        self._ledger.move(source_id, edition, "current")

    def remove(self, source_id: str, confirm: Confirm = accept) -> int:
        """Forget the source's passages; the service is told afterwards, and by `tidy` where that fails."""
        within_another = self._connection.in_transaction
        with self._connection:
            passages = self._texts.count(source_id)
            forget_vectors(self._connection, self._embedded_model, source_id)
            self._texts.forget(source_id)
            leave_other_places(self._connection, source_id, self._service.place)
            self._ledger.leave(source_id)
            confirm()
        if not within_another:
            self._sweep()
        return passages

    def _sweep(self) -> None:
        """Remove what is leaving. Nobody sees it any more, so a failure may wait for the next time."""
        try:
            for source_id, edition, _ in self._ledger.those("leaving"):
                self._service.drop(source_id, edition)
                self._ledger.gone(edition)
        except ServerTrouble as error:
            log.warning("vectors are left in %s until the next time: %s", self._service.place, error)

    def tidy(self) -> int:
        """Remove what is in the service and not to be shown, and forget what it has lost; returns how many editions
        were removed.
        """
        self._ledger.abandon(None)
        self._wait()
        shown = self._ledger.taken_in()  # before what is there is read, which takes a while,
        there = self._there()
        kept = self._ledger.kept()  # and after it, since others write meanwhile
        strange = [(source_id, edition) for edition, (source_id, _) in there.items() if edition not in kept]
        for source_id, edition in strange:
            self._service.drop(source_id, edition)
        self._forget_lost(shown, there)
        self._sweep()
        return len(strange)

    def _wait(self) -> None:
        """Give the service a while to take in what was put there last."""
        for pause in PAUSES:
            if not self._has_unseen():
                return
            self._sleep(pause)

    def _there(self) -> dict[str, tuple[str, int]]:
        """By edition: the source, and how many vectors are there."""
        return {edition: (source_id, count) for source_id, edition, count in self._service.editions()}

    def _forget_lost(self, shown: Iterable[tuple[str, str, int]], there: Mapping[str, tuple[str, int]]) -> None:
        """Have the ledger forget what is not there for whole, so that it is known to be missing."""
        for source_id, edition in self._lost(shown, there):
            self._ledger.lose(source_id, edition)

    def _lost(
        self, shown: Iterable[tuple[str, str, int]], there: Mapping[str, tuple[str, int]]
    ) -> Iterator[tuple[str, str]]:
        """Yield source and edition of what was seen there and is not for whole, neither in a list nor in a search."""
        for source_id, edition, passages in shown:
            if there.get(edition, ("", 0))[1] < passages and not self._service.has(source_id, edition, passages):
                yield source_id, edition

    # --- asking ---

    def nearest(self, vector: Floats, k: int, bounds: Bounds = EVERYWHERE) -> list[Found]:
        """The k passages with the highest cosine, by the service, of those that the library shows."""
        check_vector(vector, self.model)
        if bounds.sources == () or not self._ledger.count():
            return []
        depth = min(k + SPARE, max(k, MOST))
        while True:
            near = self._service.near(vector, depth, bounds)
            found = self._shown(near, bounds)
            if len(found) >= k or len(near) < depth or depth >= MOST:
                return found[:k]
            depth = min(depth * DEEPER, MOST)

    def _shown(self, near: Iterable[Near], bounds: Bounds) -> list[Found]:
        """What the library has of what was found: of current editions, and within bounds."""
        current: dict[str, str | None] = {}
        shown = []
        for one in near:
            if one.source_id not in current:
                current[one.source_id] = self._ledger.current(one.source_id)
            passage = self._texts.passage(one.source_id, one.number)
            if current[one.source_id] == one.edition and passage and bounds.hold(one.source_id, passage):
                shown.append(Found(one.source_id, passage, one.score))
        return shown

    def vector_at(self, source_id: str, at: Seconds) -> tuple[Passage, Floats] | None:
        """The passage said at this second of a source, else the next one, and its vector; None after the last."""
        passage, edition = self._texts.at(source_id, at), self._ledger.current(source_id)
        if passage is None or edition is None:
            return None
        vectors = self._service.vectors(source_id, edition, [passage.number])
        return (passage, vectors[passage.number]) if passage.number in vectors else None

    def passages(self, source_id: str) -> Iterator[Passage]:
        """Yield the source's passages that have a vector there, in order."""
        return self._texts.passages(source_id) if self._ledger.current(source_id) else iter(())

    def embedded(self, source_id: str) -> Iterator[tuple[Passage, Floats]]:
        """Yield the source's passages with their vectors. LibraryError where the service has lost one."""
        edition = self._ledger.current(source_id) or ""
        passages = self.passages(source_id)
        while some := list(islice(passages, FETCHED)):
            vectors = self._service.vectors(source_id, edition, [passage.number for passage in some])
            for passage in some:
                if passage.number not in vectors:
                    raise LibraryError(
                        f"{self._service.place} has no vector for passage {passage.number} of {source_id}.",
                        "Try again in a minute; if that does not help, remove the source and index it again.",
                    )
                yield passage, vectors[passage.number]

    def sources(self) -> list[str]:
        """Ids of the sources that have passages with vectors there, in order."""
        return [source_id for source_id, _, passages in self._ledger.those("current") if passages]

    def count(self, source_id: str | None = None) -> int:
        """How many passages the source, or the whole index, has."""
        return self._ledger.count(source_id)

    def notes(self) -> list[str]:
        """That the service has not taken in what was indexed last."""
        try:
            return [NOT_YET.format(place=self._service.place)] if self._has_unseen() else []
        except ServerTrouble:  # which the search itself has met and told
            return []

    def _has_unseen(self) -> bool:
        """Whether the service does not find yet what was put there."""
        while row := self._ledger.unseen():
            if not self._service.has(*row):
                return True
            self._ledger.see(row[1])
        return False

    def find_faults(self) -> Iterator[str]:
        """Yield what in the library does not agree, then what the service does not have, or has too much."""
        yield from find_faults(self._connection)
        place, shown, there = self._service.place, self._ledger.taken_in(), self._there()
        kept = self._ledger.kept()
        missing = self._ledger.without(self._texts.sources())
        yield from (f"{source_id} has no vectors in {place}" for source_id in missing)
        yield from (f"{place} has not all vectors of {source_id}" for source_id, _ in self._lost(shown, there))
        for source_id, count in (there[edition] for edition in sorted(there.keys() - kept)):
            yield f"{place} has {count} vectors of {source_id} that the library does not know of"
