"""Traps that need PostgreSQL: 13, 14, 15, 16 and 17."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from remigrate import servers
from tests.reset.traps.project import Project, add, alter, app, create, migration, model

NAME, NOTE = (
    "name=models.CharField(max_length=20)",
    "note=models.CharField(default='', max_length=9)",
)
FIRST = [("shop", "0001_initial")]
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'shop_item' ORDER BY 1"
Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path, postgresql: servers.Config) -> Make:
    """Makes a project whose databases are on the server."""

    def made(*apps: str) -> Project:
        project = Project(tmp_path, apps or ("shop",), postgresql)
        found = project.python("-c", "import psycopg")
        if found.returncode:
            pytest.skip("the project's interpreter has no psycopg")
        return project

    return made


def prepared(project: Project, *names: str) -> None:
    """Make empty databases."""
    for name in names:
        done = project.python("-c", _CREATE, str(project.database(name)["NAME"]), database="")
        assert done.returncode == 0, done.stderr


_CREATE = """
import sys, django; django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = "postgres"
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(f'DROP DATABASE IF EXISTS "{sys.argv[1]}"')
    cursor.execute(f'CREATE DATABASE "{sys.argv[1]}"')
"""


def holds(project: Project, *queries: str) -> None:
    """Demand that old and new databases answer alike, and that nothing is left to be done."""
    before = [project.query("old", query) for query in queries]
    project.migrate("old")
    project.migrate("fresh")
    assert [project.query("old", query) for query in queries] == before
    assert [project.query("fresh", query) for query in queries] == before
    checked = project.manage("makemigrations", "--check", "--dry-run", database="fresh")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("seeded", [False, True])
def test_trap_13_an_index_that_was_built_concurrently_can_still_be_built(
    make: Make, seeded: bool
) -> None:
    """The index had been added without locking the table, in a migration that is not atomic. In
    Django's own squash it stands in a transaction, where PostgreSQL refuses it."""
    index = "models.Index(fields=['name'], name='shop_name')"
    seed = "migrations.RunSQL(\"INSERT INTO shop_item (name) VALUES ('pen')\")"
    project = make().write(
        app(
            "shop",
            model("Item", NAME, NOTE, meta=f"indexes = [{index}]"),
            m0001_initial=migration(
                create("Item", NAME), *([seed] if seeded else []), initial=True
            ),
            m0002_index=migration(
                f"AddIndexConcurrently('item', {index})",
                above="from django.contrib.postgres.operations import AddIndexConcurrently\n",
                after=FIRST,
                atomic=False,
            ),
            m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_index")]),
        )
    )
    prepared(project, "old", "fresh", "naive")
    project.commit().migrate("old")
    squashed = project.manage(
        "squashmigrations", "shop", "0003", "--no-input", "--no-optimize", database="old"
    )
    assert squashed.returncode == 0, squashed.stderr
    naive = project.manage("migrate", database="naive")
    assert "AddIndexConcurrently" in naive.stderr
    project.git("clean", "--force", "--quiet")
    project.reset("shop").proved()
    holds(project, INDEXES, "SELECT name, note FROM shop_item")


def test_trap_14_extensions_and_exclusion_constraints_come_along(make: Make) -> None:
    """Bookings of one room may not overlap, which takes an extension that no model mentions. The
    regenerated history forgot it, and no new database could be built."""
    span = "span=DateTimeRangeField()"
    room = "room=models.IntegerField()"
    limit = (
        "ExclusionConstraint(name='shop_apart', expressions="
        "[('span', RangeOperators.OVERLAPS), ('room', RangeOperators.EQUAL)])"
    )
    above = (
        "from django.contrib.postgres.constraints import ExclusionConstraint\n"
        "from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators\n"
        "from django.contrib.postgres.operations import BtreeGistExtension\n"
    )
    project = make("shop", "django.contrib.postgres").write(
        app(
            "shop",
            above + model("Booking", span, room, NOTE, meta=f"constraints = [{limit}]"),
            m0001_initial=migration(create("Booking", span, room), above=above, initial=True),
            m0002_extension=migration("BtreeGistExtension()", above=above, after=FIRST),
            m0003_apart=migration(
                f"migrations.AddConstraint('booking', {limit})",
                above=above,
                after=[("shop", "0002_extension")],
            ),
            m0004_note=migration(add("Booking", NOTE), after=[("shop", "0003_apart")]),
        )
    )
    models = project.read("shop/models.py").replace(", BtreeGistExtension", "")
    models = models.replace(
        "from django.contrib.postgres.operations import BtreeGistExtension\n", ""
    )
    project.write({"shop/models.py": models})
    prepared(project, "old", "fresh", "naive")
    project.commit().migrate("old")
    project.remove(*(f"shop/migrations/{name}.py" for name in project.names()))
    regenerated = project.manage("makemigrations", "shop", database="naive")
    assert regenerated.returncode == 0, regenerated.stderr
    assert "gist" in project.manage("migrate", database="naive").stderr
    project.git("clean", "--force", "--quiet")
    project.git("checkout", "--quiet", ".")
    outcome = project.reset("shop").proved()
    assert outcome.ways == {"shop": "compact"}
    holds(
        project,
        "SELECT extname FROM pg_extension ORDER BY 1",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'x'",
    )


TRIGGER = """
CREATE FUNCTION shop_upper() RETURNS trigger AS $$
BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$ LANGUAGE plpgsql;
CREATE TRIGGER shop_upper BEFORE INSERT ON shop_item FOR EACH ROW EXECUTE FUNCTION shop_upper();
ALTER TABLE shop_item ADD CONSTRAINT shop_named CHECK (name <> '') NOT VALID;
ALTER TABLE shop_item SET (fillfactor = 70);
CREATE TABLE shop_log (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE shop_log_early PARTITION OF shop_log FOR VALUES FROM ('2000-01-01') TO ('2020-01-01');
"""


def test_trap_15_what_only_sql_can_say_is_kept(make: Make) -> None:
    """A trigger, a check that was never validated, a storage option and a partitioned table had all
    been made with SQL. None of them is in any project state."""
    project = make().write(
        app(
            "shop",
            model("Item", NAME, NOTE),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_sql=migration(f"migrations.RunSQL({TRIGGER!r})", after=FIRST),
            m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_sql")]),
        )
    )
    prepared(project, "old", "fresh")
    project.commit().migrate("old")
    project.reset("shop").proved()
    holds(
        project,
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT conname, convalidated FROM pg_constraint WHERE conname LIKE 'shop%' ORDER BY 1",
        "SELECT relname, relkind, reloptions FROM pg_class WHERE relname LIKE 'shop%' ORDER BY 1",
    )


def test_trap_16_a_unique_constraint_that_took_over_an_index_is_one_index(make: Make) -> None:
    """A unique index was built first, and then made into a constraint, which renamed it. A squash
    that asks for it by its first name, if it is not there, builds a second one."""
    sql = (
        "CREATE UNIQUE INDEX shop_early ON shop_item (name)",
        "ALTER TABLE shop_item ADD CONSTRAINT shop_unique UNIQUE USING INDEX shop_early",
    )
    limit = "models.UniqueConstraint(fields=['name'], name='shop_unique')"
    project = make().write(
        app(
            "shop",
            model("Item", NAME, NOTE, meta=f"constraints = [{limit}]"),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_unique=migration(
                f"migrations.SeparateDatabaseAndState(database_operations=["
                f"{', '.join(f'migrations.RunSQL({each!r})' for each in sql)}],"
                f" state_operations=[migrations.AddConstraint('item', {limit})])",
                after=FIRST,
            ),
            m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_unique")]),
        )
    )
    prepared(project, "old", "fresh", "naive")
    project.commit().migrate("old")
    project.migrate("naive")
    project.query("naive", sql[0].replace("INDEX", "INDEX IF NOT EXISTS"))
    assert len(project.query("naive", INDEXES)) == 3
    project.reset("shop").proved()
    holds(project, INDEXES)
    assert len(project.query("old", INDEXES)) == 2


def test_trap_17_constraints_keep_the_names_of_an_older_table(make: Make) -> None:
    """The table was renamed, and its keys, constraints and sequence were not. A new database names
    them all after the new table, and the next migration has to find them in both."""
    unique = "name=models.CharField(max_length=20, unique=True)"
    owner = "owner=models.ForeignKey('shop.Person', null=True, on_delete=models.CASCADE)"
    project = make().write(
        app(
            "shop",
            model("Person", NAME) + model("Product", unique, owner),
            m0001_initial=migration(
                create("Person", NAME), create("Item", unique, owner), initial=True
            ),
            m0002_product=migration('migrations.RenameModel("Item", "Product")', after=FIRST),
            m0003_owner=migration(alter("Product", owner), after=[("shop", "0002_product")]),
        )
    )
    prepared(project, "old", "fresh")
    project.commit().migrate("old")
    names = (
        "SELECT conname FROM pg_constraint WHERE conrelid = 'shop_product'::regclass AND"
        " contype IN ('u', 'f') ORDER BY 1"
    )
    before = project.query("old", names)
    assert all("shop_item" in name for (name,) in before)
    project.reset("shop").proved()
    holds(project, "SELECT name, owner_id FROM shop_product")
    assert project.query("old", names) == before
    bare = model("Person", NAME) + model("Product", NAME)
    project.write({"shop/models.py": f"from django.db import models\n{bare}"})
    assert project.manage("makemigrations", "shop", database="fresh").returncode == 0
    for database in ("old", "fresh"):
        project.migrate(database)
        assert project.query(database, names) == []


SEED = """

def seed(apps, schema_editor):
    item = apps.get_model("shop", "Item")
    item.objects.bulk_create([item(name=name, note="x") for name in "ab"])
"""


def test_what_was_unique_together_for_a_while_is_found_when_it_goes(make: Make) -> None:
    """django-oscar, pulpcore, nautobot: in one migration, Django looks for a constraint that it
    only makes in the end."""
    pair = "'unique_together': {('name', 'note')}"
    project = make().write(
        app(
            "shop",
            model("Item", NAME),
            m0001_initial=migration(create("Item", NAME, NOTE, options=pair), initial=True),
            m0002_seed=migration("migrations.RunPython(seed)", above=SEED, after=FIRST),
            m0003_free=migration(
                "migrations.AlterUniqueTogether('item', set())", after=[("shop", "0002_seed")]
            ),
            m0004_no_note=migration(
                "migrations.RemoveField('item', 'note')", after=[("shop", "0003_free")]
            ),
        )
    )
    prepared(project, "old", "fresh")
    project.commit().migrate("old")
    outcome = project.reset("shop").proved()
    assert [each["after"] for each in outcome.report["apps"]] == [2]
    holds(project, INDEXES, "SELECT name FROM shop_item ORDER BY 1")


def test_a_type_that_only_sql_makes_is_made_before_the_columns_that_have_it(make: Make) -> None:
    """pulpcore: a domain, and then fields of it. Behind the models it comes too late."""
    typed = (
        "\n\nclass Path(models.TextField):\n"
        "    def db_type(self, connection):\n        return 'rel_path'\n"
    )
    place = "place=Path(default='')"
    project = make().write(
        app(
            "shop",
            typed + model("Item", NAME, place),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_domain=migration(
                "migrations.RunSQL('CREATE DOMAIN rel_path AS text', 'DROP DOMAIN rel_path')",
                after=FIRST,
            ),
            m0003_place=migration(
                add("Item", place.replace("Path", "shop.models.Path")),
                above="import shop.models\n",
                after=[("shop", "0002_domain")],
            ),
        )
    )
    prepared(project, "old", "fresh")
    project.commit().migrate("old")
    outcome = project.reset("shop", "--verbose").proved()
    assert "round 1" not in outcome.said
    holds(project, "SELECT * FROM shop_item")
