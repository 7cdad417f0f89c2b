"""The packets of a long mp4 without its index: FFmpeg keeps 24 to 36 bytes for each sample, 11 MB for an hour of video.

FFmpeg is shown the file with the tables of its tracks cut short, so that it opens it, and reads the beginning, as it
always does; the packets after that are read from here, with times that go on from FFmpeg's own. Tables are read in
blocks as they are needed. Whatever is not plain (fragments, encryption, cuts by edit lists) is left to FFmpeg whole.
"""

from __future__ import annotations

import io
import os
import re
import struct
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, islice, repeat
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar, cast

import av

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction

    from av.packet import Packet
    from av.stream import Stream

    from halfgig.records import Bytes, DecodeLog

    Table = tuple[int, int]  # where its first entry is, and how many there are
    Patches = Mapping[int, int]  # where a 32-bit number is, and what is shown in its place

    S = TypeVar("S", bound=Stream)

LONG = 20_000  # samples of a track from which on its table is cut: 11 minutes of 30 frames a second
KEPT = 2_000  # samples at its beginning that FFmpeg reads itself
BLOCK = 256 * 1024  # bytes that are read at once: each page of the file once, so that the kernel may drop it soon
ENTRIES = 4096  # of a table, that are read at once
MAX_SAMPLE = 64 * 1024 * 1024  # bytes; a picture of 8K takes a tenth of that
MAX_TICKS = 1 << 60
MAX_BOXES = 1000  # that are looked at in a box
NEAR_END = 64  # samples among which is the last one that is shown
LATEST_START = 2.0  # seconds that an edit list may leave out at the beginning: what codecs run in with

# What a sample is decoded from: one packet a sample, whole, and not encrypted. AAC is object type 0x40 of mp4a.
PLAIN = re.compile(rb"avc[13]|hvc1|hev1|av01|vp09|mp4a(?=.*esds.{4}\x03.*?\x04(?:[\x80-\xff]*.)\x40)", re.DOTALL)
INSIDE = frozenset({"mdia", "minf", "stbl", "edts"})  # boxes of a track that hold boxes


class NotPlain(Exception):
    """This track is left as it is."""


class Sample(NamedTuple):
    """Where a sample is in the file, its size in bytes, and its times in ticks of its track."""

    at: int
    size: Bytes
    dts: int
    pts: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Track:
    """The tables of one track, how many of its samples FFmpeg is shown, and the numbers that say so."""

    id: int
    sizes: Table
    chunks: Table
    wide: bool  # whether the places of chunks have 64 bits
    runs: Table
    times: Table
    delays: Table | None
    kept: int = 0
    shown: Patches = field(default_factory=dict)

    def samples(self, file: IO[bytes], first: int = 0) -> Iterator[Sample]:
        """The samples in file order, from number `first` on."""
        start, tables = self.sizes[0] + 4 * first, self.sizes[1] - first
        sizes = (size for (size,) in entries(file, (start, tables), ">I"))
        places = self._places(file, first)
        clock, ticks = self._clock(file, first)
        delays = _spread(entries(file, self.delays, ">Ii"), first) if self.delays else iter(())
        at = 0
        for size, place, delay, tick in zip(sizes, places, chain(delays, repeat(0)), ticks, strict=False):
            at = at if place is None else place
            yield Sample(at, size, clock, clock + delay, tick)
            at, clock = at + size, clock + tick

    def _places(self, file: IO[bytes], first: int) -> Iterator[int | None]:
        """Where each sample from `first` on begins; None where it follows the one before."""
        offsets = (at for (at,) in entries(file, self.chunks, ">Q" if self.wide else ">I"))
        number = 0
        for at, count in zip(offsets, _chunk_sizes(file, self.runs), strict=False):
            if number + count > first:
                inside = max(0, first - number)
                sizes = entries(file, (self.sizes[0] + 4 * number, inside), ">I")
                yield at + sum(size for (size,) in sizes)
                yield from repeat(None, count - inside - 1)
            number += count

    def _clock(self, file: IO[bytes], first: int) -> tuple[int, Iterator[int]]:
        """The time of sample `first`, and the ticks that each from there on lasts."""
        clock, runs = 0, entries(file, self.times, ">II")
        for count, ticks in runs:
            if count > first:
                return clock + first * ticks, chain(repeat(ticks, count - first), _spread(runs))
            clock, first = clock + count * ticks, first - count
        return clock, iter(())


class ShortMp4(io.RawIOBase):
    """An mp4 whose long tracks look as if they had only their first samples; to be read by FFmpeg.

    `packets` gives those that are missing.
    """

    def __init__(self, file: IO[bytes], tracks: Sequence[Track]) -> None:
        self._file, self._at = file, 0
        self._patches = {at: struct.pack(">I", number) for track in tracks for at, number in track.shown.items()}
        self._tracks = {track.id: track for track in tracks}
        self.name = file.name

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as in the file itself."""
        self._file.seek(self._at)
        self._at = self._file.seek(offset, whence)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there, with the numbers that are shown in place of the true ones."""
        data = bytearray(_at(self._file, self._at, len(buffer)))
        for at, number in self._patches.items():
            for place, byte in enumerate(number, at - self._at):
                if 0 <= place < len(data):
                    data[place] = byte
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def packets(self, stream: S, last: Packet[S] | None, log: DecodeLog) -> Iterator[Packet[S]]:
        """The packets of a stream after the `last` one that FFmpeg has read; none where it has read all.

        What lies past the end of the file is told in `log`.
        """
        track = self._tracks.get(stream.id)
        if track is None or last is None:
            return
        known = next((one for one in islice(track.samples(self._file), track.kept) if one.at == last.pos), None)
        if known is None or last.dts is None or last.pts is None:
            log.truncated = True
            return
        earlier, shown = last.dts - known.dts, last.pts - known.pts
        with Path(self.name).open("rb", buffering=0) as file:
            blocks = Blocks(file)
            for sample in track.samples(self._file, track.kept):
                data = blocks.read(sample.at, sample.size) if sample.size <= MAX_SAMPLE else b""
                if data:
                    yield _packet(stream, data, sample, earlier, shown)
                if len(data) < sample.size:
                    log.corrupt_packets += bool(data)
                    log.truncated = True


class Blocks:
    """A file read in whole blocks, one held: going forward, each page is read once, and then its cache given up.

    What is cached of a file counts in the working set of a container once it was read twice, though nobody needs it.
    The file must be opened for this alone: reading elsewhere between two blocks would look as if pages were read twice.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._number, self._block = file, -1, b""
        self._end = file.seek(0, io.SEEK_END)

    def read(self, at: int, size: Bytes) -> bytes:
        """So many bytes from there on; fewer at the end of the file."""
        parts, end = [], min(at + size, self._end)
        while at < end:
            number, inside = divmod(at, BLOCK)
            if number != self._number:
                self._drop_cache()
                self._number, self._block = number, _at(self._file, number * BLOCK, BLOCK)
            part = self._block[inside : inside + end - at]
            if not part:
                break
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _drop_cache(self) -> None:
        if self._block and hasattr(os, "posix_fadvise"):  # macOS has none
            end = (self._number + 1) * BLOCK  # from the beginning on: of a large page none is dropped before its end
            os.posix_fadvise(self._file.fileno(), 0, end, os.POSIX_FADV_DONTNEED)


def shorten(path: Path) -> ShortMp4 | None:
    """The file as FFmpeg is to see it; None where it is no mp4, or has no long track that is plain."""
    file = path.open("rb", buffering=0)
    try:
        tracks = list(_long_tracks(file))
    except (OSError, struct.error, KeyError, ValueError, ArithmeticError):
        tracks = []
    if not tracks or len({track.id for track in tracks}) < len(tracks):
        file.close()
        return None
    return ShortMp4(file, tracks)


def _packet(stream: S, data: bytes, sample: Sample, earlier: int, shown: int) -> Packet[S]:
    packet = av.Packet(data)
    packet.dts, packet.pts, packet.duration = sample.dts + earlier, sample.pts + shown, sample.ticks
    packet.time_base, packet.stream = cast("Fraction", stream.time_base), stream
    return cast("Packet[S]", packet)


# --- which tracks --------------------------------------------------------------------------------------


def _long_tracks(file: IO[bytes]) -> Iterator[Track]:
    """The tracks whose tables are long, of an mp4 that keeps them in one place."""
    inner = list(_boxes(file, *_movie(file)))
    if any(kind == "mvex" for kind, _ in inner):
        return
    movie = _clock_rate(file, dict(inner)["mvhd"][0]) if inner else 0
    for kind, place in inner:
        if kind == "trak" and (track := _plain_track(file, dict(_nested(file, *place)), movie)):
            yield track


def _movie(file: IO[bytes]) -> tuple[int, int]:
    """Where the box of all tables begins and ends; an empty stretch where this is no mp4."""
    size = file.seek(0, io.SEEK_END)
    if size < 8 or _at(file, 4, 4) != b"ftyp":
        return 0, 0
    return next((place for kind, place in _boxes(file, 0, size) if kind == "moov"), (0, 0))


def _plain_track(file: IO[bytes], boxes: Mapping[str, tuple[int, int]], movie: int) -> Track | None:
    """The track cut short; None where it is not long and plain."""
    try:
        track = _whole_track(file, boxes)
        if "elst" in boxes:
            _refuse_cuts(file, boxes["elst"][0], track, _clock_rate(file, boxes["mdhd"][0]), movie)
        return _cut(file, track)
    except (NotPlain, KeyError):
        return None


def _whole_track(file: IO[bytes], boxes: Mapping[str, tuple[int, int]]) -> Track:
    """A track's tables. NotPlain where it is short or of another kind, KeyError where it lacks one."""
    wide = "co64" in boxes
    fixed, count = _numbers(file, boxes["stsz"][0] + 4, 2)
    sizes = (boxes["stsz"][0] + 12, count)
    chunks = _table(file, boxes["co64" if wide else "stco"], 8 if wide else 4)
    runs, times = _table(file, boxes["stsc"], 12), _table(file, boxes["stts"], 8)
    delays = _table(file, boxes["ctts"], 8) if "ctts" in boxes else None
    start, end = boxes["stsd"]
    one_kind = _numbers(file, start + 4, 1) == (1,) and PLAIN.match(_at(file, start + 12, min(end - start, 4096)))
    if fixed or count < LONG or not one_kind or not _is_timed(file, times, count):
        raise NotPlain
    version = _numbers(file, boxes["tkhd"][0], 1)[0] >> 24
    [number] = _numbers(file, boxes["tkhd"][0] + (20 if version else 12), 1)
    return Track(number, sizes, chunks, wide, runs, times, delays)


def _is_timed(file: IO[bytes], times: Table, samples: int) -> bool:
    """Whether each sample has its time, and none is beyond belief."""
    timed = clock = 0
    for count, ticks in entries(file, times, ">II"):
        timed, clock = timed + count, clock + count * ticks
    return timed == samples and clock < MAX_TICKS


def _refuse_cuts(file: IO[bytes], at: int, track: Track, rate: int, movie: int) -> None:
    """NotPlain where an edit list shows anything but the whole track, from its beginning to its end."""
    version, count = _numbers(file, at, 1)[0] >> 24, _numbers(file, at + 4, 1)[0]
    edits = list(entries(file, (at + 8, min(count, NEAR_END)), ">QqI" if version else ">IiI"))
    shown = [edit for edit in edits if edit[1] >= 0]
    if len(shown) != 1 or shown[0] != edits[-1] or len(edits) != count:
        raise NotPlain
    length, start, speed = shown[0]
    last = max(sample.pts for sample in track.samples(file, track.sizes[1] - NEAR_END))
    if speed != 1 << 16 or start > LATEST_START * rate or (length and start + length * rate / movie <= last):
        raise NotPlain


def _cut(file: IO[bytes], track: Track) -> Track:
    """The track cut after a whole chunk, or within the first. NotPlain where its tables contradict each other."""
    counts = islice(accumulate(_chunk_sizes(file, track.runs)), track.chunks[1])
    chunk, kept = next(((chunk, kept) for chunk, kept in enumerate(counts, 1) if kept >= KEPT), (0, 0))
    if not KEPT <= kept <= track.sizes[1]:
        raise NotPlain
    runs = sum(first <= chunk for first, _, _ in entries(file, track.runs, ">III"))
    kept = KEPT if chunk == 1 else kept
    shown = {track.sizes[0] - 4: kept, track.chunks[0] - 4: chunk, track.runs[0] - 4: runs}
    if chunk == 1:
        shown[track.runs[0] + 4] = kept
    return replace(track, kept=kept, shown=shown)


# --- boxes and tables ----------------------------------------------------------------------------------


def entries(file: IO[bytes], table: Table, form: str) -> Iterator[tuple[int, ...]]:
    """The entries of a table in turn, of which few are held; `form` is how `struct` writes one."""
    width, (at, count) = struct.calcsize(form), table
    while count > 0:
        some = min(count, ENTRIES)
        file.seek(at)
        yield from struct.iter_unpack(form, _read(file, some * width))
        at, count = at + some * width, count - some


def _spread(runs: Iterable[tuple[int, ...]], skipped: int = 0) -> Iterator[int]:
    """Runs of (count, value) as one value for each sample, without the first `skipped`."""
    for count, value in runs:
        if count > skipped:
            yield from repeat(value, count - skipped)
        skipped = max(0, skipped - count)


def _chunk_sizes(file: IO[bytes], runs: Table) -> Iterator[int]:
    """How many samples each chunk has; without end, as the table does not tell how many chunks there are."""
    chunk, before = 1, 0
    for first, count, _ in entries(file, runs, ">III"):
        yield from repeat(before, first - chunk)
        chunk, before = max(chunk, first), count
    yield from repeat(before)


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """(kind, (where its content begins, and ends)) of each box between two places."""
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        head, (size, kind) = 8, struct.unpack(">I4s", _at(file, start, 8))
        if size == 1:
            head, [size] = 16, struct.unpack(">Q", _at(file, start + 8, 8))
        size = size or end - start
        if size < head or start + size > end:
            return
        yield kind.decode("latin-1"), (start + head, start + size)
        start += size


def _nested(file: IO[bytes], start: int, end: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """The boxes of a track, those inside others too."""
    for kind, place in _boxes(file, start, end):
        yield kind, place
        if kind in INSIDE:
            yield from _nested(file, *place)


def _table(file: IO[bytes], box: tuple[int, int], width: Bytes) -> Table:
    """The table in a box. NotPlain where the box is too small for it."""
    start, end = box
    [count] = _numbers(file, start + 4, 1)
    if start + 8 + count * width > end:
        raise NotPlain
    return start + 8, count


def _clock_rate(file: IO[bytes], at: int) -> int:
    """Ticks a second, as a header of a movie or of a track's media says."""
    version = _numbers(file, at, 1)[0] >> 24
    return _numbers(file, at + (20 if version else 12), 1)[0]


def _numbers(file: IO[bytes], at: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}I", _at(file, at, 4 * count))


def _at(file: IO[bytes], at: int, size: Bytes) -> bytes:
    file.seek(at)
    return _read(file, size)


def _read(file: IO[bytes], size: Bytes) -> bytes:
    """So many bytes, and fewer only at the end of the file."""
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
