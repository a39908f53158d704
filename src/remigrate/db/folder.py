"""The folder of a backup: made under another name, and given its own when all is in it.

One that was killed half-way is never taken for a backup, and is removed by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate.errors import EnvironmentFailure
from remigrate.reset.durable import sync, sync_all
from remigrate.reset.lock import words

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = ".remigrate"
FOLDER = f"{HOME}/backups"
_PARTIAL = ".partial-"


class Making(NamedTuple):
    """One that is being made."""

    path: str
    """Absolute, under its temporary name."""
    made: str
    top: str

    def finish(self) -> str:
        """Give it its name, from the top; what is in it is on the disk by then."""
        sync_all(self.path)
        stamp = self.made.replace("-", "").replace(":", "")
        for number in itertools.count(1):
            name = f"{FOLDER}/{stamp}{f'-{number}' if number > 1 else ''}"
            try:
                os.rename(self.path, os.path.join(self.top, name))
                break
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # one of that second
                    raise
        sync(os.path.join(self.top, FOLDER))
        return name


@contextmanager
def made(top: str) -> Iterator[Making]:
    """A folder for a backup, removed unless it was finished."""
    try:
        home = _home(top)
        path = os.path.join(home, f"{_PARTIAL}{os.getpid()}-{os.urandom(4).hex()}")
        with _locked(home):
            _remove_killed(home)
            os.mkdir(path, 0o700)
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)  # gone with us, however we end
        try:
            yield Making(path, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), top)
        finally:
            os.close(lock)
            shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise EnvironmentFailure(
            f"the backup cannot be written: {words(error)}",
            f"Nothing of it was left. Make {FOLDER} a place with room that you may write to.",
        ) from error


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Nobody else tidies up meanwhile."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _home(top: str) -> str:
    home = os.path.join(top, HOME)
    for folder in (home, os.path.join(top, FOLDER)):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        if os.path.islink(folder) or not os.path.isdir(folder):
            raise NotADirectoryError(20, "it must be a folder, and no link", folder)
    with suppress(FileExistsError):
        put(home, ".gitignore", b"*\n")
    return folder


def _remove_killed(home: str) -> None:
    """What killed runs have left; whoever is still at work holds the lock."""
    for name in os.listdir(home):
        path = os.path.join(home, name)
        if not name.startswith(_PARTIAL) or os.path.islink(path):
            continue
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def put(folder: str, name: str, content: bytes) -> None:
    """Write a file of it."""
    with os.fdopen(new(folder, name), "wb") as file:
        file.write(content)


def new(folder: str, name: str) -> int:
    """The descriptor of a new file of it, for our eyes alone."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.open(os.path.join(folder, name), flags, 0o600)
