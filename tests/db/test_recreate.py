"""``remigrate db recreate``: what goes, what comes, and when it keeps its hands off."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from remigrate import git, options
from remigrate.db import flow, recreate
from remigrate.errors import UsageFailure
from remigrate.memory import NoCache
from remigrate.probe import dropping, recreating
from remigrate.servers import Config
from tests.cli.project import Ran, refused
from tests.db.served import DRIVER, cursor, database
from tests.db.test_status import Stall

LOCAL = "DEBUG = True\n"
USERS = 'INSTALLED_APPS += ["django.contrib.auth", "django.contrib.contenttypes"]\n'
ELSEWHERE = """
DATABASES["default"] = {{
    "ENGINE": "django.db.backends.{kind}", "NAME": "shop", "HOST": "{host}", "PORT": "9",
    "OPTIONS": {options},
}}
"""


@pytest.fixture
def stall(tmp_path: Path) -> Stall:
    stall = Stall.open(tmp_path / "stall")
    assert isinstance(stall, Stall)
    stall.settings(LOCAL)
    return stall


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Stall:
    once = Stall.open(tmp_path_factory.mktemp("once") / "stall")
    assert isinstance(once, Stall)
    once.settings(LOCAL)
    once.migrate()
    with once.rows() as cursor:
        cursor.executemany("INSERT INTO shop_product (name) VALUES (?)", [("tea",), ("jam",)])
    return once


@pytest.fixture
def filled(once: Stall, tmp_path: Path) -> Stall:
    return Stall(once.copy(tmp_path / "stall").path)


def run(stall: Stall, *words: str, env: dict[str, str] | None = None) -> Ran:
    """Without a backup, which takes its time, where it is not asked for."""
    more = words if "--backup" in words else (*words, "--no-backup")
    return stall.remigrate("db", "recreate", "--python", sys.executable, *more, env=env)


def products(stall: Stall) -> int:
    with stall.rows() as cursor:
        (found,) = cursor.execute("SELECT count(*) FROM shop_product").fetchone()
    return int(found)


def untouched(stall: Stall, ran: Ran, code: int, why: str, way_out: str) -> None:
    refused(ran, code, why, way_out)
    assert products(stall) == 2


def test_without_apply_it_tells_what_would_go(filled: Stall) -> None:
    before = (filled.path / "db.sqlite3").read_bytes()
    ran = run(filled, "--color", "never")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("default  sqlite 3.")
    assert "! 2 tables with 3 rows would be gone:\n" in ran.out
    assert "      shop_product  2\n" in ran.out
    assert "dropped and made anew, and then: migrate (1 migration)" in ran.out
    assert "Nothing was done. To do it, add --apply" in ran.out
    assert (filled.path / "db.sqlite3").read_bytes() == before


def test_the_database_is_new_and_migrated(filled: Stall) -> None:
    file = filled.path / "db.sqlite3"
    file.chmod(0o640)
    filled.settings(LOCAL + USERS)
    ran = run(filled, "--apply", "--backup", "--color", "never")
    assert (ran.code, ran.err) == (0, ""), ran
    assert products(filled) == 0
    told = "What was there before: remigrate db restore .remigrate/backups/.*"
    assert re.search(f"{told} --part dump --apply --python {sys.executable}\n", ran.out)
    assert "  |   Applying shop.0001_initial... OK" in ran.out
    assert "Next: python manage.py createsuperuser" in ran.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert filled.manage("migrate", "--check").code == 0


def test_what_sqlite_keeps_beside_the_file_goes_too(tmp_path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        (tmp_path / f"db.sqlite3{end}").write_bytes(b"of a process that was killed")
    path = tmp_path / "db.sqlite3"
    dropping.make_anew({"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)})
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b""


def test_one_that_is_not_there_is_made(stall: Stall) -> None:
    ran = run(stall)
    assert ran.code == 0
    assert "there is no such database yet" in ran.out
    assert not (stall.path / "db.sqlite3").exists()
    assert run(stall, "--apply").code == 0
    assert products(stall) == 0


def test_a_broken_one_may_go_and_a_link_to_it_stays(filled: Stall) -> None:
    file, there = filled.path / "db.sqlite3", filled.path / "elsewhere.sqlite3"
    there.write_bytes(file.read_bytes()[:100] + b"\xff" * 5000)
    file.unlink()
    file.symlink_to(there.name)
    assert "what is in it could not be read" in run(filled).out
    assert run(filled, "--apply").code == 0
    assert file.is_symlink()
    assert products(filled) == 0


def test_the_names_of_many_tables_are_cut_and_rows_not_counted_for_ever(filled: Stall) -> None:
    with filled.rows() as cursor:
        for number in range(9):
            cursor.execute(f"CREATE TABLE more_{number} AS SELECT 1 AS one")
        cursor.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001)"
            " INSERT INTO shop_product (name) SELECT i FROM n"
        )
    told = run(filled).out
    assert "with more than 100," in told
    assert "more (--verbose lists all)" in told
    assert "more_8  1" in run(filled, "--verbose").out


def test_where_debug_is_off_the_name_is_asked_for(filled: Stall) -> None:
    filled.settings("")
    untouched(filled, run(filled, "--apply"), 2, "DEBUG is off", "--name db.sqlite3")
    assert run(filled, "--apply", "--name", "db.sqlite3").code == 0
    assert products(filled) == 0


def test_a_name_that_is_wrong_is_wrong_also_where_none_is_needed(filled: Stall) -> None:
    untouched(filled, run(filled, "--apply", "--name", "shop"), 2, "not called shop", "db.sqlite3")


OTHER = 'DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "other.sqlite3"}\n'


def test_of_several_databases_one_has_to_be_named(filled: Stall) -> None:
    filled.settings(LOCAL + OTHER + 'DATABASES["away"] = {"ENGINE": "django.db.backends.oracle"}\n')
    untouched(filled, run(filled, "--apply"), 2, "away, default, other", "--alias ALIAS")
    ran = run(filled, "--apply", "--alias", "othre")
    untouched(filled, ran, 2, "no database othre", "They have: away, default, other.")
    ran = run(filled, "--apply", "--alias", "default", "--alias", "other")
    untouched(filled, ran, 2, "more than once", "One database at a time.")
    ran = run(filled, "--apply", "--alias", "other")
    assert ran.code == 0
    assert "createsuperuser" not in ran.out
    assert (filled.path / "other.sqlite3").exists()
    assert products(filled) == 2


def test_a_database_of_two_aliases_is_refused(filled: Stall) -> None:
    (filled.path / "link.sqlite3").symlink_to("db.sqlite3")
    filled.settings(LOCAL + OTHER.replace("other.sqlite3", "./link.sqlite3"))
    ran = run(filled, "--apply", "--alias", "other")
    untouched(filled, ran, 2, "the database of default, too", "a database of its own")


def test_a_mirror_is_refused(filled: Stall) -> None:
    filled.settings(LOCAL + OTHER + 'DATABASES["other"]["TEST"] = {"MIRROR": "default"}\n')
    (filled.path / "other.sqlite3").write_bytes((filled.path / "db.sqlite3").read_bytes())
    ran = run(filled, "--apply", "--alias", "other")
    untouched(filled, ran, 2, "other is a mirror of default", "--alias default")
    assert (filled.path / "other.sqlite3").stat().st_size


def test_one_in_memory_is_refused(stall: Stall) -> None:
    stall.settings(f'{LOCAL}DATABASES["default"]["NAME"] = "file:shop?mode=memory"\n')
    refused(run(stall, "--apply"), 2, "in memory", "just migrate")


def test_a_file_that_is_no_database_stays(stall: Stall) -> None:
    text = stall.write("db.sqlite3", "The only copy of my thesis, named by mistake.")
    refused(run(stall, "--apply"), 2, "db.sqlite3 is not a SQLite database", "by hand")
    assert text.read_text().startswith("The only copy")


def test_a_folder_that_is_not_there_is_not_made(stall: Stall) -> None:
    stall.settings(f'{LOCAL}DATABASES["default"]["NAME"] = "data/db.sqlite3"\n')
    refused(run(stall, "--apply"), 4, "/data cannot be made or removed", "Make the folder")


def test_nobody_who_writes_loses_what_they_write(filled: Stall) -> None:
    with contextlib.closing(sqlite3.connect(filled.path / "db.sqlite3")) as database:
        database.execute("BEGIN IMMEDIATE")
        untouched(filled, run(filled, "--apply"), 4, "somebody is writing to", "Let them finish")


def test_what_migrate_would_not_start_with_is_found_before(filled: Stall) -> None:
    filled.migration_of("shop", "0002_a", ("shop", "0001_initial"))
    filled.migration_of("shop", "0002_b", ("shop", "0001_initial"))
    ran = run(filled, "--apply")
    untouched(filled, ran, 2, "Conflicting migrations detected: ", "remigrate check tells more")


def test_a_migrate_that_fails_is_told_with_its_own_words(filled: Stall) -> None:
    filled.write(
        "shop/migrations/0002_fails.py",
        "from django.db import migrations\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [migrations.RunSQL('SELECT * FROM nothing_of_that_name')]\n",
    )
    ran = run(filled, "--apply", "--backup")
    assert ran.code == 4
    assert "error: the database was made anew, and then `migrate` ended with 1\n" in ran.err
    assert "  | django.db.utils.OperationalError: no such table: nothing_of_that_name" in ran.err
    said = re.search(r"run this command once more. What was there before: remigrate (.*)", ran.err)
    assert said is not None
    assert said[1].endswith(f" --python {sys.executable}")
    (filled.path / "shop/migrations/0002_fails.py").unlink()
    back = filled.remigrate(*said[1].split())
    assert back.code == 0, back
    assert products(filled) == 2


def test_nothing_goes_that_could_not_be_kept(filled: Stall) -> None:
    filled.write(".remigrate", "in the way")
    ran = run(filled, "--apply", "--backup")
    assert ran.code != 0
    assert ".remigrate" in ran.err
    assert products(filled) == 2


def test_another_machine_is_refused_before_it_is_asked(stall: Stall) -> None:
    """Also the service of docker compose that is called so."""
    stall.settings(LOCAL + ELSEWHERE.format(kind="mysql", host="db", options="{}") + DRIVER)
    refused(run(stall, "--apply"), 2, "shop on db:9 is on another machine", "--name shop")
    refused(run(stall, "--apply", "--name", "shop"), 4, "could not be asked", "Start the server")


@pytest.mark.parametrize("variable", ["PGSERVICE", "PGHOST"])
def test_an_environment_that_leads_elsewhere_is_refused(stall: Stall, variable: str) -> None:
    stall.settings(LOCAL + ELSEWHERE.format(kind="postgresql", host="", options="{}"))
    why, way = {
        "PGSERVICE": ("PGSERVICE, which may lead to another server", "Give HOST"),
        "PGHOST": ("on another machine, or in a container of its own: production", "--name shop"),
    }[variable]
    refused(run(stall, env={variable: "production"}), 2, why, way)


POSTGRESQL, MYSQL = "django.db.backends.postgresql", "django.db.backends.mysql"
AWAY = [
    (POSTGRESQL, "db.example.org", {}),
    (POSTGRESQL, "10.0.0.7", {}),
    (POSTGRESQL, "localhost,db.example.org", {}),
    (POSTGRESQL, "localhost", {"hostaddr": "10.0.0.7"}),
    (POSTGRESQL, "", {"service": "production"}),
    (MYSQL, "", {"host": "db.example.org"}),
    (MYSQL, "", {"read_default_file": "my.cnf"}),
]
HERE = ["", "localhost", "LOCALHOST", "127.0.0.1", "127.8.0.1", "::1", "/var/run/postgresql"]


@pytest.mark.parametrize("found", AWAY, ids=str)
def test_what_leads_to_another_machine(found: tuple[str, str, dict[str, str]]) -> None:
    pymysql.install_as_MySQLdb()
    engine, host, words = found
    assert recreating.away({"ENGINE": engine, "HOST": host, "OPTIONS": words})


@pytest.mark.parametrize("host", HERE)
def test_what_is_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert recreating.away({"ENGINE": POSTGRESQL, "HOST": host}) == ""


def test_options_that_name_the_database_are_refused(stall: Stall) -> None:
    words = ELSEWHERE.format(kind="postgresql", host="", options='{"dbname": "production"}')
    stall.settings(LOCAL + words)
    refused(run(stall, "--name", "shop"), 2, "do not name the database", "Give NAME")


def test_the_refusal_is_also_where_it_is_dropped(filled: Stall) -> None:
    filled.settings("")
    wanted = options.Options(path=str(filled.path), python=sys.executable)
    repository = git.open_repository(wanted.path, os.environ)
    place = flow.place(repository, wanted, os.environ, NoCache())
    found = recreate.Found(place, "default", "", "", False, (), False, 0, False)
    with pytest.raises(UsageFailure, match="DEBUG is off"):
        recreate.make_anew(found, wanted, lambda _: "", lambda _: None)
    assert products(filled) == 2


# --- servers --------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(stall: Stall, config: Config, how: str = "", **other: str) -> Iterator[Config]:
    """The stall on a database of that server, with one product; settings may differ by `other`."""
    with database(config, how) as own:
        with cursor(own) as there:
            there.execute("CREATE TABLE shop_product (name varchar(20))")
            there.execute("INSERT INTO shop_product (name) VALUES ('tea')")
        stall.settings(f'{LOCAL}DATABASES["default"] = {own | other!r}\n{DRIVER}')
        yield own


def count(config: Config) -> int:
    with cursor(config) as there:
        there.execute("SELECT count(*) FROM shop_product")
        return int(there.fetchone()[0])


LIKE = ("SELECT pg_encoding_to_char(encoding), datcollate, pg_get_userbyid(datdba), datconnlimit,"
        " (SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = pg_database.oid),"
        " (SELECT count(*) FROM pg_extension WHERE extname = 'citext')"
        " FROM pg_database WHERE datname = current_database()")  # fmt: skip


@pytest.mark.needs("servers")
def test_postgresql_is_made_as_it_was(stall: Stall, postgresql: Config) -> None:
    how = "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' CONNECTION LIMIT 7"
    with served(stall, postgresql, how) as own:
        with cursor(own) as there:
            there.execute("DROP ROLE IF EXISTS keeper")
            there.execute("CREATE ROLE keeper")
            there.execute(f"ALTER DATABASE {own['NAME']} OWNER TO keeper")
            there.execute(f"ALTER DATABASE {own['NAME']} SET search_path = public, pg_catalog")
            there.execute("CREATE EXTENSION citext")
            before = there.execute(LIKE).fetchone()
        assert "shop_product  1" in run(stall).out
        ran = run(stall, "--apply", "--backup")
        assert (ran.code, ran.err) == (0, ""), ran
        assert count(own) == 0
        with cursor(own) as there:
            assert there.execute(LIKE).fetchone() == before
            there.execute(
                "SELECT count(*) FROM pg_database WHERE datname ~ '^remigrate_[0-9a-f]+$'"
            )
            assert there.fetchone() == (0,)
            there.execute(f"ALTER DATABASE {own['NAME']} OWNER TO CURRENT_USER")
            there.execute("DROP ROLE keeper")


@pytest.mark.needs("servers")
def test_postgresql_keeps_what_others_are_connected_to(stall: Stall, postgresql: Config) -> None:
    with served(stall, postgresql) as own, cursor(own) as somebody:
        somebody.execute("SET application_name = 'runserver'")
        ran = run(stall, "--apply")
        refused(ran, 4, "1 of remigrate (runserver)", "End them first")
        assert count(own) == 1


@pytest.mark.needs("servers")
@pytest.mark.parametrize("may", ["CREATEDB", "NOCREATEDB"])
def test_a_user_of_postgresql_who_may_not_is_told_before(
    stall: Stall, postgresql: Config, may: str
) -> None:
    with served(stall, postgresql, USER="clerk", PASSWORD="clerk") as own, cursor(own) as there:
        there.execute(f"CREATE ROLE clerk LOGIN PASSWORD 'clerk' {may}")
        why = "clerk may not drop it" if may == "CREATEDB" else "clerk may not create databases"
        try:
            refused(run(stall, "--apply"), 4, why, "Use one in the settings who may")
            assert count(own) == 1
        finally:
            there.execute("DROP ROLE clerk")


@pytest.mark.needs("servers")
def test_mariadb_is_made_as_it_was(stall: Stall, mariadb: Config) -> None:
    with served(stall, mariadb, "CHARACTER SET latin1 COLLATE latin1_german2_ci") as own:
        assert "shop_product  1" in run(stall).out
        ran = run(stall, "--apply")
        assert (ran.code, ran.err) == (0, ""), ran
        assert count(own) == 0
        with cursor(own) as there:
            there.execute("SELECT @@character_set_database, @@collation_database")
            assert there.fetchone() == ("latin1", "latin1_german2_ci")


@pytest.mark.needs("servers")
def test_mariadb_waits_for_others_and_then_leaves_it(stall: Stall, mariadb: Config) -> None:
    with served(stall, mariadb) as own:
        with cursor(own) as somebody:
            somebody.execute("BEGIN")
            somebody.execute("SELECT * FROM shop_product FOR UPDATE")
            refused(run(stall, "--apply"), 4, "is as it was: OperationalError", "try again")
        assert count(own) == 1


@pytest.mark.needs("servers")
def test_a_user_of_mariadb_who_may_not_is_told_before(stall: Stall, mariadb: Config) -> None:
    with served(stall, mariadb, USER="clerk", PASSWORD="clerk") as own, cursor(own) as there:
        there.execute("CREATE USER 'clerk'@'127.0.0.1' IDENTIFIED BY 'clerk'")
        there.execute(f"GRANT SELECT, DROP ON {own['NAME']}.* TO 'clerk'@'127.0.0.1'")
        try:
            refused(run(stall, "--apply"), 4, "Access denied", "Use one in the settings who may")
            assert count(own) == 1
        finally:
            there.execute("DROP USER 'clerk'@'127.0.0.1'")
