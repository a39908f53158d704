"""``remigrate db status`` on databases that were really migrated, held against Django's words."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from remigrate import interpreters, runtime
from remigrate.servers import Config
from tests.cli.project import Ran, refused, run
from tests.drift.store import INITIAL, Store

MIGRATION = """\
from django.db import migrations


class Migration(migrations.Migration):
    replaces = {replaces}
    dependencies = {after}
    operations = []
"""
SQUASH = INITIAL.replace(
    "    initial = True\n", '    initial = True\n    replaces = [("shop", "0001_initial"), {}]\n'
)


class Stall(Store):
    """A store with a database, asked how it stands."""

    def migration_of(
        self, app: str, name: str, *after: tuple[str, str], replaces: Iterable[str] = ()
    ) -> Path:
        """Write one that does nothing."""
        text = MIGRATION.format(after=list(after), replaces=[(app, each) for each in replaces])
        return self.write(f"{app}/migrations/{name}.py", text)

    def manage(self, *words: str) -> Ran:
        return run(sys.executable, "manage.py", *words, cwd=self.path)

    def migrate(self, *words: str) -> None:
        ran = self.manage("migrate", "--verbosity=0", *words)
        assert ran.code == 0, ran.err

    def status(self, *words: str) -> Ran:
        return self.remigrate("db", "status", "--python", sys.executable, *words)

    def told(self, code: int = 0, *words: str) -> dict[str, Any]:
        """What JSON says of the default database."""
        ran = self.status("--format", "json", *words)
        assert ran.code == code, ran
        document = json.loads(ran.out)
        SCHEMA.validate(document)
        found: dict[str, Any] = document["databases"][0]
        return found

    @contextlib.contextmanager
    def rows(self) -> Iterator[sqlite3.Cursor]:
        """Somebody at work on the rows by hand."""
        with contextlib.closing(sqlite3.connect(self.path / "db.sqlite3")) as database:
            yield database.cursor()
            database.commit()


_SCHEMAS = Path(__file__).parents[2] / "src/remigrate/schemas"
SCHEMA = Draft202012Validator(json.loads((_SCHEMAS / "db-status-v1.json").read_text()))


def begun(path: Path) -> Stall:
    """Three migrations in a row, and an app beside it that depends on the second one; nothing of it
    is installed or committed yet."""
    stall = Stall.open(path)
    assert isinstance(stall, Stall)
    stall.migration_of("shop", "0002_price", ("shop", "0001_initial"))
    stall.migration_of("shop", "0003_stock", ("shop", "0002_price"))
    stall.write("orders/__init__.py")
    stall.write("orders/migrations/__init__.py")
    stall.migration_of("orders", "0001_initial", ("shop", "0002_price"))
    return stall


@pytest.fixture
def stall(tmp_path: Path) -> Stall:
    stall = begun(tmp_path / "stall")
    stall.settings('INSTALLED_APPS += ["orders"]\n')
    stall.commit()
    return stall


@pytest.fixture
def migrated(stall: Stall) -> Stall:
    stall.migrate()
    return stall


def test_a_database_that_is_not_there_is_not_made(stall: Stall) -> None:
    found = stall.told()
    assert found["missing"]
    assert len(found["pending"]) == 4
    assert not (stall.path / "db.sqlite3").exists()
    assert "there is no such database yet" in stall.status().out


def test_a_database_that_is_up_to_date(migrated: Stall) -> None:
    before = (migrated.path / "db.sqlite3").read_bytes()
    found = migrated.told()
    assert found["wrong"] is False
    assert len(found["applied"]) == 4
    assert found["pending"] == []
    assert (migrated.path / "db.sqlite3").read_bytes() == before
    ran = migrated.status("--color", "never")
    assert ran.out.startswith("default  sqlite 3.")
    assert ran.out.endswith("\n  ✓ 4 applied\n")


def test_what_is_pending_is_what_migrate_would_run(stall: Stall) -> None:
    stall.migrate("shop", "0002")
    found = stall.told()
    planned = stall.manage("migrate", "--plan").out
    assert [name for name in found["pending"] if name in planned] == found["pending"]
    assert sorted(found["pending"]) == ["orders.0001_initial", "shop.0003_stock"]
    assert "2 pending: `migrate`" in stall.status().out


def test_a_row_whose_file_is_gone_is_a_ghost(migrated: Stall) -> None:
    migrated.git("rm", "--quiet", "shop/migrations/0003_stock.py")
    found = migrated.told(1)
    assert [row["migration"] for row in found["ghosts"]] == ["shop.0003_stock"]
    assert "✗ 1 ghost: applied, and its file is gone" in migrated.status().out


def test_it_answers_where_django_itself_cannot_load_the_graph(migrated: Stall) -> None:
    (migrated.path / "shop/migrations/0002_price.py").unlink()
    assert "NodeNotFoundError" in migrated.manage("showmigrations").err
    found = migrated.told(1)
    assert [row["migration"] for row in found["ghosts"]] == ["shop.0002_price"]
    assert "NodeNotFoundError" in found["conflict"]


NAMES = ("shop.0001_initial", "shop.0002_price", "shop.0003_stock", "orders.0001_initial")


@pytest.mark.parametrize("gone", list(itertools.combinations(NAMES, 2)), ids=" ".join)
def test_out_of_order_is_what_django_calls_inconsistent(
    migrated: Stall, gone: tuple[str, str]
) -> None:
    with migrated.rows() as cursor:
        for name in gone:
            label, _, migration = name.partition(".")
            cursor.execute(
                "DELETE FROM django_migrations WHERE app = ? AND name = ?", (label, migration)
            )
    said = migrated.manage("migrate", "--plan")
    found = json.loads(migrated.status("--format", "json").out)["databases"][0]
    pairs = [(each["applied"], each["needs"]) for each in found["out_of_order"]]
    assert bool(pairs) == ("InconsistentMigrationHistory" in said.err) == found["wrong"]
    assert all(needed in gone and applied not in gone for applied, needed in pairs)
    assert bool(found["conflict"]) == bool(pairs)


def test_two_leaves_keep_migrate_from_starting(migrated: Stall) -> None:
    migrated.migration_of("shop", "0003_shelf", ("shop", "0002_price"))
    found = migrated.told(1)
    assert found["conflict"].startswith("Conflicting migrations detected: ")
    assert "0003_shelf" in found["conflict"]


def _squashed(stall: Stall) -> None:
    """The first two become one, and their files go."""
    for name in ("0001_initial", "0002_price"):
        (stall.path / f"shop/migrations/{name}.py").unlink()
    stall.write("shop/migrations/0001_squashed.py", SQUASH.format('("shop", "0002_price")'))
    stall.migration_of("shop", "0003_stock", ("shop", "0001_squashed"))
    stall.migration_of("orders", "0001_initial", ("shop", "0001_squashed"))


def test_rows_that_a_squash_replaces_are_no_ghosts(migrated: Stall) -> None:
    _squashed(migrated)
    found = migrated.told()
    assert sorted(row["migration"] for row in found["replaced"]) == sorted(NAMES[:2])
    assert found["ghosts"] == found["lagging"] == []


def test_a_part_of_a_squash_is_lagging_and_names_what_is_missing(stall: Stall) -> None:
    stall.migrate("shop", "0001")
    _squashed(stall)
    found = stall.told(1)
    (lag,) = found["lagging"]
    assert lag == {"squash": "shop.0001_squashed", "missing": [NAMES[1]], "files_gone": True}
    assert "shop.0001_squashed lacks shop.0002_price" in stall.status().out


def test_a_part_of_a_squash_whose_files_are_there_can_go_on(stall: Stall) -> None:
    stall.migrate("shop", "0001")
    stall.write("shop/migrations/0001_squashed.py", SQUASH.format('("shop", "0002_price")'))
    found = stall.told()
    assert found["wrong"] is False
    assert [lag["files_gone"] for lag in found["lagging"]] == [False]
    assert "shop.0002_price" in found["pending"]


def test_notes_of_a_squash_and_apps_that_are_gone_are_in_nobodys_way(migrated: Stall) -> None:
    with migrated.rows() as cursor:
        for row in (("shop", "before 0003_stock: made anew"), ("books", "0001_initial")):
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2026-01-01')",
                row,
            )
    found = migrated.told()
    assert [row["migration"] for row in found["marks"]] == ["shop.before 0003_stock: made anew"]
    assert [row["migration"] for row in found["of_other_apps"]] == ["books.0001_initial"]
    assert found["ghosts"] == []


def test_a_database_without_the_table_has_applied_nothing(stall: Stall) -> None:
    sqlite3.connect(stall.path / "db.sqlite3").execute("CREATE TABLE t (a)").connection.close()
    assert len(stall.told()["pending"]) == 4


def test_it_works_while_somebody_else_migrates(migrated: Stall) -> None:
    with contextlib.closing(sqlite3.connect(migrated.path / "db.sqlite3")) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM django_migrations")
        assert len(migrated.told()["applied"]) == 4


def test_the_projects_code_gets_to_no_database_meanwhile(migrated: Stall) -> None:
    migrated.settings('INSTALLED_APPS = ["shop.apps.Shop", "orders"]\n')
    migrated.write(
        "shop/apps.py",
        "from django.apps import AppConfig\n"
        "class Shop(AppConfig):\n"
        "    name = 'shop'\n"
        "    def ready(self):\n"
        "        from django.db import connections\n"
        "        with connections['default'].cursor() as cursor:\n"
        "            cursor.execute('DROP TABLE IF EXISTS django_migrations')\n",
    )
    assert len(migrated.told()["applied"]) == 4
    with migrated.rows() as cursor:
        assert len(cursor.execute("SELECT * FROM django_migrations").fetchall()) == 4


def test_one_database_that_is_down_does_not_hide_the_others(migrated: Stall) -> None:
    migrated.settings(
        'INSTALLED_APPS += ["orders"]\n'
        'DATABASES["away"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",'
        ' "USER": "ada", "PASSWORD": "s3cret", "HOST": "127.0.0.1", "PORT": "9"}\n'
    )
    ran = migrated.status()
    assert ran.code == 4
    assert "✓ 4 applied" in ran.out
    assert "away  shop on 127.0.0.1:9\n  ✗ it could not be read: OperationalError" in ran.out
    assert "s3cret" not in ran.out + ran.err
    assert migrated.status("--alias", "default").code == 0


def test_an_alias_that_there_is_not_is_refused(migrated: Stall) -> None:
    refused(migrated.status("--alias", "defualt"), 2, "no database defualt", "They have: default.")


def test_long_lists_are_cut_unless_all_is_asked_for(stall: Stall) -> None:
    for number in range(4, 20):
        before = "0003_stock" if number == 4 else f"{number - 1:04}_more"
        stall.migration_of("shop", f"{number:04}_more", ("shop", before))
    stall.migrate("shop", "0001")
    assert "… and 9 more (--verbose lists all)" in stall.status().out
    assert "shop.0019_more" in stall.status("--verbose").out


@pytest.fixture(params=["postgresql", "mariadb"])
def config(request: pytest.FixtureRequest) -> Config:
    found: Config = request.getfixturevalue(request.param)
    return found


@pytest.mark.needs("servers")
def test_servers_are_read_and_not_written(stall: Stall, config: Config) -> None:
    name = f"remigrate_stall_{os.getpid()}"
    made = {key: value for key, value in config.items() if key != "THROUGH"}
    stall.settings(
        'INSTALLED_APPS += ["orders"]\n'
        f'DATABASES["default"] = {made | {"NAME": name}!r}\n'
        f"ADMIN = {made!r}\n"
        "if 'mysql' in ADMIN['ENGINE']:\n"
        "    import pymysql\n"
        "    pymysql.install_as_MySQLdb()\n"
    )
    make = (
        "from django.conf import settings\n"
        "settings.DATABASES['default'].update(settings.ADMIN)\n"
        "from django.db import connection\n"
        "with connection.cursor() as cursor: cursor.execute({!r})\n"
    )
    assert stall.manage("shell", "-c", make.format(f"CREATE DATABASE {name}")).code == 0
    try:
        stall.migrate("shop", "0002")
        found = stall.told()
        assert found["server"].split()[0] in ("postgresql", "mysql")
        assert found["place"].startswith(f"{name} on ")
        assert sorted(found["pending"]) == ["orders.0001_initial", "shop.0003_stock"]
        assert len(found["applied"]) == 2
    finally:
        stall.manage("shell", "-c", make.format(f"DROP DATABASE {name}"))


@pytest.mark.parametrize(
    ("argv", "is_prefix", "manage", "settings", "typed"),
    [
        ("/x/python", False, "manage.py", None, "python manage.py migrate shop 0001"),
        ("/x/python", False, "back/manage.py", None, "python manage.py migrate shop 0001"),
        ("/x/python", False, "", "a.b", "python -m django migrate shop 0001 --settings a.b"),
        ("docker compose exec -T web python", True, "back/manage.py", None,
         "docker compose exec web python manage.py migrate shop 0001"),
    ],
)  # fmt: skip
def test_a_command_is_told_as_it_is_typed_here(
    argv: str, is_prefix: bool, manage: str, settings: str | None, typed: str
) -> None:
    interpreter = interpreters.Interpreter(tuple(argv.split()), "of a test", is_prefix)
    place = runtime.Place("/top", "back", manage, interpreter, settings, {})
    assert place.typed("migrate", "shop", "0001") == typed
    assert place.entered("/top") == ("cd back",)
    assert place.entered("/top/back") == ()
