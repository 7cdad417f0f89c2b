"""Live counting: the messages of one session, pictures or landmarks, each answered by what can be said then."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import TYPE_CHECKING, Any

from halfgig.errors import BadRequest
from halfgig.memory.allocator import trim
from halfgig.motion.exercises import exercise_named
from halfgig.motion.live import Live
from halfgig.motion.sent import read_landmarks
from halfgig.operations.exercises import AUTO, learned
from halfgig.operations.pose_models import PoseModels
from halfgig.pipelines import FRAME_WIDTH, TIDY_FRAMES
from halfgig.records import PoseAt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from halfgig.motion.live import Standing
    from halfgig.motion.poses import PoseTracker
    from halfgig.records import Bytes, Pixels, Pose, Seconds
    from halfgig.settings import Settings

HEAD = struct.Struct("<d")  # before a JPEG: its time in seconds
LONGEST_TEXT: Bytes = 64 * 1024  # of a message with landmarks
LATEST: Seconds = 1e10
HOW = 'Send the seconds (float64, little-endian) and a JPEG behind them, or {"time": 1.5, "landmarks": [...]}.'


class Coach:
    """One session: counts what is sent of one person. `model` is full or lite, opened when the first picture comes.

    Errors: BadRequest for an exercise that there is not, LibraryError where taught ones cannot be read.
    """

    def __init__(self, exercise: str, model: str, settings: Settings) -> None:
        taught = learned(settings)
        wanted = None if exercise == AUTO else exercise_named(exercise, taught)
        self.exercise = AUTO if wanted is None else wanted.name
        self._live = Live(wanted, taught)
        self._models, self._model = PoseModels(settings), model
        self._tracker: PoseTracker | None = None
        self._last: Seconds = -math.inf
        self._pictures = 0

    def answer(self, message: Mapping[str, str]) -> dict[str, Any]:
        """What can be said after a message: {"jpeg"}, base64 with its time before it, or {"text"}, JSON.

        Errors: BadRequest, SourceError for what cannot be read, and ModelError.
        """
        if "jpeg" in message:
            return self._look(base64.b64decode(message["jpeg"]))
        return self._hear(message["text"])

    def _look(self, sent: bytes) -> dict[str, Any]:
        from halfgig.media.jpeg import read_jpeg

        if len(sent) <= HEAD.size:
            raise BadRequest("The message is too short to hold a picture.", HOW)
        time = self._timed(HEAD.unpack_from(sent)[0])
        pixels = read_jpeg(sent[HEAD.size :], FRAME_WIDTH)
        pose = self._find(pixels)
        height, width = pixels.shape[:2]
        return {**self._count(time, pose), "landmarks": None if pose is None else drawn(pose, width, height)}

    def _hear(self, sent: str) -> dict[str, Any]:
        message = _read_json(sent)
        time = self._timed(message.get("time"))
        rows = message.get("landmarks", ())
        return self._count(time, None if rows is None else read_landmarks(rows, message.get("size")))

    def _timed(self, time: Any) -> Seconds:
        if not isinstance(time, (int, float)) or isinstance(time, bool) or not 0 <= time <= LATEST:
            raise BadRequest("The message has no time in seconds, from 0 on.", HOW)
        if time <= self._last:
            raise BadRequest(f"The time {time:g} s is not after {self._last:g} s.", "Send moments in their order.")
        return float(time)

    def _find(self, pixels: Pixels) -> Pose | None:
        if self._tracker is None:
            self._tracker = self._models.tracker(self._model)
        pose = self._tracker.track(pixels)
        self._pictures += 1
        if self._pictures % TIDY_FRAMES == 0:
            trim()
        return pose

    def _count(self, time: Seconds, pose: Pose | None) -> dict[str, Any]:
        self._last = time
        return as_json(self._live.add(PoseAt(time, pose)))


def as_json(standing: Standing) -> dict[str, Any]:
    """What can be said, as JSON values; angles rounded to what they are good for."""
    exercise = standing.exercise
    return {
        "time": standing.time,
        "phase": standing.phase,
        "exercise": exercise and exercise.name,
        "count": standing.count,
        "sides": standing.reps,
        "attempts": standing.attempts,
        "held": round(standing.held, 1),
        "signal": exercise and exercise.joint,
        "unit": exercise and exercise.unit,
        "angle": None if standing.value is None else round(standing.value, 1),
    }


def drawn(pose: Pose, width: int, height: int) -> list[list[float]]:
    """Each landmark as x and y in shares of the frame, and its visibility."""
    rows = zip(pose.landmarks.tolist(), pose.visibility.tolist(), strict=True)
    return [[round(x / width, 4), round(y / height, 4), round(seen, 2)] for (x, y, _), seen in rows]


def _read_json(sent: str) -> dict[str, Any]:
    try:
        message = json.loads(sent) if len(sent) <= LONGEST_TEXT else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise BadRequest(f"The message is no JSON object of at most {LONGEST_TEXT // 1024} KB.", HOW)
    return message
