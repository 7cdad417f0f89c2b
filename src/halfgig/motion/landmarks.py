"""Landmarks as a table: a line of CSV for each moment, written while they are found. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from halfgig.records import PoseAt

NAMES = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index"),
    *("left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
)
FIGURES = ("x", "y", "z", "world_x", "world_y", "world_z", "visibility")
HEADER = ("time", "score", "cut", *(f"{name}_{figure}" for name in NAMES for figure in FIGURES))


def landmark_row(moment: PoseAt) -> Iterator[str]:
    """The cells of one moment in the order of HEADER: pixels and metres; empty where nobody is."""
    yield f"{moment.time:.3f}"
    yield "" if moment.pose is None else f"{moment.pose.score:.3f}"
    yield str(moment.cut).lower()
    if moment.pose is None:
        yield from [""] * (len(HEADER) - 3)
        return
    for place, world, seen in zip(moment.pose.landmarks, moment.pose.world, moment.pose.visibility, strict=True):
        yield from (f"{value:.1f}" for value in place)
        yield from (f"{value:.3f}" for value in world)
        yield f"{seen:.2f}"
