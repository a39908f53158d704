"""Files of the job's workspace: what is there may be a pull request's, links included."""

from __future__ import annotations

import os
import tempfile

from remigrate import errors


def private(workspace: str, name: str) -> str:
    """A place that later steps can read, in a container or not, and that nobody commits."""
    return os.path.join(
        ".git" if os.path.isdir(os.path.join(workspace, ".git")) else "", "remigrate", name
    )


def inside(workspace: str, path: str) -> str:
    """An absolute path, links resolved. Raises `UsageFailure` when it leaves the workspace."""
    found = os.path.realpath(os.path.join(workspace, path))
    if found != workspace and not found.startswith(workspace + os.sep):
        raise errors.UsageFailure(f"{path} leads out of the workspace")
    return found


def write(workspace: str, path: str, text: str) -> None:
    """Write a file of the workspace for its owner; links that a pull request put there are
    not followed."""
    owner = os.stat(workspace)
    folder = inside(workspace, os.path.dirname(path) or ".")
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for place in reversed(missing):
        os.mkdir(place)
        os.chown(place, owner.st_uid, owner.st_gid)
    folder = inside(workspace, os.path.dirname(path) or ".")
    descriptor, partial = tempfile.mkstemp(dir=folder, prefix=".remigrate-")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.chown(partial, owner.st_uid, owner.st_gid)
        os.chmod(partial, 0o644)
        os.replace(partial, os.path.join(folder, os.path.basename(path)))
    except BaseException:
        os.unlink(partial)
        raise
