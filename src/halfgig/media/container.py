"""The one place where PyAV opens and reads: allowed formats and protocols, limits, streams, and translated errors."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import av
from av.stream import Discard

from halfgig.errors import HalfgigError, SourceError, TooLarge
from halfgig.media.mp4 import ShortMp4, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from halfgig.records import DecodeLog, Seconds, Source

MAX_PIXELS = 40_000_000  # a picture of 8K (7680 x 4320) has 33 million
MAX_SIDE = 16_384  # pixels
MAX_FPS = 1000
MIN_RATE, MAX_RATE = 1000, 768_000  # Hz; at a few Hz a small file would last for years
MAX_CHANNELS = 64
MAX_STREAMS = 64
MAX_SAMPLES = 4_000_000  # samples that one packet may decode to
LONGEST_INDEX = 7200  # seconds of an mp4 whose index may be read whole
DECODER_THREADS = 1  # more hold more pictures, and models work on the other cores meanwhile (decision 0023)
MAX_FAILURES = 200  # reads in a row that may fail before the rest is given up

# Demuxers that read one source and nothing that it points to: no playlists, lists of files, subtitles or devices.
FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,apng,asf,au,av1,avi,bmp_pipe,caf,dirac,dnxhd,dsf,dts,dtshd,dv,eac3,flac,flv,gif,"
    "gxf,h261,h263,h264,hevc,ivf,jpeg_pipe,latm,loas,m4v,matroska,mjpeg,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,"
    "nut,obu,ogg,png_pipe,rm,tak,tiff_pipe,truehd,tta,vc1,voc,w64,wav,webm,webp,webp_pipe,wtv,wv"
)
NOT_MEDIA = "is not audio or video that can be decoded"
REMEDY_NOT_MEDIA = "Give an audio or video file such as mp4, mkv, webm, mov, mp3, wav, flac or ogg."
REMEDY_PIPE = "Save it to a file first; an mp4 can be piped only after ffmpeg -movflags +faststart."
# Bare streams without timestamps: what the demuxer counts up is wrong as soon as the sampling rate changes.
UNTIMED = frozenset({"mp3", "aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "dts", "dtshd", "loas", "latm", "truehd"})
# Formats whose length is guessed from a bit rate or the last timestamp, so that it proves nothing.
GUESSED = UNTIMED | {"mpeg", "mpegts", "mpegvideo", "h264", "hevc", "m4v"}

# Formats in which the size of the pictures may come after the part that is looked at first.
SIZED_LATE = frozenset({"mpegts", "mpeg", "mpegvideo", "m4v", "h264", "hevc", "flv", "rm", "ogg"})

S = TypeVar("S", bound="Stream")


@contextmanager
def open_container(source: Source) -> Iterator[InputContainer]:
    """The opened container, closed at the end of the block; av's errors inside the block are translated.

    Errors: SourceError where the source cannot be opened or is not media, TooLarge past what is safe to decode.
    """
    with translated(source), _open(source) as container:
        refuse_streams(container, source.title)
        yield container


@contextmanager
def translated(source: Source) -> Iterator[None]:
    """Turn whatever av raises into a SourceError that names the source and a remedy."""
    try:
        yield
    except HalfgigError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _translate(error, source) from error


def _open(source: Source) -> AbstractContextManager[InputContainer]:
    if source.stream is not None:
        source.stream.seek(0)
        return av.open(source.stream, "r", options=_options(""), metadata_errors="replace")
    if short := shorten(Path(source.address)):
        return _open_short(short)
    return _open_file(source)


def _open_file(source: Source) -> InputContainer:
    return av.open(f"file:{source.address}", "r", options=_options("file"), metadata_errors="replace")


@contextmanager
def _open_short(short: ShortMp4) -> Iterator[InputContainer]:
    with short, av.open(short, "r", options=_options(""), metadata_errors="replace") as container:
        yield container


@contextmanager
def open_whole(source: Source) -> Iterator[InputContainer]:
    """As `open_container`, for seeking: also a long mp4 has all of its index, if that is not much (11 MB an hour)."""
    if source.stream is None and (short := shorten(Path(source.address))):
        with translated(source):
            with _open_short(short) as container:
                seconds = stated_duration(container)
            if seconds is not None and seconds <= LONGEST_INDEX:
                with _open_file(source) as container:
                    yield container
                return
    with open_container(source) as container:
        yield container


def _options(protocols: str) -> dict[str, str]:
    return {
        "protocol_whitelist": protocols,
        "format_whitelist": FORMATS,
        "max_streams": "1000",
        "max_pixels": str(MAX_PIXELS),
        "max_samples": str(MAX_SAMPLES),
    }


def is_remote(address: str) -> bool:
    """Whether `address` is an http(s) URL."""
    return address.lower().startswith(("http://", "https://"))


def _translate(error: Exception, source: Source) -> SourceError:
    title = source.title
    if isinstance(error, OSError) and not isinstance(error, EOFError):
        reason = error.strerror or error
        return SourceError(f"{title} cannot be read: {reason}.", "Check the path, its rights and the disk.")
    if _is_pipe(source):
        return SourceError(f"{title} {NOT_MEDIA}.", REMEDY_PIPE)
    if _is_mp4(source):
        return SourceError(f"{title} is an mp4 whose index is missing or damaged.", "Copy or download it again.")
    return SourceError(f"{title} {NOT_MEDIA}.", REMEDY_NOT_MEDIA)


def undecodable(source: Source, what: str) -> SourceError:
    """The error for a source whose `what` (sound or picture) is there but yields nothing."""
    detail = f"No {what} of {source.title} could be decoded."
    if _is_pipe(source):
        return SourceError(detail, REMEDY_PIPE)
    if is_remote(source.address):
        return SourceError(detail, "Check the address, or try again later.")
    return SourceError(detail, "Check that it plays, and that it is not encrypted.")


def _is_pipe(source: Source) -> bool:
    return source.stream is not None and not source.stream.seekable()


def _is_mp4(source: Source) -> bool:
    """Whether a file begins as an mp4 or mov does."""
    try:
        with nullcontext(source.stream) if source.stream else Path(source.address).open("rb") as file:
            file.seek(0)
            return file.read(8)[4:] == b"ftyp"
    except (OSError, ValueError):
        return False


# --- limits --------------------------------------------------------------------------------------------


def refuse_streams(container: InputContainer, title: str) -> None:
    """TooLarge where a container states more streams than any recording has."""
    if len(container.streams) > MAX_STREAMS:
        raise _absurd(title, f"{len(container.streams)} streams", f"{MAX_STREAMS}")


def refuse_sound(title: str, stream: AudioStream) -> None:
    """TooLarge where an audio stream states more than is decoded; nothing is decoded to find out."""
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels
    if rate > MAX_RATE or 0 < rate < MIN_RATE:
        raise _absurd(title, f"a sampling rate of {rate} Hz", f"{MIN_RATE} to {MAX_RATE}")
    if channels > MAX_CHANNELS:
        raise _absurd(title, f"{channels} channels of sound", f"{MAX_CHANNELS}")


def refuse_video(title: str, stream: VideoStream, format: str) -> None:
    """TooLarge where a video stream states more than is decoded; nothing is decoded to find out.

    FFmpeg hides a size past `MAX_PIXELS`. Where the format always states one, none means that or damage.
    """
    refuse_picture(title, stream.width, stream.height)
    if not stream.width and format not in SIZED_LATE:
        raise _absurd(title, "pictures that are damaged or too large", f"{MAX_PIXELS // 1_000_000} megapixels")
    rate = float(stream.average_rate or 0)
    if rate > MAX_FPS and stream.frames != 1:
        raise _absurd(title, f"{rate:.0f} frames a second", f"{MAX_FPS}")


def refuse_picture(title: str, width: int, height: int) -> None:
    """TooLarge where a picture of `width` x `height` is more than is decoded."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _absurd(title, f"pictures of {width} x {height} pixels", f"{MAX_PIXELS // 1_000_000} megapixels")


def _absurd(title: str, what: str, limit: str) -> TooLarge:
    return TooLarge(f"{title} has {what}; the limit is {limit}.", "Convert it to an ordinary size first.")


# --- time ----------------------------------------------------------------------------------------------


def origin(container: InputContainer) -> Fraction:
    """The source's time 0 in the container's own seconds.

    It is where the first stream starts; up to a second of negative time is a codec's run-in, not content.
    """
    start = Fraction(container.start_time or 0, 1_000_000)
    return Fraction(0) if -1 < start < 0 else start


def stated_seconds(container: InputContainer, stream: Stream) -> Seconds | None:
    """How long `stream` says that it is, in seconds; None where it does not say or only guesses."""
    if container.format.name in GUESSED:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if tagged := _clock_text(stream.metadata.get("DURATION", "")):
        return tagged
    alone = len(container.streams) == 1
    return stated_duration(container) if alone else None


def stated_duration(container: InputContainer) -> Seconds | None:
    """How long the whole source says that it is, in seconds; None where it does not say."""
    return container.duration / 1e6 if container.duration and container.duration > 0 else None


def ends_early(container: InputContainer, stream: Stream, end: Seconds) -> bool:
    """Whether `stream`, decoded up to `end` seconds, is clearly shorter than it says that it is."""
    stated = stated_seconds(container, stream)
    return stated is not None and end < stated - max(1.0, 0.01 * stated)


def _clock_text(text: str) -> Seconds | None:
    """Seconds of "HH:MM:SS.fraction" as Matroska writes it; None for anything else."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


# --- reading -------------------------------------------------------------------------------------------


def read_packets(container: InputContainer, stream: S, log: DecodeLog) -> Iterator[Packet[S]]:
    """The packets of one stream in file order, and an empty one at the end that flushes the decoder.

    Reads that fail are counted in `log` and skipped; after `MAX_FAILURES` in a row the rest is given up.
    """
    prepare(container, stream)
    file = getattr(container.file, "file", None)
    last: Packet[S] | None = None
    for packet in _demux(container, stream, log):
        if packet.size:
            last = packet
        elif packet.pts is None and isinstance(file, ShortMp4):
            yield from file.packets(stream, last, log)
        yield packet


def _demux(container: InputContainer, stream: S, log: DecodeLog) -> Iterator[Packet[S]]:
    """What FFmpeg reads of one stream."""
    failures, cut = 0, False
    while failures < MAX_FAILURES:
        try:
            for packet in cast("Iterator[Packet[S]]", container.demux(stream)):
                failures = 0
                log.truncated |= cut and not packet.size  # the last packet before the end is the one that was cut
                cut = bool(packet.size and packet.is_corrupt)
                log.corrupt_packets += cut
                yield packet
            return
        except av.FFmpegError:
            failures += 1
            log.corrupt_packets += 1
    log.truncated = True


def decode_packets(packets: Iterable[Packet[S]], log: DecodeLog) -> Iterator[Any]:
    """The frames of the packets, in the order in which they are shown; what does not decode is counted and skipped."""
    for packet in packets:
        yield from _decoded(packet, log)


def _decoded(packet: Packet[Any], log: DecodeLog) -> list[Any]:
    try:
        return packet.decode()
    except av.FFmpegError:
        log.corrupt_packets += 1
        return []


def prepare(container: InputContainer, kept: Stream) -> None:
    """Read nothing but `kept`, and decode it on few threads, which costs the least memory, within the limits."""
    for stream in container.streams:
        if stream.index != kept.index:
            stream.discard = Discard.all
    kept.codec_context.thread_count = DECODER_THREADS
    kept.codec_context.options = {"max_pixels": str(MAX_PIXELS), "max_samples": str(MAX_SAMPLES)}
