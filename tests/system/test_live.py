"""Live counting over a real server: what is said, what is refused, who may come, and what is left."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
from benchmarks.line import Closed, Line, opened
from tests.system.site import PATIENCE, Site, running, until
from tests.unit.motion.conftest import true_pose

from halfgig.demo.athlete import bodies, steady
from halfgig.errors import MIB
from halfgig.memory.meter import peak_rss

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "hg_" + "k" * 40
NOBODY = {"landmarks": None}
POLICY, TOO_LARGE, LATER = 1008, 1009, 1013


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("live")
    with running(folder, folder / "models") as one:
        yield one


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder, folder / "models", API_KEYS=KEY, LIVE_IDLE_SECONDS="1") as one:
        yield one


def landmarks(exercise: str, reps: int) -> Iterator[dict[str, Any]]:
    for time, body in bodies(steady(exercise, reps, fps=10)):
        pose = true_pose(body)
        rows = np.concatenate([pose.landmarks, pose.visibility[:, None]], axis=1)
        yield {"time": time, "landmarks": rows.round(2).tolist()}


def coaches(site: Site) -> list[int]:
    return [worker["pid"] for worker in site.get("/operations")["workers"] if worker["kind"] == "live"]


def parting(line: Line) -> Closed:
    """How the server closes the line; what it says before is passed over."""
    try:
        while True:
            line.hear()
    except Closed as closed:
        return closed


def refusal(site: Site, **options: Any) -> tuple[dict[str, Any], Closed]:
    """The problem that is told on a line that is not wanted, and how it is closed."""
    with opened(site.address, "squat", **options) as line:
        told = line.hear()
        return told["problem"], parting(line)


def test_landmarks_are_counted_and_what_is_wrong_is_said(site: Site) -> None:
    with opened(site.address, "squats") as line:
        assert line.hear() == {"ready": {"exercise": "squat", "model": "full"}}
        for number, moment in enumerate(landmarks("squat", 2)):
            line.send(moment)
            told = line.hear()
            if number == 10:
                for wrong in ("{", '{"time": 99}', '{"time": 0, "landmarks": null}'):
                    line.send_text(wrong)
                    assert line.hear()["problem"]["remedy"]
                line.send_picture(99, b"no picture")
                assert "JPEG" in line.hear()["problem"]["detail"]
        assert (told["count"], told["sides"], told["phase"], told["dropped"]) == (2, {"both": 2}, "rest", 0)
        assert len(coaches(site)) == 1
    until(lambda: coaches(site) == [])


def test_an_exercise_that_there_is_not_closes_the_line(site: Site) -> None:
    with opened(site.address, "sqat") as line:
        problem = line.hear()["problem"]
        assert (problem["status"], problem["type"]) == (400, "/problems#bad-request")
        assert "Did you mean squat?" in problem["remedy"]
        assert parting(line).code == POLICY
    until(lambda: coaches(site) == [])
    assert refusal(site, path=f"/reps/live?exercise={'x' * 200}&also")[1].code == POLICY


def test_the_second_at_a_time_is_asked_to_wait(site: Site) -> None:
    with opened(site.address) as first:
        first.hear()
        problem, closed = refusal(site)
        assert (problem["status"], closed.code) == (429, LATER)
        assert problem["remedy"]
        assert closed.reason == problem["detail"]
    until(lambda: coaches(site) == [])


def test_a_crowd_is_sent_away_before_it_is_heard(site: Site) -> None:
    """What sixty lines would hold unread is 60 MiB and more; one of them may wait."""
    assert site.process is not None
    with opened(site.address) as first, ExitStack() as crowd:
        first.hear()
        before = peak_rss(site.process.pid)
        for _ in range(60):
            line = crowd.enter_context(opened(site.address))
            with suppress(Closed):  # as it ought to be
                line.send_bytes(bytes(1024 * 1024))
        assert peak_rss(site.process.pid) - before < 20 * MIB
        first.send({"time": 1, **NOBODY})
        assert first.hear()["time"] == 1
    until(lambda: coaches(site) == [])


def test_what_comes_too_fast_is_dropped_but_for_the_newest(site: Site) -> None:
    with opened(site.address, "squat") as line:
        line.hear()
        line.send({"time": 1, **NOBODY})
        line.hear()
        [child] = coaches(site)
        os.kill(child, signal.SIGSTOP)
        for number in range(2, 102):
            line.send({"time": number, **NOBODY})
        for _ in range(10):
            httpx.get(f"{site.address}/healthz", timeout=PATIENCE)  # the server goes on, and reads the line
        os.kill(child, signal.SIGCONT)
        told, heard = {"time": 0}, 0
        while told["time"] < 101:
            told, heard = line.hear(), heard + 1
        assert told["dropped"] + heard == 100
        assert told["dropped"] > 0
    until(lambda: coaches(site) == [])


def test_a_message_that_is_too_large_closes_the_line(site: Site) -> None:
    with opened(site.address) as line:
        line.hear()
        line.send_bytes(bytes(1024 * 1024 + 1))
        assert parting(line).code == TOO_LARGE
    until(lambda: coaches(site) == [])


def test_a_child_that_dies_is_told_and_another_session_may_begin(site: Site) -> None:
    with opened(site.address) as line:
        line.hear()
        os.kill(coaches(site)[0], signal.SIGKILL)
        line.send({"time": 1, **NOBODY})
        assert "Begin again" in line.hear()["problem"]["remedy"]
        assert parting(line).code == LATER
    with opened(site.address) as line:
        assert "ready" in line.hear()
    until(lambda: coaches(site) == [])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_may_not(site: Site, origin: str) -> None:
    problem, closed = refusal(site, headers={"Origin": origin})
    assert (problem["status"], closed.code) == (403, POLICY)
    assert coaches(site) == []


def test_the_page_itself_may(site: Site) -> None:
    with opened(site.address, headers={"Origin": site.address}) as line:
        assert "ready" in line.hear()
    until(lambda: coaches(site) == [])


def test_another_name_of_the_server_is_refused(site: Site) -> None:
    with opened(site.address, host="evil.example") as line:
        assert line.hear()["problem"]["status"] == 421
        assert parting(line).code == POLICY


def test_it_is_spoken_at_one_address_only(site: Site) -> None:
    with pytest.raises(Closed) as refused, opened(site.address, path="/jobs"):
        pass
    assert refused.value.code == 200  # a plain answer
    told = httpx.get(f"{site.address}/reps/live", timeout=PATIENCE)
    assert (told.status_code, told.headers["upgrade"]) == (426, "websocket")


def test_a_key_or_a_session_is_wanted(guarded: Site) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong wrong"}):
        problem, closed = refusal(guarded, headers=headers)
        assert (problem["status"], closed.code) == (401, POLICY)
    with opened(guarded.address, headers={"Authorization": f"Bearer {KEY}"}) as line:
        assert "ready" in line.hear()
    answer = httpx.post(f"{guarded.address}/session", json={"key": KEY}, timeout=PATIENCE)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    for origin in ({}, {"Origin": "https://evil.example"}):
        problem, closed = refusal(guarded, headers={"Cookie": cookie, **origin})
        assert (problem["status"], closed.code) == (403, POLICY)
    key = {"Authorization": f"Bearer {KEY}"}

    def at_rest() -> bool:
        workers = httpx.get(f"{guarded.address}/operations", headers=key, timeout=PATIENCE).json()["workers"]
        return all(worker["kind"] != "live" for worker in workers)

    until(at_rest)
    with opened(guarded.address, headers={"Cookie": cookie, "Origin": guarded.address}) as line:
        assert "ready" in line.hear()
        problem = line.hear()["problem"]  # nothing was sent for a second
        assert (problem["status"], parting(line).code) == (408, POLICY)
    until(at_rest)


def test_a_server_that_stops_closes_the_line(guarded: Site) -> None:
    """It ends the server of the tests before."""
    with opened(guarded.address, headers={"Authorization": f"Bearer {KEY}"}) as line:
        line.hear()
        assert guarded.process is not None
        guarded.process.send_signal(signal.SIGTERM)
        assert parting(line).code in (1012, 1006)
        assert guarded.process.wait(PATIENCE) == 0
