"""What hosts are told: every variable is a setting, and ports, paths and times agree with the server's."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from halfgig.api.auth import OPEN
from halfgig.api.server import GRACE
from halfgig.models.manifest import DEFAULT_MODELS, MODELS
from halfgig.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = re.sub(r"\\\n\s*", " ", (PROJECT / "Dockerfile").read_text())
FLY = tomllib.loads((PROJECT / "fly.toml").read_text())
(RENDER,) = yaml.safe_load((PROJECT / "render.yaml").read_text())["services"]
UNIT = (PROJECT / "deploy" / "halfgig.service").read_text()
START = PROJECT / "deploy" / "start.sh"
SETTINGS = {row.metadata["env"] for row in dataclasses.fields(Settings)}
OTHERS = {"PATH", "HOME"}  # not ours, and set in the image


def instructions(name: str) -> list[str]:
    """What follows each instruction of this name in the Dockerfile."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def image() -> dict[str, str]:
    """The variables of the last stage."""
    return dict(re.findall(r"(\w+)=(\S+)", instructions("ENV")[-1]))


def render() -> dict[str, str]:
    return {row["key"]: str(row.get("value", "a-key-that-is-long")) for row in RENDER["envVars"]}


def unit() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)[0]))


ALL = [image(), render(), FLY["env"], unit()]


@pytest.mark.parametrize("variables", ALL, ids=["image", "render", "fly", "systemd"])
def test_every_variable_is_a_setting_and_can_be_read(variables: dict[str, str]) -> None:
    assert variables
    assert set(variables) - OTHERS <= SETTINGS
    assert Settings.from_environment(variables)


@pytest.mark.parametrize("variables", ALL)
def test_no_secret_is_written_down(variables: dict[str, str]) -> None:
    secrets = {row.metadata["env"] for row in dataclasses.fields(Settings) if row.metadata["secret"]}
    told = {row["key"] for row in RENDER["envVars"] if "value" in row} if variables == render() else set(variables)
    assert told & secrets == set()


def test_the_host_that_the_image_serves_wants_a_key() -> None:
    assert image()["HOST"] == "0.0.0.0"
    assert {"key": "API_KEYS", "sync": False} in RENDER["envVars"]
    assert "fly secrets set API_KEYS" in (PROJECT / "fly.toml").read_text()


def test_ports_agree() -> None:
    ports = {image()["PORT"], *instructions("EXPOSE"), render()["PORT"], FLY["env"]["PORT"]}
    assert ports == {str(FLY["http_service"]["internal_port"])}


def test_disks_are_mounted_where_the_data_is() -> None:
    data = image()["HALFGIG_DATA"]
    assert instructions("VOLUME") == [data]
    assert RENDER["disk"]["mountPath"] == data
    assert [mount["destination"] for mount in FLY["mounts"]] == [data]
    for quota, size in ((render()["DISK_QUOTA_MB"], RENDER["disk"]["sizeGB"]), (FLY["env"]["DISK_QUOTA_MB"], 10)):
        assert int(quota) < 1000 * size


def test_health_is_asked_where_it_is_told_without_a_key() -> None:
    paths = {RENDER["healthCheckPath"], *(check["path"] for check in FLY["http_service"]["checks"])}
    assert paths == {"/healthz"}
    assert paths <= OPEN
    assert "/healthz" in instructions("HEALTHCHECK")[0]


def test_hosts_wait_until_the_server_has_ended() -> None:
    waits = {RENDER["maxShutdownDelaySeconds"], FLY["kill_timeout"], *map(int, re.findall(r"StopSec=(\d+)", UNIT))}
    assert min(waits) >= GRACE + 10
    assert FLY["kill_signal"] == instructions("STOPSIGNAL")[0] == "SIGTERM"


def test_memory_is_what_the_project_promises_and_read_from_the_machine() -> None:
    assert FLY["vm"] == [{"size": "shared-cpu-1x", "memory": "512mb"}]
    assert RENDER["plan"] == "starter"
    assert "MemoryMax=512M" in UNIT
    for variables in ALL:
        assert "MEMORY_LIMIT_MB" not in variables


# --- the image


def test_the_commands_of_the_image_are_lists() -> None:
    commands = [*instructions("ENTRYPOINT"), *instructions("CMD"), instructions("HEALTHCHECK")[0].partition("CMD ")[2]]
    assert [json.loads(command) for command in commands][:2] == [["/usr/local/bin/start"], ["halfgig", "serve"]]


def test_nothing_is_copied_that_the_build_does_not_see() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    seen = {line[1:] for line in ignored if line.startswith("!")}
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    for name in (word for word in copied if not word.startswith("--")):
        assert (PROJECT / name).exists()
        assert any(fnmatch(name, entry) or name.startswith(f"{entry}/") for entry in seen), name


def test_the_image_has_the_models_that_are_wanted_by_default() -> None:
    models = set(re.findall(r'^ARG MODELS="(.*)"$', DOCKERFILE, re.MULTILINE)[0].split())
    assert {*DEFAULT_MODELS, "base"} <= models  # base tells languages apart
    assert models <= set(MODELS)


def test_the_image_is_of_a_python_that_the_project_knows() -> None:
    (python,) = {line.partition("=")[2] for line in instructions("ARG") if line.startswith("PYTHON=")}
    assert tuple(map(int, python.split("."))) >= (3, 11)
    assert all("slim" in stage for stage in instructions("FROM") if stage.startswith("python"))


def health(port: int) -> int:
    """The exit code of the image's health check."""
    command: list[str] = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    env = {**os.environ, "PORT": str(port)}
    return subprocess.run([sys.executable, *command[1:]], env=env, capture_output=True, check=False).returncode


def test_a_server_that_does_not_answer_is_not_healthy() -> None:
    assert health(9) != 0


def started(data: Path, *before: str) -> str:
    """The user as whom the start script runs its command, when it is run after `before`."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can hand a folder over and become somebody else, by setpriv")
    env = {"PATH": os.environ["PATH"], "HALFGIG_DATA": str(data)}
    command = [*before, "sh", str(START), "id", "-u"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd="/").stdout.strip()


def test_roots_disk_is_handed_over_and_root_given_up(tmp_path: Path) -> None:
    user = re.findall(r"useradd --uid (\d+)", DOCKERFILE)[0]
    assert started(tmp_path) == user
    assert tmp_path.stat().st_uid == int(user)


def test_whoever_is_not_root_just_runs() -> None:
    command = ("setpriv", "--reuid=12345", "--clear-groups")
    assert started(Path("/nowhere"), *command) == "12345"


# --- who is behind the proxies


@pytest.mark.parametrize(
    ("variables", "hop", "forwarded", "client"),
    [
        (render(), "10.19.6.53", "6.6.6.6, 8.8.4.4, 172.70.247.28, 10.19.6.54", "172.70.247.28"),
        (FLY["env"], "172.16.3.2", "6.6.6.6, 8.8.4.4", "8.8.4.4"),
        (FLY["env"], "fdaa:0:1::3", "6.6.6.6, 2a02::1", "2a02::1"),
        (FLY["env"], "8.8.8.8", "6.6.6.6", "8.8.8.8"),
    ],
)
def test_an_address_that_the_client_made_up_is_not_believed(
    variables: dict[str, str], hop: str, forwarded: str, client: str
) -> None:
    """The rightmost hop counts that is no proxy of the host, whatever stands to the left of it."""
    seen: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["client"][0])

    trusted = Settings.from_environment(variables).trusted_proxies
    scope: Any = {"type": "http", "client": (hop, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [client]
