"""Scratch servers of the machine's own PostgreSQL or MySQL, and what names a server or its kind.

A scratch server listens on loopback alone, wants a random password, keeps its data in a folder
that other users cannot enter, and is gone with that folder when the `with` block is left. When this
process is killed, the kernel ends the server (on Linux), and the next start removes the folder. So
it must be started from a thread that lives as long as it: the kernel watches the thread.

A database that a user names by its URL is only connected to: scratch databases are made beside it,
their names begin with `PREFIX`, and they are dropped afterwards.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate import server_home, server_kinds
from remigrate.database_url import Config, beside, from_url, named, vendor
from remigrate.server_home import NoServer
from remigrate.server_kinds import PLACES, Vendor

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping, Sequence

    from remigrate.server_home import Home
    from remigrate.server_kinds import Kind, Programs

__all__ = [
    "PLACES",
    "Config",
    "NoServer",
    "Server",
    "Vendor",
    "beside",
    "from_url",
    "named",
    "start",
    "vendor",
]

_ATTEMPTS = 5
"""Somebody else may take the port that was free a moment ago."""


class Server(NamedTuple):
    """A scratch server that is ready."""

    vendor: Vendor
    version: str
    """As the program says it: ``15.18``, ``10.11.14-MariaDB``."""
    config: Config
    """How Django connects, as the owner of everything there; its database is not for scratch."""
    why: str
    """Which program it is."""


@contextmanager
def start(
    vendor: Vendor,
    folder: str,
    environ: Mapping[str, str],
    places: Mapping[Vendor, Sequence[str]] = PLACES,
) -> Iterator[Server]:
    """A scratch server with its data below `folder`, ended and removed on every way out.

    Where root cannot let another user in there, below the folder for temporary files. What killed
    runs left there is removed first. Raises `NoServer` with the reason.
    """
    kind = server_kinds.KINDS[vendor]
    programs = server_kinds.found(kind, environ, places[vendor])
    with server_home.opened(folder, environ) as home:
        version = _version(programs.server, home)
        _make(kind, programs, home)
        with _running(kind, programs, home) as port:
            os.remove(home.secret)
            yield Server(vendor, version, _config(kind, home, port), programs.server)


def _version(server: str, home: Home) -> str:
    said = server_home.run([server, "--version"], home)
    found = re.search(r"(?:\bVer |\) )(\d\S*)", said)
    if not found:
        raise NoServer(f"{server} does not tell its version: {said.strip()[:200]}")
    return found[1]


def _make(kind: Kind, programs: Programs, home: Home) -> None:
    """Make the data directory, with a password that is never on a command line."""
    with open(os.open(home.secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(kind.secret.format(user=server_kinds.USER, password=home.password))
    if home.account:
        os.chown(home.secret, *home.account)
    server_home.run(kind.make(programs, home), home)


@contextmanager
def _running(kind: Kind, programs: Programs, home: Home) -> Iterator[int]:
    """The server, ready, on the port that this gives."""
    for attempt in range(1, _ATTEMPTS + 1):
        port = _free_port()
        argv = kind.serve(programs, home, port)
        with open(home.log, "wb") as log, _started(argv, home, log.fileno(), kind.end) as server:
            if _ready(kind, server, home):
                yield port
                return
        with open(home.log, "rb") as file:
            said = file.read()
        if b"in use" not in said or attempt == _ATTEMPTS:
            break
    raise NoServer(server_home.told(f"{programs.server} did not start", said))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _started(
    argv: Sequence[str], home: Home, log: int, end: signal.Signals
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        server = subprocess.Popen(
            argv,
            cwd=home.data,
            env=dict(home.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us
            preexec_fn=server_home.becoming(home.account, end),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoServer(f"{argv[0]} cannot be started: {error}") from error
    try:
        yield server
    finally:
        server.send_signal(end)
        with suppress(subprocess.TimeoutExpired):
            server.wait(server_home.FAREWELL)
        server.kill()
        server.wait()


def _ready(kind: Kind, server: subprocess.Popen[bytes], home: Home) -> bool:
    """Wait until it says so; False when it ends, or never does."""
    deadline = time.monotonic() + server_home.PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        with open(home.log, "rb") as file:
            if kind.ready in file.read():
                return True
        time.sleep(0.01)
    return False


def _config(kind: Kind, home: Home, port: int) -> Config:
    return {
        "ENGINE": kind.engine,
        "NAME": kind.database,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "USER": server_kinds.USER,
        "PASSWORD": home.password,
    }
