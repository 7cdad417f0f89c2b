"""What a job of kind drawing does: something is drawn of the count that is kept of a source, and filed whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.errors import MissingStream
from halfgig.jobs.fetching import Fetching
from halfgig.jobs.keeping import workplace
from halfgig.media.pictures import fit_frame
from halfgig.media.source import inspect
from halfgig.memory import budget
from halfgig.motion.landmark_tables import write_table
from halfgig.operations.admission import admit_overlay, room
from halfgig.operations.drawings import draw_overlay, draw_plot_of
from halfgig.operations.kept_count import open_count
from halfgig.store.drawings import Drawing, Drawn
from halfgig.store.place import open_belongings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from halfgig.jobs.attempt import Attempt
    from halfgig.jobs.telling import Telling
    from halfgig.operations.kept_count import KeptCount
    from halfgig.records import Bytes, PoseAt, Source
    from halfgig.settings import Settings

    Admitted = Callable[[str, Bytes, Bytes], None]


def do_drawing(
    attempt: Attempt, source: Source | None, settings: Settings, telling: Telling, admitted: Admitted
) -> None:
    """Draw what the job asks for; an overlay wants the `source`. It is begun again where it was cut off.

    Errors: SourceError where the count is gone, StorageFull past the room on the disk, those of the operations.
    """
    job, drawings = attempt.job, open_belongings(settings).drawings
    source_id, drawing = str(job.source["source"]), Drawing(job.options["drawing"])
    version = drawings.version(source_id) or "none"
    with open_count(drawings.count(source_id)) as count, workplace(settings, job.id) as folder:
        draft = folder / drawing
        Easel(count, draft, settings, telling, admitted).draw(drawing, source)
        attempt.checkpoint({})  # only what is still wanted is put in its place
        size = draft.stat().st_size
        drawings.keep(Drawn(source_id, version, drawing, str(job.source.get("title") or "")), draft, telling.beat)
    drawings.drop_old(source_id)
    attempt.succeed({"source_id": source_id, "drawing": drawing, "bytes": size})


class Easel:
    """Draws one count into one file."""

    def __init__(self, count: KeptCount, draft: Path, settings: Settings, telling: Telling, admitted: Admitted) -> None:
        self._count, self._draft, self._settings = count, draft, settings
        self._telling, self._admitted = telling, admitted
        self._disk = Fetching(settings, draft.parent, telling.beat)

    def draw(self, drawing: Drawing, source: Source | None) -> None:
        """Make the file. Errors: as of `do_drawing`."""
        self._telling.duration = self._count.report.duration
        if drawing is Drawing.OVERLAY:
            assert source is not None, "the job came with one"
            self._overlay(source)
            return
        row = budget.cost("drawing", "table")
        budget.choose([row], room(self._settings))
        self._admitted(row.variant, row.needs, row.peak)
        self._telling.enter("drawing")
        if drawing is Drawing.PLOT:
            draw_plot_of(self._count.report, self._watched(self._count.moments()), self._draft)
        else:
            write_table(self._watched(self._count.moments()), self._draft)

    def _overlay(self, source: Source) -> None:
        info = inspect(source, self._settings)
        stream = info.main_video
        if stream is None:
            raise MissingStream(f"{source.title} has no moving picture.", "Only video can be drawn on.")
        choice = admit_overlay(self._settings, info)
        self._telling.duration = info.duration
        self._admitted(choice.model, choice.needs, choice.peak)
        self._telling.enter("drawing")
        width = self._settings.video_resize_width or choice.width
        poses = self._count.moments_in(*fit_frame(stream.width, stream.height, width))
        draw_overlay(
            source,
            poses,
            self._count.report,
            self._draft,
            width=choice.width,
            settings=self._settings,
            watch=self._moved,
        )

    def _watched(self, moments: Iterable[PoseAt]) -> Iterator[PoseAt]:
        for moment in moments:
            self._moved(moment.time)
            yield moment

    def _moved(self, position: float) -> None:
        """Tell how far it is, and see to the room on the disk."""
        self._telling.move(position)
        self._disk(self._draft.stat().st_size if self._draft.exists() else 0, None)
