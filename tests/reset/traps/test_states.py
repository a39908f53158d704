"""What project states hide, and what the autodetector makes of it: traps 12, 17, 22, 23, 26, 27."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reset.traps.project import Project, add, alter, app, create, migration, model

NAME, NOTE = (
    "name=models.CharField(max_length=20)",
    "note=models.CharField(default='', max_length=9)",
)
FIRST = [("shop", "0001_initial")]


@pytest.mark.parametrize("seeded", [False, True])
def test_trap_12_a_default_for_old_rows_alone_does_not_stay(tmp_path: Path, seeded: bool) -> None:
    """The price of existing items was set to 5 while the column was added, and never again. Folded
    into the table's creation by Django's own squash, the default became one of the model."""
    price, priced = "price=models.IntegerField()", "price=models.IntegerField(default=5)"
    size, sized = "size=models.IntegerField()", "size=models.IntegerField(default=7)"
    seed = "migrations.RunSQL(\"INSERT INTO shop_item (name) VALUES ('pen')\")"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, price, size),
            m0001_initial=migration(
                create("Item", NAME, "size=models.IntegerField(null=True)"),
                *([seed] if seeded else []),
                initial=True,
            ),
            m0002_price=migration(add("Item", priced, ", preserve_default=False"), after=FIRST),
            m0003_size=migration(
                alter("Item", sized, ", preserve_default=False"), after=[("shop", "0002_price")]
            ),
        )
    )
    project.commit().migrate("old")
    if not seeded:
        project.query("old", "INSERT INTO shop_item (name, price, size) VALUES ('pen', 5, 7)")
        project.manage("squashmigrations", "shop", "0003", "--no-input")
        naive = project.manage("makemigrations", "--check", "--dry-run")
        assert naive.returncode == 1, naive.stdout
        project.git("clean", "--force", "--quiet")
    project.reset("shop").proved()
    project.holds()
    rows = project.query("fresh", "SELECT name, price, size FROM shop_item")
    assert rows == ([("pen", 5, 7)] if seeded else [])


def test_trap_17_names_that_were_made_for_an_older_table_do_not_matter(tmp_path: Path) -> None:
    """The field was renamed after its index had been made, so production's index has a name that no
    new database gets. Both have to take the next migration that drops it."""
    old, new = (
        f"{name}=models.CharField(db_index=True, max_length=20)" for name in ("name", "title")
    )
    bare = "title=models.CharField(max_length=20)"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Product", new, NOTE),
            m0001_initial=migration(create("Item", old), initial=True),
            m0002_title=migration('migrations.RenameField("item", "name", "title")', after=FIRST),
            m0003_product=migration(
                'migrations.RenameModel("Item", "Product")', after=[("shop", "0002_title")]
            ),
            m0004_note=migration(
                add("Product", "note=models.CharField(null=True, max_length=9)"),
                after=[("shop", "0003_product")],
            ),
            m0005_note=migration(alter("Product", NOTE), after=[("shop", "0004_note")]),
        )
    )
    project.write({"shop/migrations/0005_note.py": migration(after=[("shop", "0004_note")])})
    note = "note=models.CharField(null=True, max_length=9)"
    project.write(
        {"shop/models.py": f"from django.db import models\n{model('Product', new, note)}"}
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_product (title) VALUES ('pen')")
    names = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'shop%'"
    project.reset("shop").proved()
    project.holds()
    assert project.query("old", names) != project.query("fresh", names)
    project.write(
        {"shop/models.py": f"from django.db import models\n{model('Product', bare, note)}"}
    )
    assert project.manage("makemigrations", "shop").returncode == 0
    for database in ("old", "fresh"):
        project.migrate(database)
        assert project.query(database, names) == []


def test_trap_22_unmanaged_and_proxy_models_keep_their_permissions(tmp_path: Path) -> None:
    """Neither makes a table, so a home-made reset left them out. Their permissions went with them,
    and so did the rights of everybody."""
    ship, audit = "[('ship', 'Can ship it')]", "[('audit', 'Can audit it')]"
    project = Project(
        tmp_path, ["shop", "django.contrib.auth", "django.contrib.contenttypes"]
    ).write(
        app(
            "shop",
            model("Item", NAME, NOTE)
            + model("Parcel", base="Item", meta=f"proxy = True\npermissions = {ship}")
            + model("Ledger", NAME, meta=f"managed = False\npermissions = {audit}"),
            m0001_initial=migration(
                create("Item", NAME),
                create("Ledger", NAME, options="'managed': False"),
                initial=True,
            ),
            m0002_parcel=migration(
                "migrations.CreateModel('Parcel', [], options={'proxy': True, 'indexes': [],"
                " 'constraints': []}, bases=('shop.item',))",
                after=FIRST,
            ),
            m0003_rights=migration(
                f"migrations.AlterModelOptions('parcel', {{'permissions': {ship}}})",
                "migrations.AlterModelOptions('ledger', {'managed': False, 'permissions': "
                f"{audit}}})",
                after=[("shop", "0002_parcel")],
            ),
            m0004_note=migration(add("Item", NOTE), after=[("shop", "0003_rights")]),
        )
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO auth_group (name) VALUES ('clerks')")
    project.query(
        "old",
        "INSERT INTO auth_group_permissions (group_id, permission_id)"
        " SELECT 1, id FROM auth_permission WHERE codename IN ('ship', 'audit')",
    )
    project.reset("shop").proved()
    project.holds()
    rights = (
        "SELECT codename, model FROM auth_permission JOIN django_content_type c"
        " ON c.id = content_type_id ORDER BY 1, 2"
    )
    assert project.query("fresh", rights) == project.query("old", rights)
    assert {("ship", "parcel"), ("audit", "ledger")} <= set(project.query("fresh", rights))
    tables = project.shape("fresh")
    assert not {"shop_parcel", "shop_ledger"} & set(tables)


def test_trap_23_nobody_is_asked_about_a_unique_key_with_a_callable_default(
    tmp_path: Path,
) -> None:
    """Two models point at each other, one of them by a unique key with a callable default. From
    nothing, the second key is added later, and ``makemigrations`` wants an answer for it."""
    code = "\n\ndef new_item():\n    return None\n"
    rest = "null=True, on_delete=models.CASCADE, related_name='+')"
    field = "models.OneToOneField('shop.Item', default={}new_item, " + rest
    here, there = f"item={field.format('')}", f"item={field.format('crm.models.')}"
    owner = f"owner=models.ForeignKey('crm.Person', {rest}"
    project = Project(tmp_path, ["crm", "shop"]).write(
        {
            **app(
                "shop",
                model("Item", NAME, owner),
                m0001_initial=migration(create("Item", NAME), initial=True),
                m0002_owner=migration(add("Item", owner), after=[*FIRST, ("crm", "0002_item")]),
            ),
            **app(
                "crm",
                code + model("Person", NAME, here, NOTE),
                m0001_initial=migration(create("Person", NAME), initial=True),
                m0002_item=migration(
                    add("Person", there),
                    above="import crm.models\n",
                    after=[("crm", "0001_initial"), ("shop", "0001_initial")],
                ),
                m0003_note=migration(add("Person", NOTE), after=[("crm", "0002_item")]),
            ),
        }
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_item (name) VALUES ('pen')")
    project.query("old", "INSERT INTO crm_person (name, item_id, note) VALUES ('Ada', 1, '')")
    project.reset("--all").proved()
    project.holds()


def test_trap_23_a_rename_is_not_asked_about_again_when_two_branches_meet(tmp_path: Path) -> None:
    """The branch had renamed a field, which Django had asked about when it was made. On top of the
    other branch's migration nobody may be asked again, and no column may be dropped."""
    project = Project(tmp_path).write(
        app(
            "shop", model("Item", NAME), m0001_initial=migration(create("Item", NAME), initial=True)
        )
    )
    project.commit()
    project.git("checkout", "--quiet", "-b", "feature")
    title = NAME.replace("name", "title")
    rename = migration('migrations.RenameField("item", "name", "title")', after=FIRST)
    more = migration(alter("Item", title.replace("20", "30")), after=[("shop", "0002_title")])
    project.write({"shop/migrations/0002_title.py": rename, "shop/migrations/0003_longer.py": more})
    project.commit().git("checkout", "--quiet", "main")
    project.write({"shop/migrations/0002_note.py": migration(add("Item", NOTE), after=FIRST)})
    project.commit().migrate("base")
    project.query("base", "INSERT INTO shop_item (name, note) VALUES ('pen', 'blue')")
    project.git("checkout", "--quiet", "feature")
    project.git("merge", "--quiet", "--no-edit", "main")
    models = model("Item", title.replace("20", "30"), NOTE)
    project.write({"shop/models.py": f"from django.db import models\n{models}"}).commit()
    outcome = project.reset("shop", "--base", "main", "--strategy", "rebase")
    assert outcome.code == 0, outcome
    project.migrate("base")
    assert project.query("base", "SELECT title, note FROM shop_item") == [("pen", "blue")]
    checked = project.manage("makemigrations", "--check", "--dry-run")
    assert checked.returncode == 0, checked.stdout


AUTODETECTOR = """
import django; django.setup()
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
state = MigrationLoader(None).project_state()
MigrationAutodetector({before}, state).changes(MigrationLoader(None).graph)
"""


def test_trap_26_unique_together_as_a_list_of_lists_is_read_all_the_same(tmp_path: Path) -> None:
    """An old migration has lists where Django now writes sets of tuples. Comparing its state with
    another one ends in "unhashable type"."""
    meta = 'unique_together = [["name", "note"]]'
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, NOTE, "price=models.IntegerField(default=0)", meta=meta),
            m0001_initial=migration(
                create("Item", NAME, NOTE, options="'unique_together': [['name', 'note']]"),
                initial=True,
            ),
            m0002_price=migration(add("Item", "price=models.IntegerField(default=0)"), after=FIRST),
            m0003_name=migration(alter("Item", NAME), after=[("shop", "0002_price")]),
        )
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_item (name, note, price) VALUES ('pen', '', 1)")
    naive = project.python("-c", AUTODETECTOR.format(before="state.clone()"))
    assert "unhashable type" in naive.stderr
    outcome = project.reset("shop").proved()
    assert outcome.ways == {"shop": "compact"}
    project.holds()


def test_trap_27_a_swappable_model_whose_setting_nobody_defines(tmp_path: Path) -> None:
    """A toolkit lets its model be swapped by a setting that hardly any project has. Written as that
    setting, a key to it makes every command of Django fail."""
    token = "token=models.ForeignKey('shop.Token', null=True, on_delete=models.CASCADE)"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Token", NAME, meta="swappable = 'SHOP_TOKEN_MODEL'")
            + model("Item", token, NOTE),
            m0001_initial=migration(
                create("Token", NAME, options="'swappable': 'SHOP_TOKEN_MODEL'"),
                create("Item", token),
                initial=True,
            ),
            m0002_note=migration(add("Item", NOTE), after=FIRST),
            m0003_note=migration(alter("Item", NOTE), after=[("shop", "0002_note")]),
        )
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_token (name) VALUES ('t')")
    project.query("old", "INSERT INTO shop_item (token_id, note) VALUES (1, '')")
    naive = project.python("-c", AUTODETECTOR.format(before="ProjectState()"))
    assert "SHOP_TOKEN_MODEL" in naive.stderr
    project.reset("shop").proved()
    project.holds()
