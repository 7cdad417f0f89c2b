"""Pose models: what finds poses, opened from the model store when it is wanted and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from halfgig.models.store import ModelStore, ignore
from halfgig.motion.poses import PoseTracker
from halfgig.operations.admission import threads

if TYPE_CHECKING:
    from halfgig.models.pull import Listener
    from halfgig.settings import Settings


class PoseModels:
    """At most one pose tracker, opened when it is first needed and kept for the next source."""

    def __init__(self, settings: Settings, report: Listener = ignore) -> None:
        self._store = ModelStore(settings.models_dir, offline=settings.offline)
        self._threads = threads(settings)
        self._report = report
        self._tracker: tuple[str, PoseTracker] | None = None

    def tracker(self, model: str) -> PoseTracker:
        """The tracker with full or lite landmarks, as at the start of a video. Errors: ModelError."""
        if self._tracker is None or self._tracker[0] != model:
            self._tracker = None
            folder = self._store.ensure(f"blazepose-{model}", report=self._report)
            self._tracker = model, PoseTracker(folder, model, self._threads)
        self._tracker[1].forget()
        return self._tracker[1]
