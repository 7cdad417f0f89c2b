"""Naming what is sent: the header that tells a browser under which name to keep it."""

from __future__ import annotations

import re
from urllib.parse import quote


def attachment(title: str, name_else: str, ending: str) -> dict[str, str]:
    """The header that names the file under which a browser keeps what is sent: the source's title, made safe."""
    title = re.sub(r"\.\w{1,5}$", "", title)
    name = re.sub(r"[^\w.-]+", "_", title).strip("._")[:80] or name_else
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or name_else
    told = f'attachment; filename="{plain}.{ending}"'
    if plain != name:
        told += f"; filename*=UTF-8''{quote(name)}.{ending}"
    return {"Content-Disposition": told}
