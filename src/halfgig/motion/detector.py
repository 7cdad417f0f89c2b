"""The BlazePose detector: one frame becomes the regions of the people in it, the most certain first.

Tensor layout and anchors follow the model's published card and graph: single-shot boxes on grids of stride 8, 16
and 32, four alignment points each.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from halfgig.errors import ModelError
from halfgig.motion.flatmodel import without_output
from halfgig.motion.regions import Region, around_body, cut_out, whole_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.records import Pixels

SIDE = 224  # pixels, the detector's picture
STRIDES = (8, 16, 32, 32, 32)  # pixels between anchors, layer by layer
ANCHORS_PER_CELL = 2
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3  # of two boxes that are two people


@dataclass(frozen=True, slots=True)
class Detection:
    """A person found in a frame: belief in [0, 1], box (left, top, right, bottom) in pixels, region of the body."""

    score: float
    box: tuple[float, float, float, float]
    region: Region


class PoseDetector:
    """Owns the detector's interpreter (about 15 MB) for its own lifetime."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._interpreter = open_interpreter(model, threads)

    def detect(self, pixels: Pixels) -> list[Detection]:
        """People in a (height, width, 3) uint8 frame, most certain first; empty where nobody is."""
        square = whole_frame(pixels)
        picture = cut_out(pixels, square, SIDE, letterbox=True)
        boxes, scores = run(self._interpreter, picture * 2 - 1)[:2]
        return decode(boxes[0], scores[0, :, 0], square)


def decode(boxes: NDArray[np.float32], scores: NDArray[np.float32], square: Region) -> list[Detection]:
    """Raw boxes (2254, 12) and logits (2254,) to people in the frame whose letterboxed square is given."""
    beliefs = sigmoid(scores)
    likely = np.flatnonzero(beliefs >= MIN_SCORE)
    likely = likely[np.argsort(-beliefs[likely], kind="stable")]
    points = boxes[likely].reshape(-1, 6, 2) / np.float32(SIDE)
    points[:, [0, 2, 3, 4, 5]] += anchors()[likely, None]
    found = []
    while len(points):
        same = _overlap(points[0, :2], points[:, :2]) >= MAX_OVERLAP
        same[0] = True
        blend = np.average(points[same], axis=0, weights=beliefs[likely][same]).astype(np.float32)
        found.append(_detection(blend, float(beliefs[likely[0]]), square))
        points, likely = points[~same], likely[~same]
    return found


@cache
def anchors() -> NDArray[np.float32]:
    """Centres of the anchors in the unit square, (2254, 2), in the order of the model's output."""
    layers = [_cells(SIDE // stride, ANCHORS_PER_CELL * STRIDES.count(stride)) for stride in dict.fromkeys(STRIDES)]
    return np.concatenate(layers).astype(np.float32)


def _cells(count: int, repeats: int) -> NDArray[np.float64]:
    centers = (np.arange(count) + 0.5) / count
    x, y = np.meshgrid(centers, centers)
    return np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0)


def _overlap(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one (centre, size) box, (2, 2), with n others, (n, 2, 2)."""
    low = np.maximum(box[0] - box[1] / 2, others[:, 0] - others[:, 1] / 2)
    high = np.minimum(box[0] + box[1] / 2, others[:, 0] + others[:, 1] / 2)
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    total = np.prod(box[1]) + np.prod(others[:, 1], axis=1) - shared
    overlap: NDArray[np.float32] = shared / np.maximum(total, 1e-9)
    return overlap


def _detection(points: NDArray[np.float32], score: float, square: Region) -> Detection:
    corners = np.stack([points[0] - points[1] / 2, points[0] + points[1] / 2])
    left_top, right_bottom, hips, rim = square.to_frame(np.concatenate([corners, points[2:4]]).astype(np.float32))
    box = (float(left_top[0]), float(left_top[1]), float(right_bottom[0]), float(right_bottom[1]))
    return Detection(score, box, around_body(hips, rim))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)) with x held within +-80, which changes nothing and cannot overflow."""
    held: NDArray[np.float32] = np.clip(logits, -80, 80).astype(np.float32)
    belief: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-held))
    return belief


def open_interpreter(model: Path, threads: int, *, without: int | None = None) -> Any:
    """A LiteRT interpreter over the mapped file, or over a copy of it `without` the output of that number.

    ModelError where the file is missing or no model.
    """
    from ai_edge_litert.interpreter import Interpreter

    if not model.is_file():
        raise ModelError(
            f"The pose model {model.name} is missing.", "Run: halfgig models pull blazepose-full blazepose-lite"
        )
    try:
        what: dict[str, Any] = {"model_path": str(model)}
        if without is not None:
            what = {"model_content": without_output(model.read_bytes(), without)}
        with _hushed():
            interpreter = Interpreter(**what, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"The pose model {model.name} cannot be loaded: {error}.", "Run: halfgig models verify"
        ) from error
    return interpreter


@contextmanager
def _hushed() -> Iterator[None]:
    """The standard error closed to LiteRT's native code, which greets each model there and has no setting for it."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def run(interpreter: Any, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """One call: (side, side, 3) float32 in, the output tensors in the model's own order out."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
    interpreter.invoke()
    return [interpreter.get_tensor(row["index"]) for row in interpreter.get_output_details()]
