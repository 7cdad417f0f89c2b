"""The two sentences, and the one bounded buffer between a stage that decodes and a stage that computes.

source -> audio blocks -> speech windows -> segments -> passages -> vectors -> index
source -> frames -> poses -> joint angles -> reps -> report
"""

from __future__ import annotations

import queue
import threading
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from halfgig.records import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from halfgig.motion.forms import Exercise
    from halfgig.motion.poses import PoseTracker
    from halfgig.records import DecodeLog, Floats, Frame, Passage, PoseAt, Rep, Report, Seconds, Segment, Source
    from halfgig.retrieval.embedding import PassageEmbedder
    from halfgig.settings import Settings
    from halfgig.speech.parts import Parts
    from halfgig.speech.recognizer import Hearing, Recognizer
    from halfgig.speech.transcript import Seam, Stretch
    from halfgig.speech.vad import ScoredBlock, VoiceDetector
    from halfgig.speech.windows import Window

    Watch = Callable[[Seconds], None]

T = TypeVar("T")

AHEAD = 4  # seconds of sound that are decoded ahead: enough to keep both sides busy
FRAMES_AHEAD = 2  # frames, each of which comes out of a few pictures: that evens out what single ones cost
PATIENCE: Seconds = 2.0  # for a maker that was stopped; one that waits for a silent pipe ends with the process
FRAME_RATE = 10.0  # frames a second that motion is sampled at
TIDY_FRAMES = 50  # frames between two tidyings: without them the heap grows by 6 MB in an hour
FRAME_WIDTH = 640  # pixels; the pose model sees 256 of them around the person


def find_speech(
    source: Source, detector: VoiceDetector, parts: Parts, *, log: DecodeLog, settings: Settings, watch: Watch
) -> Iterator[Window]:
    """source -> audio blocks -> speech windows of some parts; `watch` hears the position in seconds."""
    from halfgig.media.audio import decode_audio
    from halfgig.speech.parts import cut_into_parts, find_windows_of_parts, score_parts

    pieces = cut_into_parts(decode_audio(source, log=log, settings=settings), detector, parts)
    scored = prefetch(score_parts(pieces, detector), AHEAD)
    return find_windows_of_parts(_watch_sound(scored, watch))


def transcribe(
    windows: Iterable[Window],
    recognizer: Recognizer,
    hearing: Hearing,
    tidy: Callable[[], object],
    seam: Seam | None = None,
) -> Iterator[Stretch]:
    """speech windows -> stretches of segments, from a seam on; `tidy` gives memory back as `recognize` says."""
    from halfgig.speech.recognizer import recognize
    from halfgig.speech.transcript import stitch

    return stitch(recognize(windows, recognizer, hearing, tidy), seam)


def embed(segments: Iterable[Segment], embedder: PassageEmbedder, batch_size: int) -> Iterator[tuple[Passage, Floats]]:
    """segments -> passages -> vectors."""
    from halfgig.retrieval.embedding import embed_passages
    from halfgig.retrieval.passages import make_passages

    return embed_passages(make_passages(segments), embedder, batch_size)


def find_poses(
    source: Source,
    tracker: PoseTracker,
    *,
    known: int = 0,
    width: int = FRAME_WIDTH,
    log: DecodeLog,
    settings: Settings,
    watch: Watch,
    tidy: Callable[[], object],
) -> Iterator[PoseAt]:
    """source -> frames, with the cuts between them -> poses, but for the first `known` frames.

    `watch` hears the position in seconds, `tidy` gives memory back now and then.
    """
    from halfgig.media.frames import decode_frames
    from halfgig.motion.cuts import mark_cuts
    from halfgig.motion.poses import track_poses

    frames = decode_frames(source, rate=FRAME_RATE, width=width, log=log, settings=settings)
    marked = mark_cuts(_watch_frames(prefetch(frames, FRAMES_AHEAD), watch))
    return track_poses(_tidied(islice(marked, known, None), tidy, every=TIDY_FRAMES), tracker)


def count_reps(
    poses: Iterable[PoseAt],
    exercise: Exercise | None,
    settings: Settings,
    watch: Callable[[Rep], None],
    learned: Sequence[Exercise] = (),
) -> Report:
    """poses -> joint angles -> reps -> report; `watch` hears the reps that are certain before the end."""
    from halfgig.motion.report import count

    return count(poses, exercise, least_frames=settings.min_frames_for_analysis, watch=watch, learned=learned)


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """The same items, made by a thread that is at most `depth` ahead; it ends with the consumer."""
    made: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()
    maker = threading.Thread(target=_fill, args=(items, made, stopped), daemon=True, name="halfgig-prefetch")
    maker.start()
    try:
        while (entry := made.get())[0]:
            yield entry[1]  # type: ignore[misc]  # where the first is True, the second is an item
        if isinstance(entry[1], BaseException):
            raise entry[1]
    finally:
        stopped.set()
        _drain(made)
        maker.join(PATIENCE)


def _fill(
    items: Iterable[T], made: queue.Queue[tuple[bool, T | BaseException | None]], stopped: threading.Event
) -> None:
    end: BaseException | None = None
    source = iter(items)
    try:
        for item in source:
            made.put((True, item))
            if stopped.is_set():
                break
    except BaseException as error:  # it is raised again in the consumer
        end = error
    finally:
        close = getattr(source, "close", None)
        if close:
            close()  # in the thread that ran it
    if not stopped.is_set():
        made.put((False, end))


def _drain(made: queue.Queue[T]) -> None:
    """Empty the queue, so that a maker that waits to put its item can see that it was stopped."""
    while True:
        try:
            made.get_nowait()
        except queue.Empty:
            return


def _watch_sound(scored: Iterable[ScoredBlock], watch: Watch) -> Iterator[ScoredBlock]:
    for block in scored:
        watch((block.start + len(block.samples)) / SAMPLE_RATE)
        if len(block.samples):
            yield block


def _watch_frames(frames: Iterable[Frame], watch: Watch) -> Iterator[Frame]:
    for frame in frames:
        watch(frame.time)
        yield frame


def _tidied(items: Iterable[T], tidy: Callable[[], object], every: int = 1) -> Iterator[T]:
    for number, item in enumerate(items, 1):
        yield item
        if number % every == 0:
            tidy()
