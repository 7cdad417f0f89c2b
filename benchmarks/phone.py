"""A phone's minute: real clips joined, enlarged to 1080p and coded as H.264 at 3.4 Mbit/s, 25 MB in all."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from benchmarks.recordings import SHARED_DATA, Recording
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.records import DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from halfgig.records import Pixels

RATE = 30  # frames a second
SECONDS = 60.0
BIT_RATE = 3_400_000
UPRIGHT = (
    "lunge_venkatnarayana_1",
    "leg_press_venkatnarayana_1",
    "side_lunge_michpapadum_1",
    "squat_dillonloh_2",
)
LEVEL = ("pushup_djeyranesophie_1", "jump_squat_adityav1810_1", "deadlift_momokap_1", "pushup_tayyababdullah_2")
SHAPES = {"upright": (UPRIGHT, 1080, 1920), "level": (LEVEL, 1920, 1080)}


def phone_video(shape: str, folder: Path) -> Recording | None:
    """A minute of people who exercise, `upright` or `level`; None where the clips are not there.

    One that was made before is taken as it is.
    """
    names, width, height = SHAPES[shape]
    clips = [SHARED_DATA / "reps" / f"{name}.mp4" for name in names]
    if not all(clip.exists() for clip in clips):
        return None
    path = folder / f"phone-{shape}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"unfinished-{path.name}")
        _write(_rounds(clips), draft, width, height)
        draft.replace(path)
    return Recording(path, SECONDS, "")


def _rounds(clips: list[Path]) -> Iterator[Pixels]:
    """The clips' pictures again and again, `RATE` of them a second."""
    settings = Settings()
    while True:
        for clip in clips:
            shown = 0
            source = open_source(clip, settings)
            for frame in decode_frames(source, rate=RATE, width=None, log=DecodeLog(), settings=settings):
                while shown <= frame.time * RATE:
                    shown += 1
                    yield frame.pixels


def _write(pictures: Iterator[Pixels], path: Path, width: int, height: int) -> None:
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=RATE, pix_fmt="yuv420p", options={"preset": "medium"})
        stream.width, stream.height = width, height
        stream.codec_context.bit_rate = BIT_RATE
        for number in range(round(SECONDS * RATE)):
            picture = av.VideoFrame.from_ndarray(next(pictures), format="rgb24").reformat(width, height, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
