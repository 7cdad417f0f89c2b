"""A long source of a queue that several machines share: one hears it from the front, others take parts from the back.

Each part is a job of its own as long as the first machine has not come to it. What others have made of a part is taken
over in its turn, so that the transcript grows in order. Where nobody helps, all of it is heard in order.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from halfgig.jobs.job import State
from halfgig.jobs.parts import Wanted
from halfgig.media.ranges import facts_of
from halfgig.models.whisper import is_folder
from halfgig.records import DecodeLog
from halfgig.speech.transcript import Seam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from halfgig.jobs.attempt import Attempt
    from halfgig.jobs.job import Job
    from halfgig.operations.transcription import Transcription
    from halfgig.records import Seconds, Source
    from halfgig.settings import Settings
    from halfgig.speech.transcript import Stretch

LOOK: Seconds = 0.5  # between two looks at a part that another machine is hearing
ASK: Seconds = 2.0  # between two looks at how far all others are


def can_be_shared(job: Job, source: Source, transcription: Transcription, settings: Settings) -> bool:
    """Whether the source is long enough, and other machines share this queue and can read the same source."""
    if not settings.database_url or job.place or count_parts(transcription) == 1:
        return False
    facts = facts_of(source.stream)
    return "upload" in job.source or (facts is not None and facts.ranges and bool(facts.version))


def count_parts(transcription: Transcription) -> int:
    """How many parts a source has by the length that it states; 1 where it states none."""
    duration, parts = transcription.info.duration if transcription.info else None, transcription.parts
    return 1 if duration is None else max(1, 1 + int((duration - parts.near) // parts.length))


class Sharing:
    """Hears what `transcription` is to hear, for an attempt, together with whoever helps.

    `fingerprint` is the content's: what was made of another is of no use.
    """

    def __init__(self, attempt: Attempt, transcription: Transcription, fingerprint: str) -> None:
        self._attempt, self._transcription = attempt, transcription
        self._fingerprint = fingerprint
        self._count = count_parts(transcription)
        self._taken = transcription.seam.part  # the last part that is this attempt's own
        self._offered = False
        self._next, self._whole = transcription.seam, False  # where to go on behind a part, and if it was made whole
        self._watch = transcription.watch
        self._helped: Seconds = 0.0  # that others had heard when it was last looked,
        self._asked_at = -ASK  # which was then

    def stretches(self) -> Iterator[Stretch]:
        """The stretches that are heard here, to be kept one by one; what others have heard it keeps by itself."""
        one = self._transcription
        one.may_hear, one.watch = self._may_hear, self._moved
        while True:
            for stretch in one.stretches():
                yield stretch
                self._offer()
                self._ask()
            if one.stopped_at is None or not self._take_over_from(one.stopped_at):
                return
            one.seam, one.log = self._next, DecodeLog()

    def _offer(self) -> None:
        """Once, and when the language is known and with it the model, let others have what lies ahead."""
        if self._offered:
            return
        self._offered = True
        one, beam = self._transcription, self._transcription.settings.whisper_beam_size
        if not is_folder(one.model):
            options = {"model": one.model, "language": one.language, "translate": one.translate, "words": one.words}
            self._attempt.share(Wanted({**options, "beam": beam}, one.parts.length, self._count), self._taken + 1)

    def _may_hear(self, number: int) -> bool:
        """Whether a part is left to this attempt; then nobody else can have it."""
        if not self._attempt.take_untouched(number):
            return False
        self._taken = max(self._taken, number)
        return True

    def _take_over_from(self, number: int) -> bool:
        """Take over what others have made from this part on, in order; False where nothing is left to be heard."""
        while number < self._count:
            self._wait_for(number)
            self._next, self._whole = Seam(part=number), False
            absorbed = self._attempt.absorb(number, self._state_after)
            self._taken = max(self._taken, number) if absorbed else self._taken
            self._look()  # what was others' is ours now, and counts once
            if absorbed and not self._whole:
                return True
            number += absorbed
        return False

    def _wait_for(self, number: int) -> None:
        """Until no other machine is hearing a part."""
        begin = number * self._transcription.parts.length
        while (part := self._attempt.part(number)) is not None and part.state is State.RUNNING:
            self._ask()
            self._tell(begin)
            time.sleep(LOOK)

    def _state_after(self, part: Job, made: Mapping[str, Any]) -> dict[str, Any] | None:
        """The checkpoint behind what was made of a part; None where it is of no use."""
        one, number = self._transcription, part.options["part"]
        if part.fingerprint != self._fingerprint:
            return None
        if part.state is State.SUCCEEDED and part.result is not None:
            self._next, self._whole = Seam(part=number + 1), True
            one.log = DecodeLog(**part.result["log"])
        elif "seam" in made:
            self._next = Seam(**made["seam"])
        else:
            return None
        return {"seam": asdict(self._next), "language": one.language, "model": one.model}

    # --- how far all are

    def _moved(self, position: Seconds) -> None:
        """What is read ahead of the next cut may be others', and counts there."""
        own = (self._taken + 1) * self._transcription.parts.length
        self._tell(min(position, own))

    def _tell(self, position: Seconds) -> None:
        """Tell how far all are, where this attempt is at `position`; the last part may be short."""
        self._watch(min(position + self._helped, self._transcription.duration))

    def _ask(self) -> None:
        """Now and then, ask how much the others have heard."""
        if time.monotonic() - self._asked_at >= ASK:
            self._look()

    def _look(self) -> None:
        self._asked_at, length = time.monotonic(), self._transcription.parts.length
        self._helped = sum(_heard(part, length) for part in self._attempt.parts())


def _heard(part: Job, length: Seconds) -> Seconds:
    """Seconds of a part that are heard, about."""
    if part.state is State.SUCCEEDED:
        return length
    position: Seconds = part.progress.get("position") or 0.0
    begin: Seconds = part.options["part"] * length
    return min(max(0.0, position - begin), length)
