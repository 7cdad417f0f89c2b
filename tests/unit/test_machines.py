"""What hosts are told about several machines: parsed and compared with the settings, the limits and the commands."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from halfgig.api.auth import OPEN
from halfgig.api.server import GRACE
from halfgig.cli import main
from halfgig.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
RENDER = yaml.safe_load((PROJECT / "deploy" / "render-machines.yaml").read_text())
FLY = tomllib.loads((PROJECT / "deploy" / "fly-machines.toml").read_text())
SECRETS = (PROJECT / "deploy" / "compose.env").read_text()
OURS = ("server", "worker")
SETTINGS = {row.metadata["env"] for row in dataclasses.fields(Settings)}
SECRET = {row.metadata["env"] for row in dataclasses.fields(Settings) if row.metadata["secret"]}
AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"}
POSTGRES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"}
MINIO = {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}


def rows(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in service["envVars"]}


def commands() -> set[str]:
    """The command lines of every machine, as words after `halfgig`."""
    compose = [" ".join(COMPOSE["services"][name]["command"]) for name in OURS]
    render = [service["dockerCommand"].removeprefix("/usr/local/bin/start ") for service in RENDER["services"]]
    return {*compose, *render, *FLY["processes"].values()}


@pytest.mark.parametrize(
    ("told", "known"),
    [
        *(({*COMPOSE["services"][name]["environment"]}, SETTINGS | AWS) for name in OURS),
        *(({*rows(service)}, SETTINGS | AWS) for service in RENDER["services"]),
        ({*FLY["env"]}, SETTINGS),
        ({*COMPOSE["services"]["database"]["environment"]}, POSTGRES),
        *(({*COMPOSE["services"][name]["environment"]}, MINIO) for name in ("storage", "bucket")),
    ],
)
def test_every_variable_is_known(told: set[str], known: set[str]) -> None:
    assert told
    assert told - known == set()


def test_the_values_of_settings_can_be_read() -> None:
    for variables in (*(COMPOSE["services"][name]["environment"] for name in OURS), FLY["env"]):
        assert Settings.from_environment({name: value for name, value in variables.items() if name in SETTINGS})


def test_workers_and_servers_share_database_and_storage() -> None:
    server, worker = (COMPOSE["services"][name]["environment"] for name in OURS)
    assert {*server} - {*worker} == {"API_KEYS", "WEBHOOK_SECRET"}
    assert {name: server[name] for name in worker} == worker
    on_render = [{*rows(service)} & ({"DATABASE_URL", "BLOB_URL"} | AWS) for service in RENDER["services"]]
    assert on_render[0] == on_render[1] == {"DATABASE_URL", "BLOB_URL"} | AWS - {"AWS_ALLOW_HTTP"}


def test_what_render_gives_on_is_asked_for() -> None:
    server, worker = map(rows, RENDER["services"])
    given = [row["fromService"] for row in worker.values() if "fromService" in row]
    assert {source["name"] for source in given} == {RENDER["services"][0]["name"]}
    assert {source["envVarKey"] for source in given} == AWS - {"AWS_ALLOW_HTTP"} | {"BLOB_URL"}
    assert all(server[source["envVarKey"]].get("sync") is False for source in given)
    (database,) = RENDER["databases"]
    assert server["DATABASE_URL"]["fromDatabase"] == {"name": database["name"], "property": "connectionString"}
    assert worker["DATABASE_URL"] == server["DATABASE_URL"]


def test_every_machine_has_half_a_gigabyte_and_no_swap() -> None:
    for name in OURS:
        assert COMPOSE["services"][name]["mem_limit"] == COMPOSE["services"][name]["memswap_limit"] == "512m"
    assert {service["plan"] for service in RENDER["services"]} == {"starter"}
    assert FLY["vm"] == [{"processes": [*OURS], "size": "shared-cpu-1x", "memory": "512mb"}]
    assert "MEMORY_LIMIT_MB" not in "".join(map(str, (COMPOSE, RENDER, FLY)))


def test_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands() == {"halfgig serve", "halfgig worker"}
    for command in commands():
        with pytest.raises(SystemExit) as ended:
            main([*command.split()[1:], "--help"])
        assert ended.value.code == 0
        assert command in capsys.readouterr().out


def test_secrets_come_from_a_file_that_holds_none() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    assert dict(re.findall(r"^(\w+)=(.*)$", SECRETS, re.MULTILINE)) == dict.fromkeys(wanted, "")
    assert "/.env" in (PROJECT / ".gitignore").read_text().splitlines()
    assert {*FLY["env"]} & (SECRET | AWS) == set()
    for service in RENDER["services"]:
        assert {name for name, row in rows(service).items() if "value" in row} & (SECRET | AWS) == set()


def test_what_is_waited_for_tells_of_its_health() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            own = "healthcheck" in services[other] or (other == "server" and "HEALTHCHECK" in DOCKERFILE)
            assert wait["condition"] == "service_completed_successfully" or own, (name, other)
    paths = {
        RENDER["services"][0]["healthCheckPath"],
        FLY["checks"]["worker"]["path"],
        *(check["path"] for check in FLY["http_service"]["checks"]),
    }
    assert paths == {"/healthz"}
    assert paths <= OPEN


def test_ports_agree() -> None:
    ports = {FLY["http_service"]["internal_port"], FLY["checks"]["worker"]["port"], int(FLY["env"]["PORT"])}
    ports |= {
        int(rows(RENDER["services"][0])["PORT"]["value"]),
        *map(int, re.findall(r"^EXPOSE (\d+)", DOCKERFILE, re.M)),
    }
    assert ports == {8000}
    assert COMPOSE["services"]["server"]["ports"] == ["127.0.0.1:8000:8000"]


def test_volumes_are_declared_and_what_must_last_has_one() -> None:
    used = [mount.split(":")[0] for service in COMPOSE["services"].values() for mount in service.get("volumes", [])]
    assert sorted(used) == sorted(COMPOSE["volumes"])


def test_hosts_wait_until_a_machine_has_ended() -> None:
    waits = [int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) for name in OURS]
    waits += [service["maxShutdownDelaySeconds"] for service in RENDER["services"]]
    assert min(*waits, FLY["kill_timeout"]) >= GRACE + 10


def test_the_image_has_what_several_machines_need() -> None:
    pins = (PROJECT / "requirements-image.txt").read_text()
    assert re.findall(r"^(psycopg|psycopg-binary|obstore)==", pins, re.MULTILINE) == [
        "obstore",
        "psycopg",
        "psycopg-binary",
    ]
    assert "-r requirements-image.txt" in DOCKERFILE
