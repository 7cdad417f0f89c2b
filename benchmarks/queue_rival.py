"""procrastinate as its documentation has it, in an environment of its own: `PYTHON queue_rival.py WHAT URL COUNT`.

WHAT is `make` (jobs, one by one), or `claim` (told to begin by a line of input); it prints JSON. Nothing of halfgig is
imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from procrastinate import App, PsycopgConnector


def resident() -> int:
    """Bytes of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def make(app: App, count: int) -> dict[str, Any]:
    await app.schema_manager.apply_schema_async()
    begun = time.monotonic()
    for number in range(count):
        await app.configure_task("nothing").defer_async(number=number)
    return {"seconds": time.monotonic() - begun}


async def claim(app: App, count: int) -> dict[str, Any]:
    worker = await app.job_manager.register_worker()
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    claimed = 0
    while claimed < count and await app.job_manager.fetch_job(None, worker) is not None:
        claimed += 1
    return {"claimed": claimed, "seconds": time.monotonic() - begun}


async def main(what: str, url: str, count: int) -> None:
    app = App(connector=PsycopgConnector(conninfo=url))
    async with app.open_async():
        told = await {"make": make, "claim": claim}[what](app, count)
    print(json.dumps({**told, "resident": resident()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
