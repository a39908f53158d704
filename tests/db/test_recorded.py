"""The rows of django_migrations under a lock, on real servers, through REMIGRATE_PROBE_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remigrate.servers import Config, beside

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
PROBE = Path(__file__).parents[2] / "src/remigrate/probe"
PRELUDE = """
import importlib, json, sys, types
try:
    import pymysql
    pymysql.version_info = (2, 2, 8, "final", 0)
    pymysql.install_as_MySQLdb()
except ImportError:
    pass
config, probe = json.loads(sys.stdin.read())
import django
from django.conf import settings
settings.configure(DATABASES={"default": config}, USE_TZ=True, TIME_ZONE="Asia/Kathmandu")
django.setup()
for name in ("remigrate", "remigrate.probe"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [probe]
from remigrate.probe import live, recorded, scratch
from django.db import connection, DatabaseError
from django.db.migrations.recorder import MigrationRecorder

def ask(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else None

def read():
    with recorded.unlocked(config) as cursor:
        return recorded.rows(cursor)

def raises(kind, body):
    try:
        body()
    except kind as error:
        return str(error)
    raise AssertionError("nothing was raised")

def write(delete, insert, patience=10, then=None):
    with recorded.exclusive(config, patience) as (_, cursor):
        recorded.replace(cursor, delete, insert)
        if then:
            then()

recorder = MigrationRecorder(connection)
scratch.create(config)
try:
    recorder.ensure_schema()
    for number in range(1, 4):
        recorder.record_applied("shop", "000%d" % number)
    before = read()
    answer = {}
    BODY
finally:
    scratch.drop(config)
print(json.dumps(answer))
"""


def told(config: Config, body: str) -> Any:
    """The dict `answer` that `body` fills, in a database with three rows."""
    program = PRELUDE.replace("BODY", body.strip().replace("\n", "\n    "))
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", program],
        input=json.dumps([config, str(PROBE)]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    if request.param == "sqlite":
        name = str(tmp_path / "remigrate_rows")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    found: Config = request.getfixturevalue(request.param)
    return beside(found, f"rows_{os.getpid()}")


def test_rows_come_back_bit_for_bit_and_the_next_one_goes_behind_them(config: Config) -> None:
    found = told(
        config,
        """
stored = ask("SELECT id, app, name, applied FROM django_migrations ORDER BY id")
with recorded.exclusive(config) as (_, cursor):
    answer["locked"] = recorded.rows(cursor) == before
strange = [
    [0, "shop", "zero", before[2][3]],
    [7, "früh", "0001_\\U0001f422", before[0][3]],
    [40, "", "0%s'\\"", before[1][3]],
]
write([1, 2, 3], strange)
answer["strange"] = read() == strange
write([0, 7, 40], before)
answer["again"] = read() == before
answer["stored"] = ask("SELECT id, app, name, applied FROM django_migrations ORDER BY id") == stored
recorder.record_applied("shop", "0004")
answer["next"] = read()[-1][0]
write([], [[None, "shop", "0005", now] for now in [before[0][3]]])
answer["new"] = [row[2] for row in read()]
with recorded.exclusive(config) as (_, cursor):
    recorded.replace(cursor, [], [[None, "shop", "0006", recorded.now(cursor)]])
from django.utils import timezone
last = MigrationRecorder.Migration.objects.get(name="0006").applied
answer["now"] = abs((timezone.now() - last).total_seconds()) < 60
""",
    )
    assert found.pop("next") == 41
    assert found.pop("new") == ["0001", "0002", "0003", "0004", "0005"]
    assert all(found.values()), found


def test_the_sequence_never_steps_back(config: Config) -> None:
    """PostgreSQL's is not taken back with the transaction: the old rows would collide with it."""
    found = told(
        config,
        """
def stop():
    raise KeyboardInterrupt
raises(KeyboardInterrupt, lambda: write([1, 2, 3], [[1, "a", "b", before[0][3]]], then=stop))
answer["after"] = read() == before
recorder.record_applied("shop", "0004")
write([1, 2, 3, 4], [])
answer["empty"] = read()
recorder.record_applied("shop", "0001")
answer["next"] = read()[0][0]
write([5], [[1, "shop", "0001", before[0][3]]])
recorder.record_applied("shop", "0002")
answer["low"] = read()[-1][0]
if connection.vendor == "postgresql":
    ask("SELECT setval(pg_get_serial_sequence('django_migrations', 'id'), 1, false)")
write([1, 6], [[7 if connection.vendor != "postgresql" else 1, "shop", "0001", before[0][3]]])
recorder.record_applied("shop", "0002")
answer["unused"] = read()[-1][0]
""",
    )
    unused = 2 if "postgresql" in str(config["ENGINE"]) else 8
    assert found == {"after": True, "empty": [], "next": 5, "low": 6, "unused": unused}


def test_nothing_is_changed_by_what_ends_in_the_middle(config: Config) -> None:
    found = told(
        config,
        """
answer["twice"] = raises(DatabaseError, lambda: write([], [[1, "a", "b", before[0][3]]]))
answer["after"] = read() == before
""",
    )
    assert found["twice"]
    assert found["after"]


@pytest.mark.needs("servers")
@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_a_value_that_the_table_cannot_hold_is_not_taken(
    server: str, request: pytest.FixtureRequest
) -> None:
    found = told(
        beside(request.getfixturevalue(server), f"rows_{os.getpid()}"),
        """
def wrong():
    write([1], [[1, "shop", "0001", "2026-01-01 00:00:00.0000009"]])
answer["why"] = raises((recorded.Different, DatabaseError), wrong)
answer["after"] = read() == before
""",
    )
    assert "other rows" in found["why"]
    assert found["after"]


def test_a_lock_that_is_not_had_in_time_leaves_everything(config: Config) -> None:
    """And it is what is told, though a role's own limit may be shorter."""
    found = told(
        config,
        """
import time
if "postgresql" in config["ENGINE"]:
    config["OPTIONS"] = {"options": "-c statement_timeout=700"}
with recorded.exclusive(config) as (_, cursor):
    started = time.monotonic()
    answer["why"] = raises(recorded.Busy, lambda: write([1], [], patience=1))
    answer["waited"] = 0.5 < time.monotonic() - started < 5
    recorded.replace(cursor, [3], [])
answer["left"] = [row[0] for row in read()]
""",
    )
    assert found["waited"]
    assert found["left"] == [1, 2]
    assert found["why"] == "django_migrations was held by somebody else for 1 second"


def test_a_reader_is_not_waited_for_where_the_server_can(config: Config) -> None:
    found = told(
        config,
        """
with recorded.unlocked(config) as cursor:
    recorded.rows(cursor)
    answer["why"] = raises(DatabaseError, lambda: cursor.execute("DELETE FROM django_migrations"))
answer["after"] = read() == before
""",
    )
    assert found["why"]
    assert found["after"]


def test_a_table_without_transactions_is_not_written(mariadb: Config) -> None:
    found = told(
        beside(mariadb, f"rows_{os.getpid()}"),
        """
ask("ALTER TABLE django_migrations ENGINE=MyISAM")
answer["why"] = raises(recorded.NotTransactional, lambda: write([1], []))
answer["after"] = read() == before
""",
    )
    assert "MyISAM" in found["why"]
    assert found["after"]


def test_a_time_in_a_zone_is_kept_in_utc(mariadb: Config) -> None:
    found = told(
        beside(mariadb, f"rows_{os.getpid()}"),
        """
ask("ALTER TABLE django_migrations MODIFY applied timestamp(6)")
elsewhere = {**config, "OPTIONS": {"init_command": "SET time_zone = '+05:45'"}}
before = read()
with recorded.exclusive(elsewhere) as (_, cursor):
    answer["same"] = recorded.rows(cursor) == before
    recorded.replace(cursor, [1, 2, 3], before)
answer["after"] = read() == before
""",
    )
    assert found == {"same": True, "after": True}


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    name = str(tmp_path / "remigrate_rows")
    found = told(
        {"ENGINE": "django.db.backends.sqlite3", "NAME": name},
        """
import os
connection.close()
scratch.drop(config)
answer["why"] = raises(live.Missing, lambda: write([], []))
answer["there"] = os.path.exists(config["NAME"])
""",
    )
    assert found == {"why": name, "there": False}
