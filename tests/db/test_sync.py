"""``remigrate db sync`` on databases whose rows people have brought into disorder."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from remigrate.servers import Config
from tests.cli.project import Ran, refused
from tests.db.served import DRIVER, cursor, database
from tests.db.test_status import Stall
from tests.drift.store import ADD_PRICE, ADDED, MODELS, PRICE

SEED = """\
from django.db import migrations


def seed(apps, schema_editor):
    database = schema_editor.connection.alias
    apps.get_model("shop", "Product").objects.using(database).create(name="tea", price=3)


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_price")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
"""
ORDER = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("shop", "0002_price")]
    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("product", models.ForeignKey("shop.Product", models.CASCADE)),
            ],
        ),
    ]
"""
APPS = 'INSTALLED_APPS += ["orders"]\n'
_SCHEMAS = Path(__file__).parents[2] / "src/remigrate/schemas"
SCHEMA = Draft202012Validator(json.loads((_SCHEMAS / "db-sync-v1.json").read_text()))
NAMES = ["orders.0001_initial", "shop.0001_initial", "shop.0002_price", "shop.0003_seed"]


class Shelf(Stall):
    """A stall with a column that came later, a row that a migration wrote, and another app."""

    def sync(self, *words: str) -> Ran:
        return self.remigrate("db", "sync", "--python", sys.executable, *words)

    def said(self, code: int, *words: str) -> dict[str, Any]:
        """What JSON says of the default database."""
        ran = self.sync("--format", "json", *words)
        assert ran.code == code, ran
        document = json.loads(ran.out)
        SCHEMA.validate(document)
        found: dict[str, Any] = document["databases"][0]
        return found

    def do(self, *statements: str) -> None:
        """Somebody at work by hand."""
        with self.rows() as rows:
            for statement in statements:
                rows.execute(statement)

    def recorded(self) -> list[str]:
        """Rows of django_migrations, sorted."""
        with self.rows() as rows:
            return sorted(
                f"{label}.{name}"
                for label, name in rows.execute("SELECT app, name FROM django_migrations")
            )

    def is_in_order(self) -> bool:
        return (
            self.told()["wrong"] is False
            and self.manage("migrate", "--check").code == 0
            and self.sync().code == 0
        )


def fill(shelf: Stall, more: str = "") -> None:
    """Write the project."""
    shelf.settings(APPS + more)
    shelf.write("shop/models.py", MODELS + PRICE)
    shelf.write(ADDED, ADD_PRICE)
    shelf.write("shop/migrations/0003_seed.py", SEED)
    shelf.write("orders/__init__.py")
    shelf.write("orders/migrations/__init__.py")
    shelf.write("orders/migrations/0001_initial.py", ORDER)
    shelf.commit()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    once = Shelf.open(tmp_path_factory.mktemp("once") / "shelf")
    assert isinstance(once, Shelf)
    fill(once)
    once.migrate()
    return once


@pytest.fixture
def shelf(once: Shelf, tmp_path: Path) -> Shelf:
    return Shelf(once.copy(tmp_path / "shelf").path)


def test_rows_that_are_right_are_left_alone(shelf: Shelf) -> None:
    before = (shelf.path / "db.sqlite3").read_bytes()
    ran = shelf.sync("--apply", "--color", "never")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n  ✓ the rows say what the tables show\n")
    assert (shelf.path / "db.sqlite3").read_bytes() == before
    assert not (shelf.path / ".remigrate").exists()


def test_without_apply_nothing_is_written(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations")
    before = (shelf.path / "db.sqlite3").read_bytes()
    ran = shelf.sync("--color", "never")
    assert (ran.code, ran.err) == (1, "")
    assert "    + shop.0002_price\n" in ran.out
    assert "! 4 rows to insert, 0 rows to delete; --apply writes them\n" in ran.out
    assert (shelf.path / "db.sqlite3").read_bytes() == before
    assert shelf.said(1)["state"] == "planned"


@pytest.mark.parametrize("how", ["DELETE FROM", "DROP TABLE"])
def test_a_table_that_was_emptied_or_dropped_is_filled_again(shelf: Shelf, how: str) -> None:
    shelf.do(f"{how} django_migrations")
    found = shelf.said(0, "--apply")
    assert found["state"] == "written"
    assert shelf.recorded() == NAMES
    assert shelf.is_in_order()
    with shelf.rows() as rows:
        assert rows.execute("SELECT name FROM shop_product").fetchall() == [("tea",)]


def test_rows_of_other_apps_are_not_touched(shelf: Shelf) -> None:
    shelf.do(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('books', '0001', '2020-01-01')",
        "DELETE FROM django_migrations WHERE app = 'shop'",
    )
    with shelf.rows() as rows:
        before = rows.execute("SELECT * FROM django_migrations").fetchall()
    assert shelf.said(0, "--apply", "--applied", "shop.0003_seed")["state"] == "written"
    with shelf.rows() as rows:
        after = rows.execute("SELECT * FROM django_migrations").fetchall()
    assert set(before) < set(after)
    assert len(after) == len(before) + 3


def test_a_column_that_was_faked_is_made_by_migrate_afterwards(shelf: Shelf) -> None:
    shelf.migrate("orders", "zero")
    shelf.migrate("shop", "0001")
    shelf.migrate("--fake")
    ran = shelf.sync("--apply")
    assert ran.code == 1
    assert "would run again.\n      If it may: --pending shop.0003_seed\n" in ran.out
    assert shelf.recorded() == NAMES
    assert shelf.sync("--apply", "--pending", "shop.0003_seed").code == 0
    assert shelf.recorded() == ["shop.0001_initial"]
    shelf.migrate()
    assert shelf.is_in_order()


def test_a_backup_is_made_first_and_how_to_undo_it_is_said(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations WHERE name = '0002_price'")
    before = shelf.recorded()
    ran = shelf.sync("--apply", "--color", "never")
    assert "  ✓ 1 row inserted, 0 deleted\n" in ran.out
    undo = ran.out.partition("To undo it: remigrate ")[2].split()
    assert shelf.recorded() == NAMES
    undone = shelf.remigrate(*undo)
    assert undone.code == 0, undone
    assert shelf.recorded() == before


def test_a_squash_whose_part_was_applied_by_hand(shelf: Shelf) -> None:
    """All that the squash builds is there; the rows know of its first part alone."""
    for name in ("0001_initial", "0002_price"):
        (shelf.path / f"shop/migrations/{name}.py").unlink()
    squash = ORDER.replace('"shop", "0002_price"', '"shop", "none"')
    squash = squash.partition("    operations")[0].replace(
        '[("shop", "none")]',
        '[]\n    replaces = [("shop", "0001_initial"), ("shop", "0002_price")]',
    )
    fields = '("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")), ("name", models.CharField(max_length=20)), ("price", models.IntegerField(default=0))'  # noqa: E501
    squash += f'    operations = [migrations.CreateModel("Product", [{fields}])]\n'
    shelf.write("shop/migrations/0001_squashed.py", squash)
    for path, text in (
        ("shop/migrations/0003_seed", SEED),
        ("orders/migrations/0001_initial", ORDER),
    ):
        shelf.write(f"{path}.py", text.replace("0002_price", "0001_squashed"))
    shelf.do("DELETE FROM django_migrations WHERE name = '0002_price'")
    assert shelf.told(1)["lagging"]
    found = shelf.said(0, "--apply")
    assert found["apps"][0]["insert"] == ["shop.0001_squashed", "shop.0002_price"]
    assert shelf.is_in_order()


def test_migrations_that_cannot_be_run_prove_nothing(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations")
    shelf.write("shop/migrations/0003_seed.py", SEED.replace("name=", "nome="))
    ran = shelf.sync("--apply")
    assert ran.code == 1
    assert "the migrations on disk cannot be run: shop.0003_seed: TypeError" in ran.out
    assert shelf.recorded() == []


def test_two_leaves_have_to_be_settled_before(shelf: Shelf) -> None:
    shelf.migration_of("shop", "0003_more", ("shop", "0002_price"))
    ran = shelf.sync()
    assert ran.code == 1
    assert "Conflicting migrations detected: " in ran.out


def test_a_table_that_somebody_holds_is_waited_for_and_then_left_as_it_is(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations")
    with contextlib.closing(sqlite3.connect(shelf.path / "db.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = shelf.sync("--apply", "--lock-time-limit", "1")
    assert ran.code == 4
    assert "nothing was written: " in ran.out
    assert "To undo it" not in ran.out
    assert "django_migrations was held by somebody else for 1 s" in ran.out
    assert shelf.recorded() == []


def test_a_file_that_may_not_be_written(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations")
    shelf.settings(
        APPS + 'DATABASES["default"]["NAME"] = "file:db.sqlite3?mode=ro"\n'
        'DATABASES["default"]["OPTIONS"] = {"uri": True}\n'
    )
    ran = shelf.sync("--apply")
    assert ran.code == 4, ran
    assert "readonly database" in ran.out + ran.err
    assert shelf.recorded() == []


@pytest.mark.parametrize(
    ("words", "said", "way_out"),
    [
        (("--app", "shp"), "no app shp is installed", "Did you mean shop?"),
        (("--applied", "shop.0003_sed"), "no migration shop.0003_sed", "shop.0003_seed?"),
        (("--pending", "0003"), "no migration 0003 on disk", "names them"),
        (
            ("--applied", "shop.0003_seed", "--pending", "shop.0003_seed"),
            "named by --applied and by --pending",
            "Leave one of them out",
        ),
        (("--alias", "other"), "no database other", "They have: default."),
        (("--lock-time-limit", "0"), "invalid number value: '0'", "--help"),
    ],
)
def test_names_that_there_are_not(shelf: Shelf, words: Any, said: str, way_out: str) -> None:
    refused(shelf.sync(*words), 2, said, way_out)


def test_one_database_that_is_down_does_not_keep_the_others(shelf: Shelf) -> None:
    shelf.do("DELETE FROM django_migrations")
    shelf.settings(
        APPS + 'DATABASES["away"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",'
        ' "USER": "ada", "PASSWORD": "s3cret", "HOST": "127.0.0.1", "PORT": "9"}\n'
    )
    ran = shelf.sync("--apply")
    assert ran.code == 4
    assert "away  shop on 127.0.0.1:9\n  ✗ it could not be read: OperationalError" in ran.out
    assert "s3cret" not in ran.out + ran.err
    assert shelf.recorded() == NAMES


# Servers


@pytest.fixture(params=["postgresql", "mariadb"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shelf, Config, str]]:
    """A shelf with a database there, how to reach it, and a URL for scratch databases."""
    config: Config = request.getfixturevalue(request.param)
    shelf = Shelf.open(tmp_path / "shelf")
    assert isinstance(shelf, Shelf)
    scheme = "postgresql" if request.param == "postgresql" else "mysql"
    url = f"{scheme}://{config['USER']}:{config['PASSWORD']}@127.0.0.1:{config['PORT']}/{config['NAME']}"
    with database(config, "CHARACTER SET latin1" if scheme == "mysql" else "") as own:
        fill(shelf, f'DATABASES["default"] = {own!r}\n{DRIVER}')
        shelf.migrate()
        yield shelf, own, url


def test_on_servers(served: tuple[Shelf, Config, str]) -> None:
    shelf, own, url = served
    with cursor(own) as rows:
        add_what_no_migration_makes(rows)
        rows.execute("SELECT max(id) FROM django_migrations")
        (last,) = rows.fetchone()
        rows.execute("DELETE FROM django_migrations WHERE app = 'shop'")
        rows.execute(
            "INSERT INTO django_migrations (id, app, name, applied)"
            f" VALUES ({last + 1}, 'shop', '0001_old', '2020-01-01')"
        )
    assert shelf.said(0, "--apply", "--database", url)["state"] == "written"
    with cursor(own) as rows:
        rows.execute("SELECT app, name FROM django_migrations ORDER BY id")
        assert sorted(".".join(row) for row in rows.fetchall()) == NAMES
        rows.execute("INSERT INTO django_migrations (app, name, applied)"
                     " VALUES ('shop', 'x', '2020-01-01')")  # fmt: skip
        rows.execute("DELETE FROM django_migrations WHERE name = 'x'")
        rows.execute("SELECT name FROM shop_product")
        assert [*rows.fetchall()] == [("tea",)]
    assert shelf.manage("migrate", "--check").code == 0
    assert shelf.said(0, "--database", url)["state"] == "right"


def add_what_no_migration_makes(rows: Any) -> None:
    """A look at the schema under a lock finds these, too."""
    rows.execute("CREATE VIEW everything AS SELECT * FROM shop_product")
    rows.execute("SELECT version()")
    if re.search("MariaDB|PostgreSQL", str(rows.fetchone())):
        rows.execute("CREATE SEQUENCE numbers")  # MySQL has none


def test_a_user_who_may_only_read(served: tuple[Shelf, Config, str]) -> None:
    shelf, own, url = served
    with cursor(own) as rows:
        rows.execute("DELETE FROM django_migrations")
        password = "IDENTIFIED BY 'r'" if "mysql" in str(own["ENGINE"]) else "PASSWORD 'r'"
        on = f"{own['NAME']}.*" if "mysql" in str(own["ENGINE"]) else "ALL TABLES IN SCHEMA public"
        user = f"reader_{own['NAME'][-8:]}"  # type: ignore[index]
        rows.execute(f"CREATE USER {user} {password}")
        rows.execute(f"GRANT SELECT ON {on} TO {user}")
    try:
        mine = {**own, "USER": user, "PASSWORD": "r"}
        shelf.settings(f'{APPS}DATABASES["default"] = {mine!r}\n{DRIVER}')
        ran = shelf.sync("--apply", "--database", url)
        assert ran.code == 4
        why = "SELECT alone is not enough" if "mysql" in str(own["ENGINE"]) else "permission denied"
        assert why in ran.out
    finally:
        with cursor(own) as rows:
            rows.execute("SELECT count(*) FROM django_migrations")
            assert rows.fetchone() == (0,)
            if "mysql" not in str(own["ENGINE"]):
                rows.execute(f"DROP OWNED BY {user}")
            rows.execute(f"DROP USER {user}")


def test_a_lock_that_is_held_is_given_up_on(served: tuple[Shelf, Config, str]) -> None:
    shelf, own, url = served
    is_mysql = "mysql" in str(own["ENGINE"])
    with cursor(own) as rows:
        rows.execute("DELETE FROM django_migrations WHERE name = '0002_price'")
    with cursor(own) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLES django_migrations READ" if is_mysql
                      else "LOCK TABLE django_migrations IN SHARE MODE")  # fmt: skip
        ran = shelf.sync("--apply", "--database", url, "--lock-time-limit", "1")
        assert ran.code == 4, ran
        assert "django_migrations was held by somebody else for 1 s" in ran.out


WAITING = """\
import os
import time


def seed(apps, schema_editor):
    open("reached", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("statement", "why", "rows"),
    [
        ("ALTER TABLE shop_product ADD COLUMN by_hand TEXT", "the schema is another", []),
        (
            "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', 'x', '2026-01-01')",
            "django_migrations has other rows",
            ["shop.x"],
        ),
    ],
)
def test_what_was_compared_has_to_be_there_still_under_the_lock(
    shelf: Shelf, statement: str, why: str, rows: list[str]
) -> None:
    """Somebody is at work while the migrations are run."""
    shelf.do("DELETE FROM django_migrations")
    migration = SEED.partition("class Migration")
    code = migration[0].partition("def seed")[0] + WAITING
    shelf.write("shop/migrations/0003_seed.py", f"{code}\n\n{migration[1]}{migration[2]}")
    words = [sys.executable, "-m", "remigrate", "db", "sync", "--apply", "--python", sys.executable]
    with subprocess.Popen(words, cwd=shelf.path, stdout=subprocess.PIPE, text=True) as client:
        while client.poll() is None and not (shelf.path / "reached").exists():
            time.sleep(0.05)
        shelf.do(statement)
        shelf.write("go")
        out, _ = client.communicate(timeout=60)
    assert client.returncode == 4, out
    assert f"nothing was written: {why}" in out
    assert shelf.recorded() == rows
