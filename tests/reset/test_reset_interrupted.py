"""A reset that is interrupted or killed, at moments all over its duration.

The work tree is wholly old or wholly new afterwards, and nothing of it goes on running.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from remigrate import server_home
from remigrate.errors import INTERRUPTED, OK
from remigrate.servers import Config
from tests.cli.project import BIN, remigrate
from tests.reset import THOROUGH
from tests.reset.store import Bookshop

_SETTLED = 10.0
"""Seconds within which what goes on after a kill must have come to an end; it takes a moment."""
_TIMES = 20 if THOROUGH else 6


class Run(NamedTuple):
    """A reset under way, with a folder for temporary files that nobody else uses."""

    shop: Bookshop
    temporary: Path
    process: subprocess.Popen[bytes]

    def listens(self) -> bool:
        """Whether it has come so far that it deals with signals itself; Python has not, before."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    def processes(self) -> list[str]:
        """The command lines of everything that it started and that still runs."""
        marks = (os.fsencode(self.temporary), os.fsencode(self.shop.path))
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                environ, words = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
                ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue  # it is gone, or not ours to look at
            if not ended and any(mark in environ or mark in words for mark in marks):
                found.append(words.replace(b"\0", b" ").decode("utf-8", "replace"))
        return found


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder that the user of a scratch server can pass through, as he can not pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="remigrate-interrupted-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def shop(tmp_path: Path) -> Bookshop:
    return Bookshop.open(tmp_path / "bookshop")


def begin(shop: Bookshop, temporary: Path) -> Run:
    # A measurement writes what it found when Python ends, and is not ready for a signal then.
    unmeasured = {key: word for key, word in os.environ.items() if not key.startswith("COVERAGE_")}
    environ = unmeasured | {"TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [str(BIN / "remigrate"), "reset", "--all", "--no-cache", "--python", sys.executable]
    process = subprocess.Popen(
        words, cwd=shop.path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    return Run(shop, temporary, process)


def whole(shop: Bookshop, temporary: Path) -> tuple[dict[str, bytes], float]:
    """What the files are after a reset that nobody interrupts, and how many seconds it takes."""
    copy = shop.again(shop.path.parent / "whole")
    started = time.monotonic()
    run = begin(copy, temporary)
    out, err = run.process.communicate(timeout=120)
    assert run.process.returncode == OK, (out, err)
    assert list(temporary.iterdir()) == []
    return copy.snapshot(), time.monotonic() - started


def moments(seconds: float, times: int) -> list[float]:
    """Random ones, one in each part of the duration; other ones in each run of the tests."""
    chance = random.Random()
    return [(at + chance.random()) / times * seconds for at in range(times)]


def settled(run: Run, *states: dict[str, bytes]) -> int:
    """Wait for the end of everything. Returns which of the states the files are in."""
    deadline = time.monotonic() + _SETTLED
    while time.monotonic() < deadline:
        if not run.processes():
            break
        time.sleep(0.01)
    assert run.processes() == []
    seen = run.shop.snapshot()
    assert seen in states, sorted(seen.keys() ^ states[0].keys())
    return states.index(seen)


def kill_at_all_moments(shop: Bookshop, temporary: Path, times: int) -> None:
    old = shop.snapshot()
    new, seconds = whole(shop, temporary)
    commit = shop.git("rev-parse", "HEAD")
    for at, moment in enumerate(moments(seconds, times)):
        run = begin(shop.again(shop.path.parent / f"killed-{at}"), temporary)
        try:
            run.process.wait(moment)
        except subprocess.TimeoutExpired:
            run.process.kill()
        run.process.communicate()
        which = settled(run, old, new)
        assert run.shop.git("rev-parse", "HEAD") == commit
        assert bool(run.shop.status()) == bool(which)
        shutil.rmtree(run.shop.path)


# kill -9


def test_a_reset_that_is_killed_leaves_all_files_old_or_all_new(
    shop: Bookshop, temporary: Path
) -> None:
    kill_at_all_moments(shop, temporary, _TIMES)


def test_a_reset_that_is_killed_leaves_no_server_behind(
    shop: Bookshop, temporary: Path, postgresql: Config
) -> None:
    shop.postgresql()
    kill_at_all_moments(shop, temporary, _TIMES)


def test_a_reset_goes_through_after_one_that_was_killed(shop: Bookshop, temporary: Path) -> None:
    old = shop.snapshot()
    new, seconds = whole(shop, temporary)
    run = begin(shop, temporary)
    time.sleep(seconds / 2)
    run.process.kill()
    run.process.communicate()
    assert settled(run, old) == 0
    again = begin(shop, temporary)
    again.process.communicate(timeout=120)
    assert again.process.returncode == OK
    assert shop.snapshot() == new


def test_what_a_killed_reset_left_for_temporary_files_goes_with_the_next_one(
    shop: Bookshop, temporary: Path
) -> None:
    _, seconds = whole(shop, temporary)
    run = begin(shop, temporary)
    time.sleep(seconds / 2)
    run.process.kill()
    run.process.communicate()
    assert list(temporary.iterdir()) != []
    again = begin(shop, temporary)
    again.process.communicate(timeout=120)
    assert list(temporary.iterdir()) == []


def test_what_another_reset_is_using_is_left_alone(shop: Bookshop, temporary: Path) -> None:
    """Its process may have a number that nobody knows here, as one in another container has."""
    with server_home.held(str(temporary), "remigrate-reset-") as folder:
        other = Path(folder).rename(temporary / f"remigrate-reset-{2**22 + 1}-0")
        begin(shop, temporary).process.communicate(timeout=120)
        assert list(temporary.iterdir()) == [other]
        other.rename(folder)


# Ctrl-C, and what a machine says that is shut down


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_reset_leaves_nothing_behind(
    shop: Bookshop, temporary: Path, how: signal.Signals
) -> None:
    interrupt_at_all_moments(shop, temporary, how, 10 if THOROUGH else 3)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT] if THOROUGH else [signal.SIGTERM])
def test_an_interrupted_reset_on_a_server_leaves_nothing_behind(
    shop: Bookshop, temporary: Path, how: signal.Signals, postgresql: Config
) -> None:
    shop.postgresql()
    interrupt_at_all_moments(shop, temporary, how, 6 if THOROUGH else 2)


def interrupt_at_all_moments(
    shop: Bookshop, temporary: Path, how: signal.Signals, times: int
) -> None:
    old = shop.snapshot()
    new, seconds = whole(shop, temporary)
    for at, moment in enumerate(moments(seconds, times)):
        run = begin(shop.again(shop.path.parent / f"interrupted-{at}"), temporary)
        while run.process.poll() is None and not run.listens():
            time.sleep(0.001)
        try:
            run.process.wait(moment)
        except subprocess.TimeoutExpired:
            run.process.send_signal(how)
        out, err = run.process.communicate(timeout=60)
        code = run.process.returncode
        which = settled(run, old, new)
        after_the_last_word = (-how, 1)
        ends = ((INTERRUPTED, 0), (INTERRUPTED, 1), (OK, 1), after_the_last_word)
        assert (code, which) in ends, (moment, err)
        assert b"Traceback" not in err, err.decode()
        if code == INTERRUPTED:
            assert err.decode().strip() == "interrupted"
            assert out == b""
        assert list(temporary.iterdir()) == [], moment
        shutil.rmtree(run.shop.path)


def test_an_interrupted_reset_on_a_named_server_drops_its_databases(
    shop: Bookshop, temporary: Path, postgresql: Config
) -> None:
    import psycopg

    shop.postgresql()
    place = {name: postgresql[name.upper()] for name in ("host", "port", "user", "password")}

    def databases() -> set[str]:
        with psycopg.connect(**place, dbname="postgres", autocommit=True) as opened:  # type: ignore[arg-type]
            return {name for (name,) in opened.execute("SELECT datname FROM pg_database")}

    before = databases()
    url = "postgresql://{user}:{password}@{host}:{port}/postgres".format(**place)
    words = ("reset", "--all", "--python", sys.executable, "--database", url)
    process = subprocess.Popen([BIN / "remigrate", *words], cwd=shop.path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while databases() == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert databases() == before
    assert shop.status() == []


def test_two_resets_at_the_same_time_do_not_mix(shop: Bookshop, temporary: Path) -> None:
    old = shop.snapshot()
    new, _ = whole(shop, temporary)
    runs = [begin(shop, temporary) for _ in range(2)]
    said = [run.process.communicate(timeout=120)[1].decode() for run in runs]
    codes = sorted(run.process.returncode for run in runs)
    assert shop.snapshot() == new != old
    assert codes[0] == OK
    for run, words in zip(runs, said, strict=True):
        if run.process.returncode != OK:
            assert words.startswith("error: ")
    assert list(temporary.iterdir()) == []
    assert remigrate("check", cwd=shop.path).code == OK
