"""kill -9 while ``remigrate db restore --apply`` runs: what it restores is wholly old or new."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.project import BIN, Ran
from tests.db.counter import THOROUGH, Counter, taking_turns
from tests.db.mortal import MOMENTS, Mortal, at_some_moment, settled

_WRITING = (0.2, 0.8)
"""Seconds after the backup between which it is done."""

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
            at_some_moment(counter, running, _WRITING)
            running.kill()
        found = settled(counter.content)
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
            at_some_moment(counter, running, _WRITING)
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
