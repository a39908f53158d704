"""Scratch databases on real engines, through the Django of REMIGRATE_PROBE_PYTHON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remigrate import servers
from remigrate.probe import scratch

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
PRELUDE = """
import contextlib, importlib.util, json, sys
try:
    import pymysql
    pymysql.version_info = (2, 2, 8, "final", 0)
    pymysql.install_as_MySQLdb()
except ImportError:
    pass
request = json.loads(sys.stdin.read())
spec = importlib.util.spec_from_file_location("scratch", request["scratch"])
scratch = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scratch)
import django
from django.conf import settings
settings.configure(DATABASES=request["databases"], USE_TZ=True, **request["settings"])
django.setup()
from django.db import connection, connections

config = request["config"]

def run(sql, alias="default"):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        rows = [list(map(str, row)) for row in cursor.fetchall()] if cursor.description else None
    connections[alias].commit() if not connections[alias].get_autocommit() else None
    return rows

def fails(sql):
    from django.db import Error
    try:
        run(sql)
    except Error as error:
        return True
    return False

def answer(value):
    sys.stdout.write(json.dumps(value))
"""
NOWHERE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}


def run(
    config: servers.Config,
    body: str,
    own: servers.Config | None = None,
    fails: bool = False,
    **settings: object,
) -> Any:
    """What `body` answers, in a project whose database is `own`."""
    request = {
        "scratch": scratch.__file__,
        "config": config,
        "databases": {"default": own or {**config, "NAME": "not_there"}},
        "settings": settings,
    }
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", PRELUDE + body],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if fails:
        assert done.returncode == 1, done.stderr
        return done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def sqlite(tmp_path: Path) -> servers.Config:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "x")}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> servers.Config:
    found: servers.Config = request.getfixturevalue(request.param)
    return found


# Any kind


def test_a_database_is_made_empty_and_dropped(server: servers.Config) -> None:
    said = run(
        servers.beside(server, "empty"),
        """
scratch.create(config)
scratch.use("default", config)
run("CREATE TABLE t (id integer)")
run("INSERT INTO t VALUES (1)")
scratch.create(config)
scratch.use("default", config)
gone = fails("SELECT * FROM t")
scratch.drop(config)
scratch.drop(config)
answer([gone, config["ENGINE"].endswith("sqlite3") or fails("SELECT 1")])
""",
    )
    assert said == [True, True]


def test_a_copy_is_equal_and_independent(server: servers.Config) -> None:
    config = servers.beside(server, "old")
    said = run(
        config,
        """
scratch.create(config)
scratch.use("default", config)
run("CREATE TABLE parent (id integer PRIMARY KEY, name varchar(20))")
run("CREATE TABLE child (id integer PRIMARY KEY, parent_id integer NOT NULL,"
    " CONSTRAINT up FOREIGN KEY (parent_id) REFERENCES parent (id))")
run("INSERT INTO parent VALUES (0, 'zero'), (1, 'pär%sent')")
run("INSERT INTO child VALUES (1, 1)")
new = scratch.copy(config, config["NAME"] + "_copy")
scratch.use("default", new)
rows = [run("SELECT * FROM parent ORDER BY id"), run("SELECT * FROM child")]
run("INSERT INTO parent VALUES (2, 'new')")
broken = fails("INSERT INTO child VALUES (2, 77)")
scratch.use("default", config)
old = run("SELECT count(*) FROM parent")
scratch.drop(config)
scratch.use("default", new)
kept = run("SELECT count(*) FROM parent")
scratch.drop(new)
answer([rows, broken, old, kept])
""",
    )
    assert said == [
        [[["0", "zero"], ["1", "pär%sent"]], [["1", "1"]]],
        True,
        [["2"]],
        [["3"]],
    ]


def test_a_database_that_is_not_ours_is_never_made_or_dropped(server: servers.Config) -> None:
    for call in ("create(config)", "drop(config)", "copy(config, config['NAME'] + '_2')"):
        said = run(server, f"scratch.{call}", fails=True)
        assert "ValueError: not a scratch database" in said


def test_a_database_is_dropped_although_somebody_is_connected(server: servers.Config) -> None:
    said = run(
        servers.beside(server, "busy"),
        """
scratch.create(config)
other = scratch.connect(config)
other.ensure_connection()
scratch.drop(config)
scratch.create(config)
scratch.drop(config)
answer("done")
""",
    )
    assert said == "done"


# The alias


def test_an_alias_keeps_how_the_project_talks_and_loses_where_to(mariadb: servers.Config) -> None:
    own = {
        **mariadb,
        "HOST": "production.example.org",
        "NAME": "shop",
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"sql_mode": "ANSI_QUOTES", "unix_socket": "/somewhere", "charset": "utf8mb4"},
    }
    said = run(
        servers.beside(mariadb, "alias"),
        """
scratch.create(config)
scratch.use("default", config)
found = connections["default"].settings_dict
mode = run("SELECT @@sql_mode")[0][0]
scratch.drop(config)
names = ("HOST", "OPTIONS", "ATOMIC_REQUESTS", "CONN_MAX_AGE")
answer([*(found[name] for name in names), mode])
""",
        own,
    )
    assert said == [
        "127.0.0.1",
        {"sql_mode": "ANSI_QUOTES", "charset": "utf8mb4"},
        True,
        0,
        "ANSI_QUOTES",
    ]


WRAPPER = """
import types
for name, kind in (("wrapped", "postgresql"), ("wrapped_sqlite", "sqlite3")):
    base = __import__(f"django.db.backends.{kind}.base", fromlist=["DatabaseWrapper"])
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
    sys.modules[f"{name}.base"] = module = types.ModuleType(f"{name}.base")
    members = {"__module__": module.__name__}
    module.DatabaseWrapper = type("DatabaseWrapper", (base.DatabaseWrapper,), members)
"""


def test_a_wrapped_backend_of_the_same_kind_stays(postgresql: servers.Config) -> None:
    said = run(
        servers.beside(postgresql, "wrapped"),
        WRAPPER
        + """
connections.databases["default"]["ENGINE"] = "wrapped"
connections.databases["other"] = {**connections.databases["default"], "ENGINE": "wrapped_sqlite"}
scratch.create(config)
for alias in ("default", "other", "new"):
    scratch.use(alias, config)
answer([
    [type(connections[alias]).__module__, run("SELECT current_database()", alias)]
    for alias in ("default", "other", "new")
])
connections.close_all()
scratch.drop(config)
""",
        {"ENGINE": "django.db.backends.dummy"},
    )
    name = servers.beside(postgresql, "wrapped")["NAME"]
    plain = "django.db.backends.postgresql.base"
    assert [module for module, _ in said] == ["wrapped.base", plain, plain]
    assert all(rows == [[name]] for _, rows in said)


def test_migrations_run_in_the_place_of_the_projects_database(server: servers.Config) -> None:
    said = run(
        servers.beside(server, "migrated"),
        """
from django.core.management import call_command
scratch.create(config)
scratch.use("default", config)
call_command("migrate", verbosity=0)
from django.contrib.auth.models import Group, Permission
Group.objects.create(name="a")
new = scratch.copy(config, config["NAME"] + "_copy")
scratch.use("default", new)
groups = [Group.objects.create(name="b").pk, Group.objects.count(), Permission.objects.count()]
for made in (config, new):
    scratch.drop(made)
answer(groups)
""",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    )
    assert said == [2, 2, 16]


# One kind


def test_postgresql_copies_sequences_triggers_and_the_databases_settings(
    postgresql: servers.Config,
) -> None:
    said = run(
        servers.beside(postgresql, "more"),
        """
scratch.create(config)
scratch.use("default", config)
run("CREATE EXTENSION IF NOT EXISTS plpgsql")
run("CREATE TABLE t (id serial PRIMARY KEY, twice integer)")
run("CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN NEW.twice := 2 * NEW.twice; RETURN NEW; END'")
run("CREATE TRIGGER doubling BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE double()")
run("INSERT INTO t (twice) VALUES (1), (2)")
name = config["NAME"]
run(f"ALTER DATABASE {name} SET statement_timeout TO '12345'")
run(f"ALTER DATABASE {name} SET search_path TO public, pg_catalog")
run(f"ALTER DATABASE {name} SET my.own TO 'it''s'")
new = scratch.copy(config, name + "_copy")
scratch.use("default", new)
run("INSERT INTO t (twice) VALUES (3)")
shown = [run(f"SHOW {what}")[0][0] for what in ("statement_timeout", "search_path", "my.own")]
answer([run("SELECT * FROM t ORDER BY id"), shown, run("SHOW server_encoding")])
for made in (config, new):
    scratch.drop(made)
""",
    )
    assert said == [
        [["1", "2"], ["2", "4"], ["3", "6"]],
        ["12345ms", "public, pg_catalog", "it's"],
        [["UTF8"]],
    ]


def test_mysql_copies_all_that_a_database_holds(mariadb: servers.Config) -> None:
    said = run(
        servers.beside(mariadb, "more"),
        """
scratch.create(config)
scratch.use("default", config)
run("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
run("CREATE TABLE t (id integer AUTO_INCREMENT PRIMARY KEY, n integer, log integer DEFAULT 0,"
    " d integer GENERATED ALWAYS AS (n * 2) STORED, v integer GENERATED ALWAYS AS (n + 1) VIRTUAL,"
    " CHECK (n < 100), KEY by_n (n)) AUTO_INCREMENT = 50")
run("INSERT INTO t (n) VALUES (1), (2)")
run("DELETE FROM t WHERE n = 2")
run("SET SESSION sql_mode = 'ANSI_QUOTES'")
run('CREATE TRIGGER "first" BEFORE INSERT ON t FOR EACH ROW SET NEW."log" = NEW."log" + 1')
run('CREATE TRIGGER "a_second" BEFORE INSERT ON t FOR EACH ROW SET NEW."log" = NEW."log" * 10')
run("CREATE FUNCTION plus(x integer) RETURNS integer DETERMINISTIC RETURN x + 1")
run("CREATE PROCEDURE nothing() BEGIN SELECT '100%s'; END")
run("CREATE VIEW z AS SELECT n, plus(n) AS p FROM t")
run("CREATE VIEW a AS SELECT * FROM z")
run("CREATE EVENT sometimes ON SCHEDULE EVERY 1 DAY DO DELETE FROM t")
new = scratch.copy(config, config["NAME"] + "_copy")
objects = ["TABLE t", "TRIGGER first", "TRIGGER a_second", "FUNCTION plus", "PROCEDURE nothing",
           "VIEW z", "VIEW a", "EVENT sometimes"]
said = []
for made in (config, new):
    scratch.use("default", made)
    shown = [" ".join(run(f"SHOW CREATE {name}")[0]) for name in objects]
    run("INSERT INTO t (n) VALUES (5)")
    shown += [run("SELECT * FROM t"), run("SELECT * FROM a"), run("SELECT @@collation_database")]
    said.append(shown)
    scratch.drop(made)
answer(said)
""",
    )
    # When a trigger was made is no part of it.
    old, new = (re.sub(r"\d{4}-\d\d-\d\d [\d:.]+|_copy", "", json.dumps(one)) for one in said)
    assert json.loads(new) == json.loads(old)
    assert said[1][-3:] == [
        [["50", "1", "0", "2", "2"], ["52", "5", "10", "10", "6"]],
        [["1", "2"], ["5", "6"]],
        [["utf8mb4_bin"]],
    ]


def test_mysql_copies_sequences_of_mariadb(mariadb: servers.Config) -> None:
    said = run(
        servers.beside(mariadb, "sequence"),
        """
scratch.create(config)
scratch.use("default", config)
run("CREATE SEQUENCE s START WITH 7 INCREMENT BY 3 NOCACHE")
run("CREATE TABLE t (id integer DEFAULT nextval(s) PRIMARY KEY)")
run("INSERT INTO t VALUES ()")
new = scratch.copy(config, config["NAME"] + "_copy")
scratch.use("default", new)
run("INSERT INTO t VALUES ()")
answer(run("SELECT * FROM t"))
for made in (config, new):
    scratch.drop(made)
""",
    )
    assert said == [["7"], ["10"]]


def test_mysql_text_is_any_text(mariadb: servers.Config) -> None:
    # Django before 4.0 says less by itself.
    own = {**mariadb, "NAME": "not_there", "OPTIONS": {"charset": "utf8mb4"}}
    said = run(
        servers.beside(mariadb, "text"),
        """
scratch.create(config)
scratch.use("default", config)
run("CREATE TABLE t (name varchar(20) COMMENT 'ä')")
run("INSERT INTO t VALUES ('🐘')")
new = scratch.copy(config, config["NAME"] + "_copy")
scratch.use("default", new)
answer(["COMMENT 'ä'" in run("SHOW CREATE TABLE t")[0][1], *run("SELECT * FROM t")])
for made in (config, new):
    scratch.drop(made)
""",
        own,
    )
    assert said == [True, ["🐘"]]


def test_sqlite_copies_what_a_log_still_holds(sqlite: servers.Config) -> None:
    said = run(
        servers.beside(sqlite, "log"),
        """
import os, sqlite3
scratch.create(config)
other = sqlite3.connect(config["NAME"])
other.execute("PRAGMA journal_mode = WAL")
other.execute("CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT)")
other.execute("INSERT INTO t VALUES (41)")
other.execute("DELETE FROM t")
other.commit()
new = scratch.copy(config, config["NAME"] + "_copy")
scratch.use("default", new)
run("INSERT INTO t DEFAULT VALUES")
said = run("SELECT * FROM t")
other.close()
for made in (config, new):
    scratch.drop(made)
answer([said, os.listdir(os.path.dirname(config["NAME"]))])
""",
    )
    assert said == [[["42"]], []]
