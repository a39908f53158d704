"""Closes what the sandbox's user must not reach, by the modes of folders, and opens it again.

A container of GitHub's has no right to mount anything, so paths cannot be hidden in another way.
What the runner mounts is the host's and stays as it is (a changed mode would outlive the
container); the folder of the container's own that holds the mount point is closed instead.
Whether that was enough is for `preflight` to say.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate.errors import EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MARK = "/opt/remigrate/.image"
"""A file that only our image has: there the root file system is ours to change."""

_NAMED = (
    "GITHUB_WORKSPACE",
    "GITHUB_EVENT_PATH",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "RUNNER_TEMP",
    "RUNNER_WORKSPACE",
    "HOME",
)
"""Variables of the runner that name a path."""
_ALWAYS = ("/root", "/github", "/var/run/docker.sock", "/run/docker.sock")
_ENGINES_OWN = ("/proc", "/sys", "/dev")
_ENGINES_FILES = ("/", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname")
"""What every container has mounted, without any word of the runner's."""
_NEEDED = ("/usr", "/etc", "/opt", "/dev", "/proc", "/var")
_NO_FILES = ("/proc", "/sys")


class Unstoppable(Exception):
    """Code of the project could not be ended. Nothing is opened again for it to find."""


class Ground(NamedTuple):
    """The machine that a sandbox stands on."""

    hidden: tuple[str, ...]
    """Paths that the project's code must not reach."""
    examined: tuple[str, ...] = ("/",)
    """Under these, nothing may be writable for it."""
    needed: tuple[str, ...] = _NEEDED
    """What it must reach; never closed."""
    own: bool = True
    """Whether modes of folders on the root's file system may be changed."""
    python: str = sys.executable
    """An interpreter of ours that any user can run, for the preflight."""


def ground(environ: Mapping[str, str], mounts: str) -> Ground:
    """This machine, by the runner's variables and the text of ``/proc/self/mountinfo``."""
    named = [environ[name] for name in _NAMED if environ.get(name)]
    paths = [os.path.realpath(path) for path in (*named, *_ALWAYS)]
    hidden = dict.fromkeys([*paths, *_foreign(mounts)])
    return Ground(tuple(path for path in hidden if path != "/"), own=os.path.exists(MARK))


def _foreign(mounts: str) -> Iterator[str]:
    """Mount points that somebody asked the engine for: they lead out of the container."""
    for line in mounts.splitlines():
        point = line.split(" ")[4].encode("latin-1").decode("unicode_escape")
        is_own = any(point == own or point.startswith(f"{own}/") for own in _ENGINES_OWN)
        if not is_own and point not in _ENGINES_FILES:
            yield point


@contextmanager
def closed(ground: Ground, scratch: str) -> Iterator[None]:
    """While this lasts, other users cannot reach what is hidden, nor write where all may."""
    with ExitStack() as undo:
        if ground.own:
            device = os.stat("/").st_dev
            needed = (*ground.needed, scratch)
            for path in ground.hidden:
                door = _door(path, device, needed) if _is_open(path) else None
                if door is not None:
                    _change(door, 0o700, undo)
            # Listed before it is changed: what lies in a closed folder needs no closing.
            for path, found in list(_writable(ground.examined, scratch)):
                if found.st_dev == device or path.startswith("/dev/"):
                    keep = _holds(path, needed) or not stat.S_ISDIR(found.st_mode)
                    _change(path, found.st_mode & ~0o022 if keep else 0o700, undo)
        try:
            yield
        except Unstoppable:
            undo.pop_all()
            raise


def _is_open(path: str) -> bool:
    """Whether the modes on the way let other users come to `path`, and do something there."""
    try:
        if not os.stat(path).st_mode & 0o007:
            return False
        while (path := os.path.dirname(path)) != "/":
            if not os.stat(path).st_mode & 0o001:
                return False
    except FileNotFoundError:
        return False
    return True


def _door(path: str, device: int, needed: Iterable[str]) -> str | None:
    """The innermost folder on the way to `path` that is the container's own and may be closed."""
    door = path if os.path.isdir(path) else os.path.dirname(path)
    while os.stat(door).st_dev != device:
        door = os.path.dirname(door)
    return None if door == "/" or _holds(door, needed) else door


def _holds(folder: str, paths: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for path in paths)


def _writable(roots: Iterable[str], scratch: str) -> Iterator[tuple[str, os.stat_result]]:
    """What any user may write to, as far as any user can walk."""
    todo = list(roots)
    while todo:
        folder = todo.pop()
        found = os.stat(folder)
        if folder == scratch or folder in _NO_FILES or not found.st_mode & 0o001:
            continue
        if found.st_mode & 0o002:
            yield folder, found
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif _is_loose((found := entry.stat(follow_symlinks=False)).st_mode):
                    yield entry.path, found


def _is_loose(mode: int) -> bool:
    return bool(mode & 0o002) and not (stat.S_ISLNK(mode) or stat.S_ISCHR(mode))


def _change(path: str, mode: int, undo: ExitStack) -> None:
    before = stat.S_IMODE(os.stat(path).st_mode)
    try:
        os.chmod(path, stat.S_IMODE(mode))
    except OSError as error:
        raise EnvironmentFailure(f"{path} cannot be closed: {error.strerror}") from error
    undo.callback(_restore, path, before)


def _restore(path: str, mode: int) -> None:
    with suppress(FileNotFoundError):
        os.chmod(path, mode)
