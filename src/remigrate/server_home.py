"""A folder of ours alone, as a scratch server has: closed to others, held while we live, then gone.

And how a program is started there: by root as somebody else, and never for longer than ourselves.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import resource
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate import bounded

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Mapping, Sequence

PATIENCE = 60.0
"""Seconds for a data directory to be made, and for a server to be ready."""
FAREWELL = 10.0
"""Seconds for a server to end, and for what it left to be removed."""

_ACCOUNTS = ("remigrate-server", "nobody", "postgres", "mysql")
"""Who runs a server that root starts: our image's own user, or the one whom no other server of the
machine trusts."""
_FOLDER = "remigrate-server-"
_LINES = 8
"""Lines of a server's log that tell why it did not start."""
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38


class NoServer(Exception):
    """This machine has no such server, or it does not start: what needed it was not checked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Account(NamedTuple):
    uid: int
    gid: int


class Home(NamedTuple):
    """A server's own folder, and all that is needed to start its programs there."""

    folder: str
    account: Account | None
    """Whom root's child becomes; None when we are an ordinary user."""
    environ: Mapping[str, str]
    password: str

    @property
    def data(self) -> str:
        return os.path.join(self.folder, "data")

    @property
    def log(self) -> str:
        return os.path.join(self.folder, "log")

    @property
    def temporary(self) -> str:
        return os.path.join(self.folder, "tmp")

    @property
    def secret(self) -> str:
        """Where the password is while the server is being made and started."""
        return os.path.join(self.folder, "secret", "password")


def account() -> Account | None:
    """Who runs the servers that this process starts; None for its own user."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_uid, found.pw_gid)
    raise NoServer(f"no server runs as root, and this machine has no user {_ACCOUNTS[1]}")


@contextmanager
def opened(folder: str, environ: Mapping[str, str]) -> Iterator[Home]:
    """A new folder for one server, below `folder` or that for temporary files; then it is gone."""
    user = account()
    base = _base(os.path.abspath(folder), environ, user)
    with held(base, _FOLDER) as made:
        with _unless_impossible(made):
            _furnish(made, user)
        yield Home(made, user, _environment(made), secrets.token_hex(16))


@contextmanager
def held(base: str, beginning: str) -> Iterator[str]:
    """A new folder below `base`, ours alone, whose name begins so; then it is gone.

    What killed runs left there under such names is removed first. Raises `NoServer`.
    """
    _remove_stale(base, beginning)
    made = os.path.join(base, f"{beginning}{os.getpid()}-{secrets.token_hex(4)}")
    with _unless_impossible(made):
        os.mkdir(made, 0o700)
    lock = None
    try:
        with _unless_impossible(made):
            lock = _locked(made)
        yield made
    finally:
        _remove(made)
        if lock is not None:
            os.close(lock)  # until here nobody takes the folder for one that was left behind


def _furnish(folder: str, account: Account | None) -> None:
    """What the server may enter and write to; nobody else may."""
    for name in ("data", "secret", "tmp"):
        os.mkdir(os.path.join(folder, name), 0o700)
        if account:
            os.chown(os.path.join(folder, name), *account)
    if account:
        os.chown(folder, 0, account.gid)
        os.chmod(folder, 0o710)  # noqa: S103 # to pass through


def _base(folder: str, environ: Mapping[str, str], account: Account | None) -> str:
    temporary = environ.get("TMPDIR") or tempfile.gettempdir()
    with _unless_impossible(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    if account is None:
        return folder
    for base in (folder, temporary):
        if _open_to(account, base):
            return base
    raise NoServer(f"the user that runs the server can enter neither {folder} nor {temporary}")


def _open_to(account: Account, folder: str) -> bool:
    """Whether `account` can go there."""
    place = os.path.realpath(folder)
    while True:
        found = os.stat(place)
        bit = stat.S_IXOTH
        if found.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif found.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not found.st_mode & bit:
            return False
        if place == os.path.dirname(place):
            return True
        place = os.path.dirname(place)


def _environment(folder: str) -> dict[str, str]:
    """Made from nothing; in English, so that the log can be understood."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "TMPDIR": os.path.join(folder, "tmp")}


@contextmanager
def _unless_impossible(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoServer(f"{place} cannot be used: {error.strerror}") from error


def _locked(folder: str) -> int | None:
    """Hold the folder, for as long as this process lives at most; None when somebody else does."""
    descriptor = os.open(
        os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_stale(base: str, beginning: str) -> None:
    """Remove the folders of runs that were killed: those of ours that nobody holds any more."""
    for name in os.listdir(base):
        place = os.path.join(base, name)
        pid = name.removeprefix(beginning).partition("-")[0]
        if not name.startswith(beginning) or not pid.isdigit():
            continue
        with suppress(FileNotFoundError):  # another run removes it at this moment
            found = os.lstat(place)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            # A folder that is just being made is not held yet.
            if _runs(int(pid)) and time.time() - found.st_mtime < PATIENCE:
                continue
            lock = _locked(place)
            if lock is not None:
                _remove(place)
                os.close(lock)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(folder: str) -> None:
    """A server's last processes may still be writing for a moment."""
    deadline = time.monotonic() + FAREWELL
    while True:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not os.path.lexists(folder):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(0.02)


def run(argv: Sequence[str], home: Home) -> str:
    """What a short program prints. Raises `NoServer` when it fails."""
    limits = bounded.Limits(seconds=PATIENCE)
    try:
        output = bounded.run(
            argv, cwd="/", env=home.environ, limits=limits, prepare=becoming(home.account, None)
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoServer(f"{argv[0]} cannot be started: {error}") from error
    if output.code or output.stopped:
        how = f"took more than {PATIENCE:g} seconds" if output.stopped else "failed"
        raise NoServer(told(f"{argv[0]} {how}", output.stdout + output.stderr))
    return output.stdout.decode("utf-8", "replace")


def told(what: str, log: bytes) -> str:
    lines = log.decode("utf-8", "replace").strip().splitlines()[-_LINES:]
    return "\n".join([what, *(f"  | {line[:300]}" for line in lines)])


def becoming(account: Account | None, end: signal.Signals | None) -> Callable[[], None]:
    """What the child does before the program: be nobody else, and end with us by the signal `end`.

    Who is superuser of a server starts programs as its user: what root starts has limits for that.
    In this order: who becomes another user forgets about its parent's death.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform.startswith("linux")
    parent = os.getpid()

    def prctl(option: int, value: int) -> None:
        if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")

    def become() -> None:
        os.umask(0o077)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if account and linux:
            for name, most in bounded.EACH.items():
                _limit(getattr(resource, name), most)
        if account:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        if linux:
            prctl(_NO_NEW_PRIVS, 1)
            if end is not None:
                prctl(_PDEATHSIG, end)
                if os.getppid() != parent:  # it died a moment ago
                    os._exit(1)

    return become


def _limit(resource_: int, most: int) -> None:
    """Never more than there was."""
    _, hard = resource.getrlimit(resource_)
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(resource_, (most, most))
