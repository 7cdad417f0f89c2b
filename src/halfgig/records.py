"""The nouns that pass between stages. Frozen, without behaviour beyond what their own fields tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from array import array

    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]
    Pixels: TypeAlias = NDArray[np.uint8]
    Vector: TypeAlias = NDArray[np.float32]
    Floats: TypeAlias = "Vector | memoryview[float] | array[float]"  # a vector where numpy need not be there

Seconds: TypeAlias = float
Degrees: TypeAlias = float
Bytes: TypeAlias = int

SAMPLE_RATE = 16_000  # Hz, mono, everywhere after media/audio.py


# --- media ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """What the user gave.

    `address` is a local path or an http(s) URL, empty where the source has none. `stream` is what is read instead of
    a path: the file at a URL, or a pipe. `title` is for people. `size` is in bytes, None where it cannot be known.
    """

    address: str
    title: str
    size: Bytes | None = None
    stream: IO[bytes] | None = None


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream: its index in the container, codec, sampling rate in Hz, channels, language tag."""

    index: int
    codec: str
    rate: int
    channels: int
    language: str | None = None


@dataclass(frozen=True, slots=True)
class VideoStream:
    """One video stream. `width` and `height` are pixels as shown, after `rotation` degrees (0, 90, 180, 270)."""

    index: int
    codec: str
    width: int
    height: int
    fps: float
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What the container says before anything is decoded. `duration` is None where it does not say.

    Of several video streams the first is the one that is looked at.
    """

    format: str
    duration: Seconds | None
    size: Bytes | None
    audio: tuple[AudioStream, ...] = ()
    video: tuple[VideoStream, ...] = ()

    @property
    def main_video(self) -> VideoStream | None:
        """The video stream that is looked at; None where there is none."""
        return self.video[0] if self.video else None


@dataclass(slots=True)
class DecodeLog:
    """What decoding ran into; filled in while a source is decoded, reported at the end, never hidden."""

    corrupt_packets: int = 0
    filled_seconds: Seconds = 0.0
    truncated: bool = False
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for a person; empty where nothing went wrong."""
        parts = []
        if self.corrupt_packets:
            parts.append(f"{self.corrupt_packets} corrupt packet{'' if self.corrupt_packets == 1 else 's'} skipped")
        if self.filled_seconds >= 0.5:
            parts.append(f"{self.filled_seconds:.1f} s of missing sound filled with silence")
        if self.truncated:
            parts.append("the file ends before its stated length")
        return "; ".join([*parts, *self.notes])


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture: `time` in seconds on the source's clock, `pixels` (height, width, 3) uint8 RGB.

    `cut`: another shot begins with it.
    """

    time: Seconds
    pixels: Pixels
    cut: bool = False


# --- speech --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word on the source's clock. `probability` is in [0, 1]. `text` keeps its leading space."""

    start: Seconds
    end: Seconds
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of recognised text on the source's clock; the figures are Whisper's own for its decoding."""

    start: Seconds
    end: Seconds
    text: str
    words: tuple[Word, ...] = ()
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0


# --- search --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of transcript that is indexed: about 40 to 120 words, numbered from 0 within its source."""

    number: int
    start: Seconds
    end: Seconds
    text: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look; an empty field bounds nothing, and several values of one field are alternatives.

    `sources` are ids or beginnings of ids, addresses or titles. `since` and `until` are days (YYYY-MM-DD, UTC) on which
    a source was added. `after` and `before` are seconds on a source's clock. `kind` is speech or motion.
    """

    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    after: Seconds | None = None
    before: Seconds | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a search: `k` moments, or with `grouped` the best moments of `k` sources, within a scope."""

    text: str
    k: int = 5
    keyword_only: bool = False
    grouped: bool = False
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class Rank:
    """Where one ranking (meaning, keyword or motion) has a moment: `rank` from 1, and what that adds to the score.

    `value` is the ranking's own measure (a cosine, bm25), comparable within it only.
    """

    ranking: str
    rank: int
    value: float
    adds: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A search answer. `marked` is the text with found words between `[[` and `]]`; a higher score is better.

    `at` is where the link opens the source, in seconds: the sentence that answers, between `start` and `end`. `kind` is
    speech or motion. The score is the sum of what the `ranks` of its best passage add.
    """

    source_id: str
    title: str
    start: Seconds
    end: Seconds
    text: str
    marked: str
    score: float
    link: str
    at: Seconds = 0.0
    kind: str = "speech"
    ranks: tuple[Rank, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, best first. `notes` say what a person must know, as that no vectors were compared."""

    question: str
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()


# --- store ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source the library knows. `id` is the sha256 of its content, `added_at` ISO 8601 in UTC.

    `state` is `unheard` while nobody has asked for its transcript, `recognizing` until that is complete, `indexing`
    until search may show it, then `ready`. `attempt` counts how often work on it was begun; only the latest may write.
    """

    id: str
    address: str
    title: str
    duration: Seconds | None
    language: str | None
    model: str
    added_at: str
    state: str
    attempt: int
    tags: tuple[str, ...] = ()


# --- motion --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One person at one moment, BlazePose's 33 landmarks.

    `landmarks` is (33, 3) float32: x and y in pixels of the upright frame, z in the same scale.
    `world` is (33, 3) float32 metres from the mid-hip, y down. `visibility` is (33,) float32 in [0, 1].
    `score` is the model's belief that a person is there at all, in [0, 1].
    """

    landmarks: NDArray[np.float32]
    world: NDArray[np.float32]
    visibility: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class PoseAt:
    """The pose at `time` seconds; None where no person was found. `cut`: another shot begins with this frame."""

    time: Seconds
    pose: Pose | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Quality:
    """How one repetition was done; None where the view allows no statement.

    `eccentric`, `pause`, `concentric` are the seconds of lowering, None where the load came from the floor, of rest at
    the turn, of lifting. `depth` is the
    share of a full range that was reached, `symmetry` the lesser side's range by the greater's. `velocity` is units a
    second on the lifting way. `score` is of 100, less what the `reasons` cost. `confidence` is in [0, 1].
    """

    eccentric: Seconds | None
    pause: Seconds
    concentric: Seconds
    depth: float | None
    symmetry: float | None
    velocity: float
    score: int | None
    reasons: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Rep:
    """One repetition: when it leaves rest, turns, and is back at rest, and the extremes of its signal between.

    It is at the turn from `reached` to `left`. A `partial` one is an attempt: it fills too little of the exerciser's
    range. `side` is both, left or right. `set` is the number of its set, 0 where it is of none.
    """

    number: int
    start: Seconds
    turn: Seconds
    end: Seconds
    lowest: Degrees
    highest: Degrees
    side: str = "both"
    partial: bool = False
    reached: Seconds = 0.0
    left: Seconds = 0.0
    set: int = 0
    quality: Quality | None = None

    @property
    def range_of_motion(self) -> Degrees:
        """Degrees between the two extremes."""
        return self.highest - self.lowest


@dataclass(frozen=True, slots=True)
class Hold:
    """A posture that was held, from start to end."""

    number: int
    start: Seconds
    end: Seconds


@dataclass(frozen=True, slots=True)
class Signal:
    """What a report's angles are: the `name` of a signal, its `unit`, the end at which the `work` is done (low, high).

    `rest` and `full` are its values at the two ends of what a coach calls a full repetition, None where there is no
    such rule. `error` is by how much it may be wrong, None where the view allows no statement. `lift` tells on which
    way the load is raised: there, to the turn, or back.
    """

    name: str
    unit: str
    work: str
    rest: Degrees | None
    full: Degrees | None
    error: Degrees | None
    lift: str = "back"


@dataclass(frozen=True, slots=True)
class Report:
    """What was counted in one source. `attempts` are partial repetitions, told apart from reps."""

    exercise: str
    reps: tuple[Rep, ...]
    attempts: tuple[Rep, ...]
    frames_analyzed: int
    frames_with_pose: int
    duration: Seconds
    notes: tuple[str, ...] = ()
    family: str = ""
    view: str = "unknown"
    holds: tuple[Hold, ...] = ()
    signal: Signal | None = None

    @property
    def count(self) -> int:
        """Number of full repetitions."""
        return len(self.reps)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a sentence model's states become a vector: `pooling` is mean, cls or max, `longest` in wordpieces.

    `query` and `passage` go before a question and before what is searched. Vectors are always brought to length 1:
    they are compared by cosine. What stands here is all-MiniLM-L6-v2's, by its model card.
    """

    pooling: str = "mean"
    longest: int = 256
    query: str = ""
    passage: str = ""
