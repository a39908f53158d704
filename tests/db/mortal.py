"""Clients and servers that are killed, and servers that are started again on the same data."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from remigrate import server_home, server_kinds, servers
from tests.db.counter import THOROUGH, Counter

_Read = TypeVar("_Read")


MOMENTS = range(20 if THOROUGH else 1)


def at_some_moment(
    counter: Counter, running: subprocess.Popen[bytes], writing: tuple[float, float]
) -> None:
    """One of the writing, so many seconds after the backup; of many, often any."""
    kept = len(counter.kept())
    if THOROUGH and random.random() < 0.4:
        time.sleep(random.uniform(0, 4))
        return
    while running.poll() is None and len(counter.kept()) == kept:
        time.sleep(0.01)
    time.sleep(random.uniform(*writing))


def settled(read: Callable[[], _Read]) -> _Read:
    """What is read when whoever is left of a killed client has ended."""
    before = None
    while (now := read()) != before:
        before = now
        time.sleep(0.3)
    return now


class Mortal:
    """Clients and servers that are killed, and servers that are started again on the same data."""

    def __init__(self, server: servers.Server) -> None:
        self.config = server.config
        self._vendor = server.vendor
        self._pid, self._argv = self._found(str(server.config["PORT"]))
        self._folder = os.readlink(f"/proc/{self._pid}/cwd")
        self._again: subprocess.Popen[bytes] | None = None

    def _found(self, port: str) -> tuple[int, list[str]]:
        """The one that was told of the port, and not one of its children."""
        ends = (f"port={port}", f"--port={port}")
        for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
            with contextlib.suppress(OSError):
                argv = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
                if any(word in ends for word in argv):
                    return pid, argv
        raise AssertionError("no such server")

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)  # PostgreSQL takes one that is not gone for running

    def last(self, counter: Counter) -> None:
        """What it says that it keeps it keeps, as servers do that are not made for a proof."""
        name = counter.config["NAME"]
        lasting = {
            "postgresql": f"ALTER DATABASE {name} SET synchronous_commit = on",
            "mysql": "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
        }
        counter.do(lasting[self._vendor])

    def start(self, counter: Counter) -> None:
        """Start it again, and wait until it has recovered."""
        argv = [word for word in self._argv if not word.startswith("--init-file")]
        end = server_kinds.KINDS[self._vendor].end
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._again is None or self._again.poll() is not None:
                self.end()
                self._again = subprocess.Popen(
                    argv,
                    cwd=self._folder,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=server_home.becoming(server_home.account(), end),
                )
                self._pid = self._again.pid
            with contextlib.suppress(Exception):
                counter.do("SELECT 1")
                return
            time.sleep(0.05)
        raise AssertionError("it does not start again")

    def end(self) -> None:
        if self._again is not None:
            self._again.kill()
            self._again.wait()
