"""What somebody could put into a pull request: takes what it can get, and says what that was.

It is copied into projects as a module; its last line is ``got [...]``, a JSON list.
"""

from __future__ import annotations

import glob
import json
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

PLANTED = "planted-secret"
HIDDEN = ("/github", "/root", "/var/run/docker.sock", "/home")
WRITTEN = (
    "/github/workspace/.git/config",
    "/github/workspace/manage.py",
    "/github/file_commands/set_env_1",
    "/github/file_commands/set_output_1",
    "/github/file_commands/step_summary_1",
    "/etc/passwd",
    "/opt/remigrate/.image",
    "/usr/local/bin/uv",
)
READ = ("/github/workflow/event.json", "/github/workspace/.git/config", "/github/home/.netrc")
CREATED = ("/tmp", "/var/tmp", "/dev/shm", "/srv", "/srv/remigrate", "/github/home", "/opt", "/run")
GIT = (
    ("git", "config", "--list", "--show-origin"),
    ("git", "-C", "/github/workspace", "-c", "safe.directory=*", "config", "--list"),
    ("env",),
)
got: list[str] = []


def attempt(name: str, action: Callable[[], object]) -> None:
    try:
        found = action()
    except BaseException:
        return
    if found:
        got.append(name)


def holds_secret(data: bytes | str) -> bool:
    return PLANTED.encode() in (data if isinstance(data, bytes) else data.encode())


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(1 << 20)


def holds(path: str) -> bool:
    return holds_secret(read(path))


def write(path: str) -> bool:
    with open(path, "ab") as file:
        file.write(b"hostile")
    return True


def said(argv: Sequence[str]) -> bool:
    return holds_secret(subprocess.run(argv, capture_output=True, timeout=20).stdout)


def connected() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/var/run/docker.sock")
    return True


def becomes_root() -> bool:
    os.setuid(0)
    return True


def signals() -> bool:
    os.kill(1, 0)
    return True


def burst() -> bool:
    """Sleepers in sessions of their own; never more than 2000."""
    started = 0
    try:
        while started < 2000:
            if not os.fork():
                os.setsid()
                os.execvp("sleep", ["sleep", "600"])
            started += 1
    except OSError:
        pass
    return started >= 2000


def main() -> int:
    attempt("own variables", lambda: holds_secret(json.dumps(dict(os.environ))))
    for path in glob.glob("/proc/[0-9]*/environ"):
        attempt(path, partial(holds, path))
    for top in HIDDEN:
        attempt(f"list {top}", partial(os.listdir, top))
        for folder, _, names in os.walk(top):
            for name in names:
                attempt(f"read {folder}/{name}", partial(holds, os.path.join(folder, name)))
    for path in READ:
        attempt(f"read {path}", partial(read, path))
    for path in WRITTEN:
        attempt(f"write {path}", partial(write, path))
    for folder in CREATED:
        attempt(f"create in {folder}", partial(write, os.path.join(folder, "hostile")))
    for argv in GIT:
        attempt(" ".join(argv), partial(said, argv))
    attempt("the engine's socket", connected)
    attempt("root", becomes_root)
    attempt("signals", signals)
    attempt("memory", lambda: mmap.mmap(-1, 9 << 30))
    attempt("processes", burst)
    shout()
    print("got", json.dumps(sorted(got)), file=sys.stderr, flush=True)
    return 1


def shout() -> None:
    """Workflow commands on both streams."""
    for stream in (sys.stdout, sys.stderr):
        print("::set-output name=decision::hostile", file=stream)
        print("  ::add-mask::clean", file=stream)
        print("x##[set-env name=hostile]1\r::warning::hostile\x1b[2J", file=stream)
    sys.stdout.flush()
