"""kill -9 while ``remigrate db restore --apply`` runs: what it restores is wholly old or new."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remigrate import server_home, server_kinds, servers
from tests.cli.project import BIN, Ran
from tests.db.counter import Counter, opened

THOROUGH = bool(os.environ.get("REMIGRATE_THOROUGH"))
MOMENTS = range(20 if THOROUGH else 1)
MANY = 1500
_AT = "2026-03-29 01:59:59.000001"


def _fill(counter: Counter) -> None:
    """So many rows that writing them takes a while."""
    values = ", ".join(f"('shop', 'x{number}', '{_AT}')" for number in range(MANY))
    counter.do(f"INSERT INTO django_migrations (app, name, applied) VALUES {values}")


def _spoil(counter: Counter) -> None:
    counter.do("DELETE FROM django_migrations", "DELETE FROM parts", "CREATE TABLE later (id int)")


def _started(counter: Counter, folder: Path, part: str) -> subprocess.Popen[bytes]:
    words: list[str | Path] = [BIN / "remigrate", "db", "restore", folder, "--part", part]
    return subprocess.Popen(
        [*words, "--apply", "--python", sys.executable],
        cwd=counter.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _at_some_moment(counter: Counter, running: subprocess.Popen[bytes], kept: int) -> None:
    """Any, when there is time for many; else one of the writing, which comes after the backup."""
    if THOROUGH:
        time.sleep(random.uniform(0, 4))
        return
    while running.poll() is None and len(counter.kept()) == kept:
        time.sleep(0.01)
    time.sleep(random.uniform(0.2, 0.8))


def _settled(counter: Counter) -> dict[str, list[Any]]:
    """All that is there when the server has noticed that its client is gone."""
    before = None
    while (now := counter.content()) != before:
        before = now
        time.sleep(0.3)
    return now


@pytest.mark.parametrize("part", ["rows", "dump"] if THOROUGH else ["rows"])
def test_a_client_that_is_killed_leaves_all_or_nothing(counter: Counter, part: str) -> None:
    _fill(counter)
    whole = counter.content()
    folder = counter.backup()
    if part == "rows":
        counter.do("DELETE FROM django_migrations")
    else:
        _spoil(counter)
    spoiled, outcomes = counter.content(), []
    for _ in MOMENTS:
        with _started(counter, folder, part) as running:
            _at_some_moment(counter, running, len(counter.kept()))
            running.kill()
        found = _settled(counter)
        assert found in (spoiled, whole)
        outcomes.append(found == whole)
        if found == whole and part == "rows":
            counter.do("DELETE FROM django_migrations")
        elif found == whole:
            _spoil(counter)
    if THOROUGH:
        print(counter.vendor, part, outcomes)
    ran = counter.db("restore", folder, "--part", part, "--apply")
    assert ran.code == 0, ran
    assert counter.content() == whole
    assert len(counter.databases()) == counter.at_first


class Mortal:
    """A server that can be killed, and started again on the same data."""

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


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.needs("servers")),
        pytest.param("mysql", marks=pytest.mark.needs("servers")),
    ]
)
def mortal(
    request: pytest.FixtureRequest, shelf: Path, tmp_path: Path
) -> Iterator[tuple[Mortal, Counter]]:
    """A server of its own, and a counter on it."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(servers.start(request.param, str(tmp_path), os.environ))
        except servers.NoServer as error:
            pytest.skip(error.reason)
        mortal = Mortal(server)
        stack.callback(mortal.end)
        path = tmp_path / "counter"
        counter = stack.enter_context(opened(request.param, shelf, path, server.config))
        yield mortal, counter


@pytest.mark.parametrize("part", ["rows", "dump"] if THOROUGH else ["rows"])
def test_a_server_that_is_killed_has_all_or_nothing(
    mortal: tuple[Mortal, Counter], part: str
) -> None:
    server, counter = mortal
    _fill(counter)
    whole = counter.content()
    folder = counter.backup()
    outcomes = []
    for _ in MOMENTS:
        if part == "rows":
            counter.do("DELETE FROM django_migrations")
        else:
            _spoil(counter)
        spoiled = counter.content()
        with _started(counter, folder, part) as running:
            _at_some_moment(counter, running, len(counter.kept()))
            server.kill()
            _, said = running.communicate()
        ran = Ran(running.returncode, "", said.decode())
        assert ran.code in (0, 4), ran
        assert "Traceback" not in ran.err
        server.start(counter)
        found = counter.content()
        assert found in (spoiled, whole), ran
        outcomes.append(found == whole)
        if found != whole:
            assert ran.code == 4
            ran = counter.db("restore", folder, "--part", part, "--apply")
            assert ran.code == 0, ran
        assert counter.content() == whole
    if THOROUGH:
        print(counter.vendor, part, outcomes)
