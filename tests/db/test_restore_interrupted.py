"""kill -9 while ``remigrate db restore --apply`` runs: what it restores is wholly old or new."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.project import BIN, Ran
from tests.db.counter import THOROUGH, Counter, taking_turns
from tests.db.mortal import Mortal

MOMENTS = range(20 if THOROUGH else 1)
PARTS = ("rows", "dump") if THOROUGH else ("rows",)
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
    """One of the writing, which comes after the backup; when there is time for many, often any."""
    if THOROUGH and random.random() < 0.4:
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


@taking_turns("counter", "sqlite")
@pytest.mark.parametrize("part", PARTS)
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


@taking_turns("mortal", "mysql")
@pytest.mark.parametrize("part", PARTS)
def test_a_server_that_is_killed_has_all_or_nothing(
    mortal: tuple[Mortal, Counter], part: str
) -> None:
    server, counter = mortal
    _fill(counter)
    whole = counter.content()
    folder = counter.backup()
    outcomes = []
    for _ in MOMENTS:
        server.last(counter)
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
        assert found == whole if ran.code == 0 else found in (spoiled, whole), ran
        outcomes.append(found == whole)
        if found != whole:
            ran = counter.db("restore", folder, "--part", part, "--apply")
            assert ran.code == 0, ran
        assert counter.content() == whole
    if THOROUGH:
        print(counter.vendor, part, outcomes)
