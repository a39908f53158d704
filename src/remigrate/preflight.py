"""Asks, from inside the sandbox, whether it holds. Standard library only: it is sent over stdin.

What it is told: which user it should be, what it must not reach, how much it may use. What it
answers: one JSON list of sentences, empty when all is well. It runs before anything hostile does,
and knows nothing of how the sandbox is made: a control that is missing is seen by its effect.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUIET = ("/proc", "/sys")
"""Kernel interfaces: what is writable there is a process's own, or guarded by capabilities."""
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")
_MOST = 20


def main(asked: Mapping[str, Any]) -> None:
    """Print what is wrong with the sandbox."""
    found = [
        *identity(asked["uid"], asked["gid"]),
        *privileges(),
        *variables(asked["names"], asked["prefixes"]),
        *limits(asked["limits"]),
        *processes(asked["uid"], asked["parent"]),
        *hidden(asked["hidden"]),
        *writable(asked["examined"], asked["scratch"]),
    ]
    sys.stdout.write(json.dumps(found[:_MOST]))


def identity(uid: int, gid: int) -> Iterator[str]:
    """Whose rights this process has."""
    if os.getresuid() != (uid,) * 3:
        yield f"it runs as user {os.getresuid()}, not {uid}"
    if os.getresgid() != (gid,) * 3:
        yield f"it runs as group {os.getresgid()}, not {gid}"
    if os.getgroups() not in ([], [gid]):
        yield f"it has the supplementary groups {os.getgroups()}"


def privileges() -> Iterator[str]:
    """What it could do beyond its user's rights, or come to."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    for name in _CAPABILITIES:
        if int(status[name], 16):
            yield f"it has capabilities ({name} is {status[name]})"
    if int(status["CapBnd"], 16):
        yield f"it could be given capabilities (CapBnd is {status['CapBnd']})"
    if status.get("NoNewPrivs") != "1":
        yield "it can gain privileges (NoNewPrivs is not set)"


def variables(names: list[str], prefixes: list[str]) -> Iterator[str]:
    """Environment variables that it should not have."""
    for name in sorted(os.environ):
        if name.startswith(tuple(prefixes)) or name not in names:
            yield f"the environment variable {name} reaches it"


def limits(asked: Mapping[str, int]) -> Iterator[str]:
    """Limits that are missing, or that it could lift."""
    for name, most in asked.items():
        for found in resource.getrlimit(getattr(resource, name)):
            if found == resource.RLIM_INFINITY or found > most:
                yield f"{name} is not limited to {most}"
                break


def processes(uid: int, parent: int) -> Iterator[str]:
    """Other users' processes that it can look into or signal."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:
                continue
            with open(f"/proc/{name}/environ", "rb") as file:
                if file.read(1):
                    yield f"the environment of process {name} can be read"
        except OSError:
            continue
    try:
        os.kill(parent, 0)
        yield f"process {parent} can be signalled"
    except OSError:
        pass


def hidden(paths: list[str]) -> Iterator[str]:
    """Paths that it can read, write, enter or connect to."""
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError:  # not there for this user
            continue
        if stat.S_ISDIR(mode):
            wrong = any(os.access(path, way) for way in (os.R_OK, os.W_OK, os.X_OK))
        elif stat.S_ISSOCK(mode):
            wrong = _connects(path)
        else:
            wrong = os.access(path, os.R_OK) or os.access(path, os.W_OK)
        if wrong:
            yield f"{path} can be reached"


def _connects(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(path)
        except PermissionError:
            return False
        except OSError:  # nobody listens now; somebody could later
            return True
    return True


def writable(roots: list[str], scratch: str) -> Iterator[str]:
    """Places outside its scratch folder that it can write to."""
    todo = list(roots)
    while todo:
        folder = todo.pop()
        if folder == scratch or folder in _QUIET:
            continue
        if os.access(folder, os.W_OK):
            yield f"{folder} can be written to"
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            elif _is_loose(entry):
                yield f"{entry.path} can be written to"


def _is_loose(entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink() or not os.access(entry.path, os.W_OK):
        return False
    return not stat.S_ISCHR(entry.stat(follow_symlinks=False).st_mode)
