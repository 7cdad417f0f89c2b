"""Sources of a real server with real models: what is kept of a video, and what is changed in a transcript."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import av
import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.waiting import PATIENCE, until

from halfgig.demo.athlete import encode, render, steady
from halfgig.motion.overlay import LEFT_SIDE, RIGHT_SIDE
from halfgig.motion.plot import HEIGHT, REP, WIDTH
from halfgig.records import Passage, Segment
from halfgig.retrieval.index import EmbeddingModel
from halfgig.retrieval.sqlite import SqliteIndex
from halfgig.store.library import Library
from halfgig.store.sqlite import open_library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ID = "a" * 64
DRAWINGS = ("plot.png", "overlay.mp4", "landmarks.csv", "landmarks.parquet")
MINILM = EmbeddingModel("all-MiniLM-L6-v2", 384)


@pytest.fixture
def data(tmp_path: Path, model_store: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to(model_store)
    return folder


@contextmanager
def serving(data: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server on a free port, killed at the end of the block if it has not ended."""
    own = {"HALFGIG_DATA": str(data), "PORT": "0", "LOG_FORMAT": "json", "HALFGIG_OFFLINE": "1", "MODELS_PATH": ""}
    log = (data / "log").open("a")
    place = log.tell()
    process = subprocess.Popen(
        [sys.executable, "-m", "halfgig", "serve"], env={**os.environ, **own}, stderr=log, text=True
    )
    try:
        address = until(lambda: address_of(data / "log", place, process))
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            yield process, client
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        log.close()


def address_of(log: Path, place: int, process: subprocess.Popen[str]) -> str:
    assert process.poll() is None
    with log.open() as file:
        file.seek(place)
        rows = [json.loads(line) for line in file if line.endswith("\n")]
    return next((str(row["address"]) for row in rows if row["event"] == "listening"), "")


def ended(client: httpx.Client, address: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = client.get(address).json()
        return job if job["state"] in {"succeeded", "failed", "cancelled"} else None

    return until(look)


def by_meaning(client: httpx.Client, question: str) -> dict[str, Any] | None:
    """What is found, once the embedding model is ready and has room: until then the answer has a note."""
    found: dict[str, Any] = client.get("/search", params={"q": question}).json()
    return found if found["notes"] == [] else None


def add_talk(path: Path) -> None:
    """A talk of two passages, by vectors that mean nothing."""
    texts = ["The baker kneads the bread.", "Then the oven is lit."]
    with open_library(path) as connection:
        library, index = Library(connection), SqliteIndex(connection, MINILM)
        source = library.add_source(ID, "", "Talk", "tiny.en", duration=60.0)
        for _ in library.append_segments(
            source, [Segment(30.0 * n, 30.0 * n + 2, text) for n, text in enumerate(texts)]
        ):
            pass
        source = library.close_transcript(source, "en")
        vector = array("f", [1.0, *[0.0] * 383])
        rows = [(Passage(n, 30.0 * n, 30.0 * n + 2, text), vector) for n, text in enumerate(texts)]
        index.replace(ID, rows, lambda: library.finish(source))


def test_a_changed_segment_is_found_though_the_server_was_killed(data: Path) -> None:
    add_talk(data / "library.db")
    with serving(data) as (process, client):
        told = client.patch(
            f"/sources/{ID}/segments/1", json={"text": "Then the telescope is pointed at Saturn."}
        ).json()
        process.kill()
        process.wait(PATIENCE)
    with serving(data) as (_, client):
        job = ended(client, told["job"])
        assert (job["state"], job["result"]) == ("succeeded", {"source_id": ID, "passages": 2})
        found = until(lambda: by_meaning(client, "looking at the planets in the sky"))
        assert [hit["start"] for hit in found["hits"]][:1] == [30.0]
        words = client.get("/search", params={"q": "telescope", "mode": "keyword"}).json()["hits"]
        assert [hit["start"] for hit in words] == [30.0]
        assert client.get("/search", params={"q": "oven", "mode": "keyword"}).json()["hits"] == []


def test_what_is_kept_of_a_counted_video(data: Path, tmp_path: Path) -> None:
    video = tmp_path / "squats.mp4"
    encode(render(steady("squat", 2)), video, 25)
    with serving(data) as (_, client):
        fields = {"kind": "reps", "keep_source": "true", "options": '{"exercise": "squat", "tags": ["legs"]}'}
        with video.open("rb") as file:
            made = client.post("/jobs", data=fields, files={"file": ("squats.mp4", file)}).json()
        job = ended(client, made["links"]["self"])
        assert job["state"] == "succeeded", job
        (source,) = client.get("/sources?tag=legs").json()["sources"]
        assert (source["id"], source["reps"], source["title"]) == (job["source_id"], {"squat": 2}, "squats.mp4")
        assert client.get(source["links"]["reps"]).json() == client.get(made["links"]["result"]).json()
        assert client.get(source["media"]).content == video.read_bytes()
        assert_is_a_picture(client.get(source["thumbnail"]).content)
        assert_follows_the_person(client.get(source["poses"]).content, source["duration"])
        assert job["links"]["drawings"] == source["links"]["drawings"]
        drawn = {name: drawing(client, source["links"]["drawings"], name) for name in DRAWINGS}
        assert_is_plotted(drawn["plot.png"])
        assert_is_drawn_on(drawn["overlay.mp4"], source["duration"])
        rows = list(csv.DictReader(io.StringIO(drawn["landmarks.csv"].decode())))
        assert len(rows) == job["result"]["frames_analyzed"]
        assert_is_the_same_table(drawn["landmarks.parquet"], rows)
        assert client.delete(f"/sources/{source['id']}").status_code == 204
        left = [one for name in ("poses", "thumbnails", "drawings", "fetched") for one in (data / name).rglob("*")]
        assert left == []


def drawing(client: httpx.Client, place: str, name: str) -> bytes:
    """What a job of kind drawing makes: its result is the file, which is at its place, too."""
    job = client.post(f"{place}/{name}").json()
    assert ended(client, job["links"]["self"])["state"] == "succeeded"
    made = client.get(f"{place}/{name}")
    assert made.headers["content-disposition"] == f'attachment; filename="squats.{name}"'
    assert client.get(job["links"]["result"]).content == made.content
    return made.content


def assert_is_plotted(png: bytes) -> None:
    with Image.open(io.BytesIO(png)) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
        assert (picture.format, picture.size) == ("PNG", (WIDTH, HEIGHT))
    assert REP in colours


def assert_is_drawn_on(mp4: bytes, duration: float) -> None:
    """In the middle there is a skeleton in the colours of its two sides; the video is as long as it was."""
    with av.open(io.BytesIO(mp4), "r") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert abs(len(frames) / 25 - duration) < 0.5
    picture = frames[len(frames) // 2].astype(int)
    for colour in (LEFT_SIDE, RIGHT_SIDE):
        near = np.abs(picture - np.array(colour)).max(axis=2) < 60
        assert near.sum() > 50, colour


def assert_is_the_same_table(parquet: bytes, rows: list[dict[str, str]]) -> None:
    table = pq.read_table(io.BytesIO(parquet))
    assert table.num_rows == len(rows)
    for name in ("time", "score", "left_knee_x", "right_wrist_world_z"):
        shown = [float(row[name]) if row[name] else None for row in rows]
        assert table.column(name).to_pylist() == pytest.approx(shown, abs=0.06)


def assert_is_a_picture(jpeg: bytes) -> None:
    """An upright one: as high as a picture for 320 pixels may be."""
    with av.open(io.BytesIO(jpeg)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (300, 400)


def assert_follows_the_person(content: bytes, duration: float) -> None:
    """Squats: the hips go down by a fifth of the picture at least, twice."""
    assert content[:4] == b"HGP1"
    size, landmarks = np.frombuffer(content, "<u2", 2, 4)
    row = np.dtype(
        [("time", "<u4"), ("places", "<i2", (int(landmarks), 2)), ("seen", "u1", (int(landmarks),)), ("", "V3")]
    )
    assert row.itemsize == size
    rows = np.frombuffer(content, row, offset=16)
    assert len(rows) > 8 * duration
    assert abs(float(rows["time"][-1]) / 1000 - duration) < 0.5
    hips = rows["places"][:, 23, 1] / 8192
    assert 0 < hips.min() < hips.max() - 0.1 < 1
    assert np.median(rows["seen"][:, 23]) > 200
