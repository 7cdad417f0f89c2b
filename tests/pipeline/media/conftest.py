"""Generated media (pips at every whole second, pictures that tell their number), and servers that behave as told."""

from __future__ import annotations

import heapq
import re
import socket
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import av
import numpy as np
import pytest
from benchmarks.serving import answering

from halfgig.media.audio import decode_audio
from halfgig.media.frames import decode_frames
from halfgig.media.source import open_source
from halfgig.records import SAMPLE_RATE, DecodeLog
from halfgig.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from halfgig.records import Frame, Samples

PIP = 0.1  # seconds that each pip lasts
TICK = Fraction(1, 90_000)


def pips(seconds: float, rate: int, *, pitch: float = 1000.0) -> Samples:
    """A tone of 0.1 s at every whole second, silence between, (n,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * time) * (time % 1 < PIP)).astype(np.float32)


def onsets(samples: Samples) -> list[float]:
    """Seconds at which sound begins after at least 0.3 s of silence."""
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    starts = loud[np.diff(loud, prepend=-SAMPLE_RATE) > 0.3 * SAMPLE_RATE]
    return [round(float(start) / SAMPLE_RATE, 3) for start in starts]


@dataclass
class Sound:
    """How a sound is written. `starts` maps the number of a packet to the time from which it and the rest count."""

    seconds: float = 3.0
    rate: int = 16_000
    layout: str = "mono"
    codec: str = "pcm_s16le"
    pitch: float = 1000.0
    starts: dict[int, float] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    default: bool | None = None


@dataclass
class Picture:
    """How a picture is written: `times` are seconds, one for each frame; the top left quarter is bright red."""

    size: tuple[int, int] = (64, 48)
    fps: int = 30
    seconds: float = 2.0
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    times: Sequence[float] | None = None
    rotation: int = 0
    aspect: Fraction | None = None
    options: dict[str, str] = field(default_factory=dict)
    default: bool | None = None


def drawing(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A red quarter at the top left; the rest is a grey that grows with `number`."""
    pixels = np.full((height, width, 3), 40 + (number * 3) % 200, np.uint8)
    pixels[: height // 2, : width // 2] = (250, 20, 20)
    return pixels


@pytest.fixture(scope="session")
def write_media() -> Callable[..., Path]:
    """Write a file with any number of sounds and pictures, and return its path."""

    def write(path: Path, *parts: Sound | Picture, **options: Any) -> Path:
        with av.open(str(path), "w", **options) as container:
            streams = [_add(container, part) for part in parts]
            packets = [_encode(stream, part) for stream, part in zip(streams, parts, strict=True)]
            for packet in heapq.merge(*packets, key=lambda one: float((one.dts or 0) * one.time_base)):
                container.mux(packet)
        return path

    return write


def _add(container: Any, part: Sound | Picture) -> Any:
    if isinstance(part, Sound):
        stream = container.add_stream(part.codec, rate=part.rate, layout=part.layout, options=dict(part.options))
        _mark(stream, part)
        return stream
    stream = container.add_stream(part.codec, rate=part.fps, options=dict(part.options))
    _mark(stream, part)
    stream.width, stream.height = part.size
    stream.pix_fmt = part.pix_fmt
    if part.times is not None:
        stream.codec_context.time_base = TICK
    if part.aspect is not None:
        stream.codec_context.sample_aspect_ratio = part.aspect
    if part.rotation:
        stream.set_display_rotation(part.rotation)
    return stream


def _mark(stream: Any, part: Sound | Picture) -> None:
    if part.default is not None:
        stream.disposition = av.stream.Disposition.default if part.default else 0


def _encode(stream: Any, part: Sound | Picture) -> list[Any]:
    if isinstance(part, Sound):
        return _encode_sound(stream, part)
    packets = []
    count = len(part.times) if part.times is not None else round(part.seconds * part.fps)
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(drawing(number, *part.size), format="rgb24")
        if part.times is not None:
            frame.pts, frame.time_base = round(part.times[number] / TICK), TICK
        packets += stream.encode(frame.reformat(format=part.pix_fmt))
    return [*packets, *stream.encode(None)]


def _encode_sound(stream: Any, part: Sound) -> list[Any]:
    samples = pips(part.seconds, part.rate, pitch=part.pitch)
    channels = av.AudioLayout(part.layout).nb_channels
    packets = []
    for start in range(0, len(samples), 960):
        run = np.repeat(samples[None, start : start + 960], channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(run), format="fltp", layout=part.layout)
        frame.sample_rate, frame.pts = part.rate, start
        packets += stream.encode(frame)
    packets += stream.encode(None)
    return _restart(packets, part.starts)


def _restart(packets: list[Any], starts: dict[int, float]) -> list[Any]:
    """Shift the timestamps of each packet and those after it so that it begins at the asked time."""
    shift = 0
    for number, packet in enumerate(packets):
        if number in starts:
            shift = round(starts[number] / packet.time_base) - packet.pts
        if shift:
            packet.pts, packet.dts = packet.pts + shift, packet.pts + shift
    return packets


def hear(path: Any, log: DecodeLog | None = None, **options: Any) -> Samples:
    """All of the sound as one array."""
    blocks = decode_audio(open_source(path, Settings()), log=log or DecodeLog(), **options)
    return np.concatenate([np.empty(0, np.float32), *blocks])


def see(path: Any, log: DecodeLog | None = None, *, rate: float | None = None, width: int | None = None) -> list[Frame]:
    """All of the frames."""
    source = open_source(path, Settings())
    return list(decode_frames(source, rate=rate, width=width, log=log or DecodeLog(), settings=Settings()))


@pytest.fixture(scope="session")
def studio(write_media: Callable[..., Path]) -> Studio:
    """Everything that the tests of this folder need to write, decode and judge media."""
    return Studio(write_media)


@dataclass(frozen=True)
class Studio:
    """The generators and their judges under one name, as test modules cannot import one another."""

    write: Callable[..., Path]
    sound: type[Sound] = Sound
    picture: type[Picture] = Picture
    pips: Callable[..., Samples] = staticmethod(pips)
    onsets: Callable[[Samples], list[float]] = staticmethod(onsets)
    hear: Callable[..., Samples] = staticmethod(hear)
    see: Callable[..., list[Frame]] = staticmethod(see)


# --- servers -------------------------------------------------------------------------------------------


@dataclass
class Web:
    """A running server: its address, and the paths and headers of what was asked."""

    address: str
    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0

    @property
    def ranges(self) -> list[str]:
        """The Range header of each request."""
        return [headers.get("Range", "") for _, headers in self.asked]


class Request(BaseHTTPRequestHandler):
    """One request as a test's function gets it."""

    protocol_version = "HTTP/1.1"
    answer: Callable[[Request], None]
    web: Web
    open: ClassVar[list[socket.socket]]

    def setup(self) -> None:
        super().setup()
        self.web.connections += 1
        type(self).open.append(self.connection)

    def do_GET(self) -> None:
        self.web.asked.append((self.path, dict(self.headers)))
        try:
            type(self).answer(self)
        except ConnectionError:
            self.close_connection = True

    do_CONNECT = do_GET  # noqa: N815

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; `_` in the names of headers stands for `-`."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def give(self, content: bytes, *, etag: str = '"1"', only: int | None = None, **headers: str) -> None:
        """The range of `content` that was asked for; with `only` the connection breaks after so many bytes."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self.send(200, content, ETag=etag, **headers)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        part = content[first : last + 1]
        told = {"Content_Range": f"bytes {first}-{last}/{len(content)}", "ETag": etag}
        if only is None or only >= len(part):
            self.send(206, part, **{**told, **headers})
            return
        self.send(206, part[:only], **{**told, "Content_Length": str(len(part)), **headers})
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Waits for its threads, and says nothing of clients that leave."""

    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def server_close(self) -> None:
        """End the connections that clients have left open as well."""
        for connection in self.RequestHandlerClass.open:  # type: ignore[attr-defined]
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


@contextmanager
def serving(answer: Callable[[Request], None], tls: Any = None) -> Iterator[Web]:
    """A server on 127.0.0.1 whose every answer is made by `answer`."""
    server = Server(("127.0.0.1", 0), Request)
    web = Web(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}", server.server_port)
    server.RequestHandlerClass = type("Told", (Request,), {"answer": staticmethod(answer), "web": web, "open": []})
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with answering(server):
        yield web


@pytest.fixture
def serve() -> Iterator[Callable[..., Web]]:
    """Start servers that end with the test: `serve(answer)`, where `answer` takes a request and sends."""
    with ExitStack() as stack:
        yield lambda answer, **options: stack.enter_context(serving(answer, **options))
