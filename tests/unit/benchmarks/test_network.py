from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.network import network

SAYS = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 60).sendall(b'here')"


def test_a_machine_reaches_us_from_its_own_address() -> None:
    with network(2) as net, socket.create_server((net.host, 0)) as listening:
        port = str(listening.getsockname()[1])
        told = subprocess.Popen(net.machines[1].enter([sys.executable, "-c", SAYS, net.host, port]))
        listening.settimeout(60)
        line, address = listening.accept()
        with line:
            assert line.recv(4) == b"here"
        assert told.wait(60) == 0
        assert address[0] == net.machines[1].host


def test_nothing_is_left_of_a_network() -> None:
    with network(1) as net:
        if not net.joined:
            pytest.skip("no network namespace can be made here")
        [inside] = [word for word in net.machines[0].before if word.startswith("--net=")]
        space = inside.removeprefix("--net=")
        assert Path(space).exists()
    assert not Path(space).exists()
