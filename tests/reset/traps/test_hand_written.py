"""Code that people wrote into migrations: traps 9, 10, 11, 13, 28 and 29."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remigrate import cli
from remigrate.reset import trial
from tests.reset.traps.project import PYTHON, Project, add, alter, app, create, migration, model

NAME, PRICE, NOTE = (
    "name=models.CharField(max_length=20)",
    "price=models.IntegerField(default=0)",
    "note=models.CharField(default='', max_length=20)",
)
LATER = "later=models.CharField(null=True, max_length=9)"
"""A column that SQLite can add without making the table anew, which a view would not survive."""
FIRST = [("shop", "0001_initial")]
SEED = """
NAMES = ("pen", "ink")


def seed(apps, schema_editor):
    for name in NAMES:
        apps.get_model("shop", "Item").objects.create(name=name)
"""


def test_trap_09_seeds_that_are_called_elidable_are_kept(tmp_path: Path) -> None:
    """Somebody had marked the seeds elidable because they "only run once". After the squash every
    new database was without them. The helper that they use has to come along, too."""
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, PRICE),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_seed=migration(
                "migrations.RunPython(seed, migrations.RunPython.noop, elidable=True)",
                above=SEED,
                after=FIRST,
            ),
            m0003_price=migration(add("Item", PRICE), after=[("shop", "0002_seed")]),
        )
    )
    project.commit().migrate("old")
    project.manage("squashmigrations", "shop", "0003", "--no-input")
    project.migrate("naive")
    assert project.query("naive", "SELECT * FROM shop_item") == []
    project.git("clean", "--force", "--quiet")
    project.reset("shop").proved()
    project.holds()
    names = project.query("fresh", "SELECT name FROM shop_item ORDER BY id")
    assert names == [("pen",), ("ink",)]
    assert "import_module" not in project.read(f"shop/migrations/{project.names()[0]}.py")


def moved(folder: Path) -> Project:
    """A model that went from the app ``stock`` to the app ``shop``, with its table."""
    rename = 'migrations.AlterModelTable("Item", "shop_item")'
    return Project(folder, ["shop", "stock"]).write(
        {
            **app(
                "stock",
                model("Shelf", NAME, NOTE),
                m0001_initial=migration(create("Item", NAME), create("Shelf", NAME), initial=True),
                m0002_price=migration(add("Item", PRICE), after=[("stock", "0001_initial")]),
                m0003_move=migration(
                    f"migrations.SeparateDatabaseAndState(database_operations=[{rename}],"
                    ' state_operations=[migrations.DeleteModel("Item")])',
                    after=[("stock", "0002_price")],
                ),
                m0004_note=migration(add("Shelf", NOTE), after=[("stock", "0003_move")]),
            ),
            **app(
                "shop",
                model("Till", NAME) + model("Item", NAME, PRICE, NOTE),
                m0001_initial=migration(create("Till", NAME), initial=True),
                m0002_move=migration(
                    "migrations.SeparateDatabaseAndState(state_operations=["
                    f"{create('Item', NAME, PRICE)}])",
                    after=[("shop", "0001_initial"), ("stock", "0003_move")],
                ),
                m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_move")]),
            ),
        }
    )


@pytest.mark.parametrize("targets", [("--all",), ("shop",), ("stock",)])
def test_trap_10_a_model_that_moved_between_apps_has_one_table(
    tmp_path: Path, targets: tuple[str, ...]
) -> None:
    """A model moved to another app by operations that only one side of which touches the database.
    Regenerated app by app, its table was made by both, or left behind under the old name."""
    project = moved(tmp_path).commit()
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 3, '')")
    project.reset(*targets).proved()
    project.holds()
    assert "stock_item" not in project.shape("fresh")
    assert "shop_item" in project.shape("fresh")


def test_trap_10_a_relation_that_got_a_model_of_its_own_keeps_its_table(tmp_path: Path) -> None:
    """The table behind a many-to-many field became a model, by SQL on the one side and state on the
    other, as Django's own documentation has it. In one migration with the table's creation it
    fails, as the indexes are only made at the end, and the table has another name by then."""
    tags = "tags=models.ManyToManyField('shop.Tag')"
    through = "tags=models.ManyToManyField('shop.Tag', through='shop.Link')"
    keys = [
        f"{name}=models.ForeignKey('shop.{name.title()}', on_delete=models.CASCADE)"
        for name in ("item", "tag")
    ]
    rename = "ALTER TABLE shop_item_tags RENAME TO shop_link"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Tag", NAME) + model("Item", NAME, through) + model("Link", *keys, LATER),
            m0001_initial=migration(create("Tag", NAME), create("Item", NAME, tags), initial=True),
            m0002_link=migration(
                "migrations.SeparateDatabaseAndState("
                f"database_operations=[migrations.RunSQL({rename!r})],"
                f" state_operations=[{create('Link', *keys)}, {alter('Item', through)}])",
                after=FIRST,
            ),
            m0003_later=migration(add("Link", LATER), after=[("shop", "0002_link")]),
            m0004_later=migration(alter("Link", LATER), after=[("shop", "0003_later")]),
            m0005_name=migration(alter("Tag", NAME), after=[("shop", "0004_later")]),
        )
    )
    project.commit().migrate("old")
    for statement in ("shop_tag (name) VALUES ('red')", "shop_item (name) VALUES ('pen')"):
        project.query("old", f"INSERT INTO {statement}")
    project.query("old", "INSERT INTO shop_link (item_id, tag_id) VALUES (1, 1)")
    project.reset("shop").proved()
    project.holds()


def test_trap_11_code_that_models_import_from_a_migration_is_not_deleted(tmp_path: Path) -> None:
    """A model used a function that lived in a migration. Deleting that file left a project that
    could not even start, so the reset has to say where to move the function first."""
    text = migration(
        create("Item", "code=models.CharField(default=new_code, max_length=9)"),
        above="\n\ndef new_code():\n    return 'x'\n",
        initial=True,
    )
    project = Project(tmp_path).write(
        app(
            "shop",
            "from shop.migrations.m0001_initial import new_code\n"
            + model("Item", "code=models.CharField(default=new_code, max_length=9)", NOTE),
            m0002_note=migration(add("Item", NOTE), after=[("shop", "m0001_initial")]),
            m0003_note=migration(alter("Item", NOTE), after=[("shop", "0002_note")]),
        )
    )
    project.write({"shop/migrations/m0001_initial.py": text}).commit()
    before = project.git("rev-parse", "HEAD")
    outcome = project.reset("shop")
    assert outcome.code == 1
    for word in ("shop/models.py", "new_code", "m0001_initial", "move"):
        assert word in outcome.refused["shop"]
    assert project.git("status", "--porcelain") == ""
    assert project.git("rev-parse", "HEAD") == before
    assert project.manage("check").returncode == 0
    project.remove("shop/migrations/m0001_initial.py")
    assert "ModuleNotFoundError" in project.manage("check").stderr


ATOMIC = """
def seed(apps, schema_editor):
    if schema_editor.connection.in_atomic_block:
        raise RuntimeError("not in a transaction")
    apps.get_model("shop", "Item").objects.create(name="pen")
"""


def test_trap_13_what_ran_outside_of_a_transaction_still_does(tmp_path: Path) -> None:
    """The seeds of a big table committed as they went. Django's own squash forgot that their
    migration was not atomic, and every new database failed on them."""
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, PRICE),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_seed=migration(
                "migrations.RunPython(seed, migrations.RunPython.noop)",
                above=ATOMIC,
                after=FIRST,
                atomic=False,
            ),
            m0003_price=migration(add("Item", PRICE), after=[("shop", "0002_seed")]),
        )
    )
    project.commit().migrate("old")
    squashed = project.manage("squashmigrations", "shop", "0003", "--no-input")
    assert squashed.returncode == 0, squashed.stderr
    path = next((project.folder / "shop" / "migrations").glob("*_squashed_*"))
    ported = path.read_text().replace("shop.migrations.0002_seed.seed", "seed")
    path.write_text(ported.replace("\nclass ", f"{ATOMIC}\n\nclass ", 1))
    naive = project.manage("migrate", database="naive")
    assert "not in a transaction" in naive.stderr
    project.git("clean", "--force", "--quiet")
    project.reset("shop").proved()
    project.holds()
    assert project.query("fresh", "SELECT name FROM shop_item") == [("pen",)]


def test_trap_13_what_has_to_run_before_another_app_still_does(tmp_path: Path) -> None:
    """The shop's second migration made a view that an installed app reads in its first, and said so
    with ``run_before``. Django's own squash dropped that word."""
    view = 'migrations.RunSQL("CREATE VIEW shop_names AS SELECT id, name FROM shop_item")'
    project = Project(tmp_path, ["plugin", "shop"]).write(
        app(
            "shop",
            model("Item", NAME, LATER),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_view=migration(view, after=FIRST, run_before=[("plugin", "0001_initial")]),
            m0003_later=migration(add("Item", LATER), after=[("shop", "0002_view")]),
        )
    )
    project.install(
        app(
            "plugin",
            model("Copy", NAME),
            m0001_initial=migration(
                create("Copy", NAME),
                'migrations.RunSQL("INSERT INTO plugin_copy SELECT * FROM shop_names")',
                initial=True,
            ),
        )
    )
    project.commit().migrate("old")
    squashed = project.manage("squashmigrations", "shop", "0003", "--no-input")
    assert squashed.returncode == 0, squashed.stderr
    path = next((project.folder / "shop" / "migrations").glob("*_squashed_*"))
    assert "run_before" not in path.read_text()
    project.git("clean", "--force", "--quiet")
    project.reset("shop").proved()
    assert "run_before = [('plugin', '0001_initial')]" in project.texts().replace('"', "'")
    project.holds()


def test_trap_28_an_index_that_no_state_knows_is_kept(tmp_path: Path) -> None:
    """A model lost its index in the state alone, so every real database still has one. Operations
    that are derived from the state build databases without it."""
    indexed = "name=models.CharField(db_index=True, max_length=20)"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, PRICE),
            m0001_initial=migration(create("Item", indexed), initial=True),
            m0002_price=migration(add("Item", PRICE), after=FIRST),
            m0003_state=migration(
                f"migrations.SeparateDatabaseAndState(state_operations=[{alter('Item', NAME)}])",
                after=[("shop", "0002_price")],
            ),
        )
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_item (name, price) VALUES ('pen', 3)")
    paths = [f"shop/migrations/{name}.py" for name in project.names()]
    project.remove(*paths)
    assert project.manage("makemigrations", "shop").returncode == 0
    project.migrate("naive")
    assert project.shape("naive") != project.shape("old")
    project.git("clean", "--force", "--quiet")
    project.git("checkout", "--quiet", ".")
    outcome = project.reset("shop").proved()
    assert outcome.ways["shop"] != "compact"
    project.holds()


@pytest.mark.parametrize(
    "again", ["import no_such_package", "raise ConnectionError('search:9200')"]
)
def test_trap_29_a_history_that_cannot_run_says_what_it_wanted(tmp_path: Path, again: str) -> None:
    """A data migration of years ago used a package, or a server, that is long gone. Nobody noticed,
    as nobody had migrated an empty database since."""
    above = f"\n\ndef fill(apps, schema_editor):\n    {again}\n"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_fill=migration("migrations.RunPython(fill)", above=above, after=FIRST),
            m0003_name=migration(alter("Item", NAME), after=[("shop", "0002_fill")]),
        )
    )
    project.commit()
    assert project.manage("migrate", database="naive").returncode == 1
    outcome = project.reset("shop")
    assert outcome.code == 4
    assert "shop.0002_fill" in outcome.said
    assert again.split("'")[-2 if "'" in again else 0].split()[-1] in outcome.said
    assert project.git("status", "--porcelain") == ""


STATUS = "name=models.CharField(max_length=20)"


def noting(label: str, lines: str, where: str = "core") -> dict[str, str]:
    """An app whose second migration needs the app `where`, and does not say so."""
    return app(
        label,
        model("Item", NAME, PRICE, NOTE),
        m0001_initial=migration(create("Item", NAME), initial=True),
        m0002_fill=migration(
            "migrations.RunPython(fill, migrations.RunPython.noop)",
            above=f"from {where}.models import Status\n\n\n"
            f"def fill(apps, schema_editor):\n    {lines}\n",
            after=[(label, "0001_initial")],
        ),
        m0003_price=migration(add("Item", PRICE), after=[(label, "0002_fill")]),
        m0004_note=migration(add("Item", NOTE), after=[(label, "0003_price")]),
    )


def beside(*labels: str, circle: bool) -> dict[str, str]:
    """The app ``core``, and one that needs the first migrations of others before it."""
    first = [(label, "0001_initial") for label in labels]
    status = create("Status", STATUS)
    core = migration(status, after=first if circle else (), initial=True)
    return {
        **app("anchor", model("Post"), m0001_initial=migration(create("Post"), after=first)),
        **app("core", model("Status", STATUS), m0001_initial=core),
    }


@pytest.mark.parametrize(
    "lines",
    [
        'Status.objects.create(name="0002_fill")',
        'apps.get_model("shop", "Item").objects.create(name=f"none {Status.objects.count()}")',
    ],
    ids=["writes", "reads"],
)
@pytest.mark.parametrize("circle", [False, True])
def test_code_that_uses_tables_without_saying_so_comes_after_them(
    tmp_path: Path, lines: str, circle: bool
) -> None:
    """Migrations noted their progress in a table of another app, which they imported the model of
    and did not depend on. It had been there by chance: another app needs the first migration of
    theirs early, and only that. Their squash came early as a whole."""
    project = Project(tmp_path, ["anchor", "core", "shop"])
    project.write(noting("shop", lines)).write(beside("shop", circle=circle))
    see = "from importlib import import_module\nimport_module('shop.migrations.0002_fill')\n"
    project.write({"shop/tests/test_fill.py": see}).commit().migrate("old")
    outcome = project.reset("shop").proved()
    assert outcome.ways == {"shop": "compact+tail"}
    assert len(outcome.report["warnings"]) == 1  # however many plans there were
    project.holds()
    assert len(project.names()) == 2 + circle
    assert '("core", "0001_initial")' in project.texts().replace("'", '"')


@pytest.mark.parametrize(("rounds", "refused"), [(2, ["shop"]), (3, [])])
def test_after_some_rounds_nothing_else_is_looked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rounds: int,
    refused: list[str],
) -> None:
    """Each app costs a round in which it is found out what its code needs. All searches of one
    reset share the rounds; in the end, apps that hold are reset without those that do not."""
    note = 'Status.objects.create(name="0002_fill")'
    project = Project(tmp_path, ["anchor", "core", "depot", "shop", "stall"])
    project.write(noting("shop", note)).write(noting("stall", note, "depot"))
    depot = app("depot", model("Status", STATUS), m0001_initial=migration(create("Status", STATUS)))
    project.write(beside("shop", "stall", circle=False)).write(depot).commit()
    monkeypatch.setattr(trial, "ROUNDS", rounds)
    monkeypatch.chdir(project.folder)
    assert cli.main(["reset", "--all", "--format", "json", "--python", PYTHON, "--dry-run"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {check["result"] for check in report["proof"]} == {"proved"}
    assert [each["app"] for each in report["refused"]] == refused
