from __future__ import annotations

from typing import TYPE_CHECKING, Any

from halfgig.api.upkeep import see_to_end

if TYPE_CHECKING:
    from collections.abc import Callable


def test_what_was_fetched_for_a_job_goes_when_it_ends(site: Any, ended_job: Callable[..., Any]) -> None:
    job = ended_job()
    folder = site.services.settings.fetched_dir / job.id
    other = folder.with_name("other")
    for one in (folder, other):
        one.mkdir(parents=True)
        (one / "source.mp4.part").write_bytes(b"half")
    site.run(see_to_end(site.services, job))
    assert not folder.exists()
    assert other.exists()
    site.run(see_to_end(site.services, job))
