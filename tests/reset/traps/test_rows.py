"""What stands in the tables, and beside them: traps 15, 30 and 31."""

from __future__ import annotations

from pathlib import Path

from tests.reset.traps.project import Project, add, app, create, migration, model

NAME, LATER = (
    "name=models.CharField(max_length=20)",
    "later=models.CharField(null=True, max_length=9)",
)
FIRST = [("shop", "0001_initial")]


def test_trap_15_views_and_triggers_that_no_state_knows_are_kept(tmp_path: Path) -> None:
    """Reports read a view, and a trigger kept a log. Both were made with SQL in a migration, and
    the regenerated history had neither."""
    sql = [
        "CREATE VIEW shop_long AS SELECT * FROM shop_item WHERE length(name) > 3",
        "CREATE TRIGGER shop_log AFTER INSERT ON shop_item BEGIN"
        " INSERT INTO shop_entry (name) VALUES (NEW.name); END",
    ]
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, LATER) + model("Entry", NAME),
            m0001_initial=migration(create("Item", NAME), create("Entry", NAME), initial=True),
            m0002_sql=migration(*(f"migrations.RunSQL({each!r})" for each in sql), after=FIRST),
            m0003_later=migration(add("Item", LATER), after=[("shop", "0002_sql")]),
        )
    )
    project.commit().migrate("old")
    project.query("old", "INSERT INTO shop_item (name) VALUES ('pencil')")
    project.remove(*(f"shop/migrations/{name}.py" for name in project.names()))
    assert project.manage("makemigrations", "shop").returncode == 0
    project.migrate("naive")
    assert project.shape("naive")[""] == []
    project.git("clean", "--force", "--quiet")
    project.git("checkout", "--quiet", ".")
    project.reset("shop").proved()
    project.holds()
    project.query("fresh", "INSERT INTO shop_item (name) VALUES ('crayon')")
    assert project.query("fresh", "SELECT name FROM shop_long") == [("crayon",)]
    assert project.query("fresh", "SELECT name FROM shop_entry") == [("crayon",)]


GRANT = """
def grant(apps, schema_editor):
    from django.contrib.auth.management import create_permissions

    for config in apps.get_app_configs():
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    group = apps.get_model("auth", "Group").objects.create(name="clerks")
    found = apps.get_model("auth", "Permission").objects.filter(codename__contains="item")
    group.permissions.set(found)
"""


def test_trap_30_keys_of_permissions_may_change_but_nobodys_rights(tmp_path: Path) -> None:
    """Permissions get their keys in the order in which models come to be, which no reset keeps. A
    group that had the right to change items must not end up with the right to delete labels."""
    apps = ["shop", "crm", "django.contrib.auth", "django.contrib.contenttypes"]
    project = Project(tmp_path, apps).write(
        {
            **app(
                "shop",
                model("Label", NAME) + model("Item", NAME, LATER) + model("Alarm", NAME),
                m0001_initial=migration(create("Label", NAME), create("Item", NAME), initial=True),
                m0002_later=migration(add("Item", LATER), after=FIRST),
                m0003_alarm=migration(create("Alarm", NAME), after=[("shop", "0002_later")]),
            ),
            **app(
                "crm",
                model("Person", NAME),
                m0001_initial=migration(create("Person", NAME), initial=True),
                m0002_grant=migration(
                    "migrations.RunPython(grant, migrations.RunPython.noop)",
                    above=GRANT,
                    after=[
                        ("crm", "0001_initial"),
                        ("shop", "0003_alarm"),
                        ("auth", "0012_alter_user_first_name_max_length"),
                    ],
                ),
            ),
        }
    )
    project.commit().migrate("old")
    rights = (
        "SELECT g.name, p.codename FROM auth_group_permissions gp"
        " JOIN auth_group g ON g.id = group_id JOIN auth_permission p ON p.id = permission_id"
        " ORDER BY 1, 2"
    )
    before = project.query("old", rights)
    assert before == [("clerks", f"{verb}_item") for verb in ("add", "change", "delete", "view")]
    project.reset("--all").proved()
    project.holds()
    keys = "SELECT codename, id FROM auth_permission ORDER BY 1"
    assert project.query("fresh", keys) != project.query("old", keys)
    assert project.query("fresh", rights) == before
    assert project.query("old", rights) == before


SECRETS = """
import random
import uuid


def seed(apps, schema_editor):
    from django.contrib.auth.hashers import make_password

    apps.get_model("shop", "Item").objects.create(
        name="root", secret=make_password("x"), code=uuid.uuid4(), luck=random.random()
    )
"""


def test_trap_31_cells_that_differ_from_run_to_run_are_named_and_no_difference(
    tmp_path: Path,
) -> None:
    """The first user has a salted password and a random code. Two new databases differ in them with
    one and the same history, so a strict comparison would never accept any reset."""
    fields = (
        NAME,
        "secret=models.CharField(max_length=200)",
        "code=models.UUIDField()",
        "luck=models.FloatField()",
    )
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", *fields, LATER),
            m0001_initial=migration(create("Item", *fields), initial=True),
            m0002_seed=migration(
                "migrations.RunPython(seed, migrations.RunPython.noop)", above=SECRETS, after=FIRST
            ),
            m0003_later=migration(add("Item", LATER), after=[("shop", "0002_seed")]),
        )
    )
    project.commit().migrate("old")
    project.migrate("again")
    cells = "SELECT secret, code, luck FROM shop_item"
    assert project.query("old", cells) != project.query("again", cells)
    done = project.remigrate("reset", "shop")
    assert done.returncode == 0, done.stdout + done.stderr
    for column in ("secret", "code", "luck"):
        assert f"shop_item.{column}" in done.stdout
    assert "shop_item.name" not in done.stdout
    project.holds()
    assert project.query("fresh", "SELECT name FROM shop_item") == [("root",)]


def test_trap_31_a_difference_is_not_hidden_by_calling_it_random(tmp_path: Path) -> None:
    """A seed writes down how many fields its model has, and runs before the last one is added. That
    must come out as it did, although the same row also has a cell that is random."""
    seed = """
import uuid


def seed(apps, schema_editor):
    Item = apps.get_model("shop", "Item")
    size = len(Item._meta.get_fields())
    Item.objects.create(name=f"{size} fields", code=uuid.uuid4())
"""
    code = "code=models.UUIDField()"
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, code, LATER),
            m0001_initial=migration(create("Item", NAME, code), initial=True),
            m0002_seed=migration(
                "migrations.RunPython(seed, migrations.RunPython.noop)", above=seed, after=FIRST
            ),
            m0003_later=migration(add("Item", LATER), after=[("shop", "0002_seed")]),
        )
    )
    project.commit().migrate("old")
    outcome = project.reset("shop").proved()
    assert outcome.ways == {"shop": "faithful"}
    project.holds()
    assert project.query("fresh", "SELECT name FROM shop_item") == [("3 fields",)]


def test_what_a_seed_notices_after_all_stays_behind_it(tmp_path: Path) -> None:
    """A seed makes the permissions of a model that was called something else at the time. A new
    label may pass most seeds, and no name in the code tells that it may not pass this one."""
    seed = """
def seed(apps, schema_editor):
    from django.contrib.auth.management import create_permissions

    config = apps.get_app_config("shop")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
"""
    apps = ["shop", "django.contrib.auth", "django.contrib.contenttypes"]
    project = Project(tmp_path, apps).write(
        app(
            "shop",
            model("Item", NAME, meta='verbose_name = "thing"'),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_seed=migration(
                "migrations.RunPython(seed, migrations.RunPython.noop)",
                above=seed,
                after=[*FIRST, ("auth", "0012_alter_user_first_name_max_length")],
            ),
            m0003_label=migration(
                'migrations.AlterModelOptions("item", {"verbose_name": "thing"})',
                after=[("shop", "0002_seed")],
            ),
        )
    )
    project.commit().migrate("old")
    outcome = project.reset("shop").proved()
    assert outcome.ways == {"shop": "faithful"}
    text = project.texts()
    assert text.index("RunPython(") < text.index("AlterModelOptions(")
    project.holds()
    name = "SELECT name FROM auth_permission WHERE codename = 'add_item'"
    assert project.query("fresh", name) == [("Can add item",)]
