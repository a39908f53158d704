"""Git over HTTP behind the door that GitHub has: Basic, with the token as the password."""

from __future__ import annotations

import base64
import binascii
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from remigrate.local_github.repository import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.local_github.records import Token
    from remigrate.local_github.repository import Repository
    from remigrate.local_github.state import State

_TIMEOUT = 120
_TEXT = ("Content-Type", "text/plain; charset=utf-8")  # or git does not show it


class Answer(NamedTuple):
    """What git is told."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def find(state: State, path: str) -> tuple[Repository, str] | None:
    """The repository that a path is in, and the rest of the path; with ``.git`` or without."""
    for each in state.repositories():
        for name in (f"/{each.full_name}.git/", f"/{each.full_name}/"):
            if path.lower().startswith(name.lower()):
                return each, path[len(name) :]
    return None


def password(authorization: str) -> str:
    """The password of Basic credentials; empty if there is none."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def refused(state: State, token: Token | None, there: Repository, is_push: bool) -> Answer | None:
    """Why somebody may not fetch or push; None if they may."""
    if token is None:
        if not state.is_private and not is_push:
            return None
        door = ("WWW-Authenticate", 'Basic realm="GitHub"')
        return Answer(401, (door, _TEXT), b"Invalid username or token.\n")
    if is_push and (not token.has("contents=write") or there.is_fork):
        return Answer(403, (_TEXT,), b"Write access to repository not granted.\n")
    if state.is_private and not token.has("contents=read"):
        return Answer(404, (_TEXT,), b"Repository not found.\n")
    return None


def serve(
    there: Repository, rest: str, query: str, method: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """What ``git http-backend`` says."""
    variables = environment(
        CONTENT_LENGTH=str(len(body)),
        CONTENT_TYPE=headers.get("content-type", ""),
        GIT_HTTP_EXPORT_ALL="1",
        GIT_PROJECT_ROOT=str(there.folder),
        GIT_PROTOCOL=headers.get("git-protocol", ""),
        HTTP_CONTENT_ENCODING=headers.get("content-encoding", ""),
        PATH_INFO=f"/{rest}",
        QUERY_STRING=query,
        REMOTE_ADDR="127.0.0.1",
        REMOTE_USER="x-access-token",
        REQUEST_METHOD=method,
    )
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env=variables,
        capture_output=True,
        timeout=_TIMEOUT,
    )
    if not done.stdout:
        done.check_returncode()  # else it has told what is wrong, as that it has no such commit
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    found = [line.split(": ", 1) for line in head.decode().splitlines()]
    status = next((value for name, value in found if name == "Status"), "200 OK")
    rest_of = tuple((name, value) for name, value in found if name != "Status")
    return Answer(int(status.split()[0]), rest_of, content)


def is_push(rest: str, query: str) -> bool:
    """Whether a request is part of a push."""
    return rest == "git-receive-pack" or "service=git-receive-pack" in query
