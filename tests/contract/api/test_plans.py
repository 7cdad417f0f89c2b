"""POST /plan: what would fit, and every reason why something would not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from halfgig.errors import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.api.conftest import Site


def plan(site: Site, kind: str = "index", **told: Any) -> dict[str, Any]:
    answer = site.post("/plan", json={"kind": kind, **told})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("kind", ["transcript", "index", "reps"])
def test_it_fits_and_takes_its_time(open_site: Any, kind: str) -> None:
    with open_site(memory_limit_mb=512) as site:
        told = plan(site, kind, size=10_000_000, duration=600)
        assert (told["fits"], told["refused_by"], told["remedy"]) == (True, None, "")
        assert 100 * MIB < told["needs"] < told["limit"] < 512 * MIB
        assert 1 < told["seconds"] < 600
        assert plan(site, kind, duration=1200)["seconds"] > told["seconds"]
        assert plan(site, kind)["seconds"] is None


def test_memory_may_be_missing(open_site: Any) -> None:
    with open_site(memory_limit_mb=180) as site:
        told = plan(site)
        assert (told["fits"], told["refused_by"]) == (False, "memory")
        assert told["needs"] > told["limit"]
        assert told["remedy"]


def test_less_memory_takes_a_smaller_model(open_site: Any) -> None:
    with open_site(memory_limit_mb=320) as site:
        told = plan(site)
        assert told["fits"] is True
        assert "instead of" in told["reason"] or "tiny" in told["reason"]


def test_large_pictures_need_more(open_site: Any) -> None:
    with open_site(memory_limit_mb=512) as site:
        small, large = (plan(site, "reps", width=width, height=width)["needs"] for width in (320, 2160))
        assert large > small + 20 * MIB


def test_what_is_too_large_or_too_long_is_told_early(open_site: Any) -> None:
    with open_site(max_file_size_mb=5, max_video_duration_seconds=60) as site:
        told = plan(site, size=10 * 1024**3)
        assert (told["fits"], told["refused_by"], told["limit"]) == (False, "size", 5 * MIB)
        assert "10240 MB" in told["reason"]
        assert plan(site, duration=61)["refused_by"] == "duration"
        assert plan(site, size=4 * MIB, duration=59)["fits"] is True


def test_a_quota_and_a_full_disk_are_told_early(open_site: Any) -> None:
    with open_site(disk_quota_mb=1) as site:
        told = plan(site, size=2 * MIB)
        assert (told["fits"], told["refused_by"]) == (False, "disk")
        assert "DISK_QUOTA_MB" in told["remedy"]
        assert told["limit"] == MIB
        assert site.services.uploads.used == 0
        site.upload(bytes(1000))
        assert plan(site, size=2 * MIB)["limit"] == MIB - 1000
    with open_site() as site:
        told = plan(site, size=2**53)
        assert told["refused_by"] == "disk"
        assert 0 <= told["limit"] < told["needs"]


@pytest.mark.parametrize(
    "wish",
    [{}, {"kind": "magic"}, {"kind": "reps", "size": -1}, {"kind": "reps", "width": 0}, {"kind": "reps", "more": 1}],
)
def test_what_makes_no_sense_is_refused(site: Site, wish: dict[str, Any]) -> None:
    assert site.post("/plan", json=wish).status_code == 422


def test_nothing_heavy_is_loaded_for_it(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from halfgig.operations.outlook import Told, look_ahead
from halfgig.settings import Settings
for kind in ("index", "reps"):
    look_ahead(Told(kind, 60.0), Settings(data_dir=Path({str(tmp_path)!r})), 1 << 30)
print({{"numpy", "av", "tarfile", "ctranslate2"}} & set(sys.modules))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "set()"
