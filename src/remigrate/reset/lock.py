"""Where the resets of a work tree are prepared, and whose turn it is."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate import process
from remigrate.errors import RepositoryFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCK = "lock"
BEGINNING = "reset-"
"""How the names of journals begin."""
PATIENCE = 10.0
"""Seconds to wait for whoever finishes an interrupted reset."""
_NAMING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Variables that name a repository: here the folder alone says which one is meant."""


class Place(NamedTuple):
    """A work tree and where its journals are."""

    top: str
    """Absolute."""
    prefix: str
    """Folder in it that was named: empty, or ending in ``/``."""
    home: str


def words(error: OSError) -> str:
    """What the system said, and about which file."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def place(top: str, environ: Mapping[str, str]) -> Place:
    """The place of the work tree that the folder `top` is in; without git, `top` is all of it."""
    top = os.path.realpath(top)
    if not os.path.isdir(top):
        raise RepositoryFailure(f"{top} is not a folder")
    env = {n: v for n, v in process.git_environment(environ).items() if n not in _NAMING}
    ask = ["git", "-C", top, "rev-parse"]
    try:
        inside = process.run([*ask, "--git-path", "remigrate"], env)
        shown = process.run([*ask, "--show-prefix"], env)
    except FileNotFoundError:  # no git on this machine
        return Place(top, "", os.path.join(top, ".remigrate"))
    except process.TimedOut as error:
        raise RepositoryFailure(f"git did not answer in {top}") from error
    if inside.code or shown.code:
        return Place(top, "", os.path.join(top, ".remigrate"))
    prefix = os.fsdecode(shown.stdout).removesuffix("\n")
    home = os.path.join(top, os.fsdecode(inside.stdout).removesuffix("\n"))
    top = f"{top}/".removesuffix(prefix).rstrip("/") or "/"
    return Place(top, prefix, home if _fits(home, top) else os.path.join(top, ".remigrate"))


def _fits(home: str, top: str) -> bool:
    """Whether files can be made there, and moved into the tree without copying."""
    folder = os.path.dirname(home)
    return os.access(folder, os.W_OK) and os.stat(folder).st_dev == os.stat(top).st_dev


def has_remains(place: Place) -> bool:
    """Whether there is anything that a reset has left, or is at this moment."""
    return bool(names(place.home, (BEGINNING, LOCK)))


def names(home: str, beginnings: str | tuple[str, ...]) -> list[str]:
    """What is in the folder `home`, if there is one, that begins so."""
    try:
        found = os.listdir(home)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in found if name.startswith(beginnings))


@contextmanager
def locked(place: Place, patience: float) -> Iterator[int]:
    """Nobody else writes here meanwhile, nor afterwards while a child of ours holds the lock.

    Gives its descriptor. Raises `RepositoryFailure` after `patience` seconds of waiting.
    """
    deadline = time.monotonic() + patience
    while (lock := _try_lock(place.home)) is None:
        if time.monotonic() > deadline:
            raise RepositoryFailure(
                "another reset is being written in this work tree",
                "Wait until it has ended, then run this again.",
            )
        time.sleep(0.01)
    try:
        yield lock
    finally:
        unlock(place, lock)
        os.close(lock)


def _try_lock(home: str) -> int | None:
    path = os.path.join(home, LOCK)
    try:
        with suppress(FileExistsError):
            os.mkdir(home)
        if os.path.islink(home):
            raise OSError(0, "is a symbolic link", home)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except FileNotFoundError:  # whoever held it has just tidied up
        return None
    except OSError as error:
        raise RepositoryFailure(
            f"{words(error)}", f"A reset is prepared in {home}, which must be a folder of yours."
        ) from error
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    os.close(lock)
    return None


def unlock(place: Place, lock: int) -> None:
    """Remove the lock's file, if it is still this one, and its folder if nothing else is in it."""
    path = os.path.join(place.home, LOCK)
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            os.unlink(path)
            remove_if_empty(place.home)


def remove_if_empty(home: str) -> None:
    """Remove the folder that somebody has left who was killed before, or after, there was a lock
    in it."""
    with suppress(OSError):  # there is none, a journal is left, or another reset has begun
        os.rmdir(home)
