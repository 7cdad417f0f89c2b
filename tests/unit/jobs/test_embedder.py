from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from array import array

from halfgig.errors import ModelError
from halfgig.jobs.child import Wire, line_of
from halfgig.jobs.embedder import answer, embedder_command, serve

PATIENCE = 120.0  # seconds that anything may take on a busy machine


def embed(model: str, text: str) -> array[float]:
    if model == "absent":
        raise ModelError("It is not here.", "Pull it.")
    return array("f", [len(text), 0.5])


def test_every_question_is_answered_by_its_number() -> None:
    asked = [{"id": n, "model": "toy", "text": "x" * n} for n in range(3)]
    wire = Wire(io.BytesIO(b"".join(map(line_of, asked))), io.BytesIO())
    serve(wire, embed, idle=60)
    assert isinstance(wire.outbox, io.BytesIO)
    answers = list(map(json.loads, wire.outbox.getvalue().splitlines()))
    vectors = [memoryview(base64.b64decode(one["vector"])).cast("f").tolist() for one in answers]
    assert [one["id"] for one in answers] == [0, 1, 2]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)  # nothing is left that would end this process
    assert vectors == [[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]


def test_a_model_that_cannot_be_had_is_an_answer_too() -> None:
    assert answer("absent", "x", embed) == {"detail": "It is not here.", "remedy": "Pull it."}


NOWHERE = {**os.environ, "MODELS_PATH": "/nowhere"}


def test_the_child_says_which_model_it_lacks_and_ends_with_its_wire() -> None:
    asked = line_of({"id": 1, "model": "all-MiniLM-L6-v2", "text": "why"})
    done = subprocess.run(
        embedder_command(60), env=NOWHERE, input=asked, capture_output=True, timeout=PATIENCE, check=True
    )
    assert "all-MiniLM-L6-v2" in json.loads(done.stdout)["detail"]
    assert done.stderr == b""


def test_the_child_ends_well_when_nobody_asks() -> None:
    with subprocess.Popen(embedder_command(0.1), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(timeout=PATIENCE) == 0


def test_the_command_names_this_process_as_the_parent() -> None:
    assert embedder_command(2) == [sys.executable, "-m", "halfgig.jobs.embedder", str(os.getpid()), "2"]
