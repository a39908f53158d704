"""kill -9 while ``remigrate db sync --apply`` runs, and many that run it at once: the table is
wholly old or wholly new."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cli.project import BIN, Ran
from tests.db.counter import THOROUGH, Counter, taking_turns
from tests.db.mortal import MOMENTS, Mortal, at_some_moment, settled

_WRITING = (0.3, 0.9)
"""Seconds after the backup between which it is done."""

CLIENTS = range(50 if THOROUGH else 5)
NEW = [("shop", name) for name in ("0001_initial", "0002_price", "0003_stock")]
"""The app beside it has nothing to show that its only migration has run."""
GHOSTS = 1500


def _in_disorder(counter: Counter) -> list[tuple[str, str]]:
    """The tables are all there, and the rows those of so many files that are gone that writing
    takes a while."""
    counter.do("DELETE FROM django_migrations")
    values = ", ".join(
        f"('shop', 'x{number:04}', '2026-03-29 01:59:59')" for number in range(GHOSTS)
    )
    counter.do(f"INSERT INTO django_migrations (app, name, applied) VALUES {values}")
    return _rows(counter)


def _rows(counter: Counter) -> list[tuple[str, str]]:
    found = counter.do("SELECT app, name FROM django_migrations ORDER BY 1, 2")
    return [(str(app), str(name)) for app, name in found]


def _words(counter: Counter) -> list[str]:
    """Scratch databases are made beside, on a server that is there."""
    config, scheme = counter.config, counter.vendor
    if scheme == "sqlite":
        return []
    user = f"{config['USER']}:{config['PASSWORD']}"
    return ["--database", f"{scheme}://{user}@{config['HOST']}:{config['PORT']}/{config['NAME']}"]


def _started(counter: Counter) -> subprocess.Popen[bytes]:
    words = [str(BIN / "remigrate"), "db", "sync", "--apply", "--format", "json", *_words(counter)]
    return subprocess.Popen(
        [*words, "--python", sys.executable],
        cwd=counter.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def built(counter: Counter) -> Counter:
    counter.do("DELETE FROM django_migrations")
    counter.migrate()
    return counter


@taking_turns("counter", "mysql")
def test_a_client_that_is_killed_leaves_all_or_nothing(built: Counter) -> None:
    outcomes = []
    for _ in MOMENTS:
        old = _in_disorder(built)
        with _started(built) as running:
            at_some_moment(built, running, _WRITING)
            running.kill()
        found = settled(lambda: _rows(built))
        assert found in (old, NEW)
        outcomes.append(found == NEW)
    if THOROUGH:
        print(built.vendor, outcomes)
    ran = built.db("sync", "--apply", *_words(built))
    assert ran.code == 0, ran
    assert _rows(built) == NEW


@taking_turns("mortal", "postgresql")
def test_a_server_that_is_killed_has_all_or_nothing(mortal: tuple[Mortal, Counter]) -> None:
    server, counter = mortal
    counter.do("DELETE FROM django_migrations")
    counter.migrate()
    outcomes = []
    for _ in MOMENTS:
        server.last(counter)
        old = _in_disorder(counter)
        with _started(counter) as running:
            at_some_moment(counter, running, _WRITING)
            server.kill()
            out, said = running.communicate()
        ran = Ran(running.returncode, out.decode(), said.decode())
        assert ran.code in (0, 4), ran
        assert "Traceback" not in ran.err or "the project's code failed" in ran.err
        server.start(counter)
        found = _rows(counter)
        assert found in (old, NEW), ran
        outcomes.append(found == NEW)
        if ran.out:
            (database,) = json.loads(ran.out)["databases"]
            assert (database["state"] in ("written", "right")) <= (found == NEW)
            assert (database["state"] == "failed") <= (found == old)
    if THOROUGH:
        print(counter.vendor, outcomes)
    ran = counter.db("sync", "--apply", *_words(counter))
    assert ran.code == 0, ran
    assert _rows(counter) == NEW


@taking_turns("counter", "sqlite")
def test_of_many_at_once_one_writes_and_the_others_see_it(built: Counter) -> None:
    _in_disorder(built)
    clients = [_started(built) for _ in CLIENTS]
    states = []
    for client in clients:
        out, said = client.communicate(timeout=600)
        assert client.returncode == 0, (out, said)
        states.append(json.loads(out)["databases"][0]["state"])
    assert states.count("written") == 1, states
    assert set(states) <= {"written", "done", "right"}
    assert _rows(built) == NEW
