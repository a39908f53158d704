"""Where this program keeps its own files, and what state it is in itself."""

from __future__ import annotations

import os
import sys

from remigrate import __version__

TYPE_CHECKING = False  # typing costs a quarter of a bare interpreter start
if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_folder(environ: Mapping[str, str]) -> str | None:
    """This program's folder for what it can do without; None when there is no home to put it in."""
    folder = environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(folder):
        home = environ.get("HOME") or environ.get("USERPROFILE") or ""
        if not os.path.isabs(home):
            return None
        folder = os.path.join(home, ".cache")
    return os.path.join(folder, "remigrate")


def edition() -> str:
    """Says which program, in which state and on which Python, wrote something down."""
    newest = count = 0
    folders = [os.path.dirname(__file__)]
    for folder in folders:
        with os.scandir(folder) as files:
            for file in files:
                if file.name.endswith(".py"):
                    count += 1
                    newest = max(newest, file.stat().st_mtime_ns)
                elif file.name != "__pycache__" and file.is_dir():
                    folders.append(file.path)
    return f"{__version__}/{sys.hexversion:x}/{count}/{newest}/"


def put(path: str, content: bytes) -> bool:
    """Write a file of ours whole or not at all. False when that is not possible."""
    folder = os.path.dirname(path)
    partial = os.path.join(folder, f".{os.urandom(8).hex()}.part")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(partial, "wb", opener=_private) as file:
            file.write(content)
        os.replace(partial, path)
    except OSError:
        discard(partial)
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def latest(folder: str) -> list[str]:
    """Paths of the files in a folder of ours, the latest first."""
    try:
        names = os.listdir(folder)
    except OSError:  # it is not there, or not ours to list
        return []
    paths = [os.path.join(folder, name) for name in names]
    return sorted(paths, key=_written, reverse=True)


def _written(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:  # another process removed it
        return 0


def prune(folder: str, most: int) -> None:
    """Keep the latest `most` files of a folder of ours."""
    for path in latest(folder)[most:]:
        discard(path)


def discard(path: str) -> None:
    """Remove a file of ours, if it is there and can be."""
    try:
        os.unlink(path)
    except OSError:  # it is not, or cannot be: nothing depends on it
        return
