"""A job of kind drawing, and the count that it draws: kept whole, drawn whole, and nothing left of what was cut off."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from halfgig.errors import MIB, ServerTrouble, SourceError, StorageFull
from halfgig.jobs.attempt import Attempt, Fenced
from halfgig.jobs.drawing import do_drawing
from halfgig.jobs.keeping import Counted, keep_counted
from halfgig.motion.drawn_poses import Stretch
from halfgig.operations.kept_count import open_count
from halfgig.records import Hold, Pose, PoseAt, Quality, Rep, Report, Signal
from halfgig.settings import Settings
from halfgig.store.drawings import Drawing, Drawings
from halfgig.store.place import open_belongings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.s3 import Front

    from halfgig.jobs.job import Job
    from halfgig.jobs.queue import JobQueue

ID = "e" * 64
QUALITY = Quality(1.0, 0.5, 0.75, None, 0.9, 80.0, 95, ("depth 5 degrees short",), 1.0)
REP = Rep(1, 0.5, 1.0, 2.0, 80.0, 170.0, reached=0.9, left=1.2, set=1, quality=QUALITY)
SIGNAL = Signal("knee", "degrees", "low", 165.0, 95.0, 5.0)
REPORT = Report(
    *("squat", (REP,), (), 150, 149, 14.9, ("A note.",)), family="squat", holds=(Hold(1, 3.0, 4.0),), signal=SIGNAL
)
POSE = Pose(
    np.arange(99, dtype=np.float32).reshape(33, 3),
    np.linspace(-1, 1, 99, dtype=np.float32).reshape(33, 3),
    np.ones(33, np.float32),
    0.5,
)
MOMENTS = [PoseAt(number / 10, None if number == 7 else POSE, cut=number == 9) for number in range(150)]
STRETCHES = (Stretch(0, 640, 360), Stretch(100, 320, 180))  # of the second attempt, with less memory


class Telling:
    """Hears how far the work is, and calls `then` each time."""

    duration: float | None = None

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.positions: list[float] = []
        self._then = then

    def enter(self, stage: str) -> None:
        assert stage == "drawing"

    def move(self, position: float) -> None:
        self.positions.append(position)
        self._then()

    def beat(self, *_: object) -> None:
        self._then()


@pytest.fixture(params=["disk", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, s3_of_all: Front | None) -> Settings:
    url = request.getfixturevalue("s3").make_bucket() if request.param == "s3" else ""
    return Settings(data_dir=tmp_path, blob_url=url)


def keep(attempt: Attempt, settings: Settings, report: Report = REPORT) -> None:
    keep_counted(attempt, Counted(ID, report, lambda: iter(MOMENTS), STRETCHES), settings, lambda: None)


def drawings_of(settings: Settings) -> Drawings:
    return open_belongings(settings).drawings


def put(settings: Settings, tmp_path: Path, name: str, content: bytes) -> None:
    """Put something among what belongs to the source, as an earlier worker would have."""
    draft = tmp_path / "draft"
    draft.write_bytes(content)
    drawings_of(settings)._blobs.take(f"drawings/{ID}/{name}", draft, lambda: None)


def start(queue: JobQueue, drawing: Drawing) -> Attempt:
    claimed = queue.claim(queue.draw({"source": ID, "title": "Squats"}, drawing).id, "me")
    assert claimed is not None
    return Attempt(queue, claimed)


def carry_out(attempt: Attempt, settings: Settings, telling: Telling | None = None) -> None:
    silent: Any = telling or Telling()
    do_drawing(attempt, None, settings, silent, lambda *_: None)


def left(settings: Settings) -> list[str]:
    """What was drawn, of whichever count, and what lies in the folder of work."""
    drawn = [name for name in drawings_of(settings)._all(ID) if name != "count"]
    return drawn + [path.name for path in settings.fetched_dir.iterdir()]


def test_a_kept_count_is_what_was_counted(begin: Callable[..., Attempt], settings: Settings) -> None:
    keep(begin("reps"), settings)
    assert open_belongings(settings).poses.known([ID]) == {ID}
    with open_count(drawings_of(settings).count(ID)) as count:
        assert (count.report, count.stretches) == (REPORT, STRETCHES)
        for found, kept in zip(count.moments(), MOMENTS, strict=True):
            assert (found.time, found.cut, found.pose is None) == (kept.time, kept.cut, kept.pose is None)
        moments = list(count.moments_in(640, 360))
    assert moments[7].pose is None
    for number, times in ((0, 1), (120, 2)):
        pose = moments[number].pose
        assert pose is not None
        np.testing.assert_allclose(pose.landmarks, POSE.landmarks * times)
        np.testing.assert_array_equal(pose.world, POSE.world)
    assert left(settings) == []


def test_a_plot_is_put_in_its_place_and_older_ones_go(
    begin: Callable[..., Attempt], queue: JobQueue, settings: Settings, tmp_path: Path
) -> None:
    drawings = drawings_of(settings)
    keep(begin("reps"), settings)
    put(settings, tmp_path, "0-plot.png", b"of an earlier count")
    attempt, telling = start(queue, Drawing.PLOT), Telling()
    half = settings.fetched_dir / attempt.job.id / "drawn" / "plot.png"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"what a killed attempt has left")
    carry_out(attempt, settings, telling)
    assert all(before < after for before, after in pairwise(telling.positions))
    assert (telling.positions[-1], telling.duration) == (14.9, 14.9)
    kept = drawings.find(ID, Drawing.PLOT)
    assert kept is not None
    with Image.open(io.BytesIO(kept.read_bytes())) as picture:
        assert picture.format == "PNG"
    done = queue.get(attempt.job.id)
    assert done is not None
    assert done.result == {"source_id": ID, "drawing": "plot.png", "bytes": len(kept.read_bytes())}
    assert left(settings) == [f"{drawings.version(ID)}-plot.png"]


def test_what_was_cancelled_meanwhile_is_not_put_anywhere(
    begin: Callable[..., Attempt], queue: JobQueue, settings: Settings
) -> None:
    keep(begin("reps"), settings)
    attempt = start(queue, Drawing.LANDMARKS)

    def cancel() -> None:
        job: Job | None = queue.get(attempt.job.id)
        if job is not None and not job.state.final:
            queue.cancel(job.id)

    with pytest.raises(Fenced):
        carry_out(attempt, settings, Telling(cancel))
    assert left(settings) == []


def test_a_count_that_changes_meanwhile_is_not_mixed_with_what_was_begun(
    begin: Callable[..., Attempt], queue: JobQueue, settings: Settings
) -> None:
    keep(begin("reps"), settings)
    attempt, newer = start(queue, Drawing.LANDMARKS), [begin("reps")]
    other = replace(REPORT, notes=("Another count.",))
    telling = Telling(lambda: keep(newer.pop(), settings, other) if newer else None)
    with suppress(
        ServerTrouble
    ):  # in storage the earlier count cannot be read on, and the next attempt draws the newer
        carry_out(attempt, settings, telling)
    assert newer == []
    assert drawings_of(settings).find(ID, Drawing.LANDMARKS) is None
    assert left(settings) == []


def test_the_quota_ends_a_drawing_and_no_count_fails_for_it(
    begin: Callable[..., Attempt], queue: JobQueue, tmp_path: Path
) -> None:
    settings, full = Settings(data_dir=tmp_path), Settings(data_dir=tmp_path, disk_quota_mb=1)
    keep(begin("reps"), settings)
    (settings.uploads_dir / "one").mkdir(parents=True)
    (settings.uploads_dir / "one" / "data").write_bytes(b"x" * (MIB + 1))
    with pytest.raises(StorageFull, match="DISK_QUOTA_MB"):
        carry_out(start(queue, Drawing.LANDMARKS), full)
    assert left(settings) == []
    before = drawings_of(settings).version(ID)
    attempt = begin("reps")
    keep(attempt, full)
    assert drawings_of(settings).version(ID) == before
    job = queue.get(attempt.job.id)
    assert job is not None
    assert "It is not kept for drawing" in job.notes[0]


def test_without_a_count_nothing_is_drawn(queue: JobQueue, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not kept"):
        carry_out(start(queue, Drawing.PLOT), settings)
    put(settings, tmp_path, "count", b"nothing that is read\n")
    with pytest.raises(SourceError, match="cannot be read"):
        carry_out(start(queue, Drawing.LANDMARKS), settings)
