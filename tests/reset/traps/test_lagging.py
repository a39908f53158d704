"""Databases that have not applied everything: traps 1, 3, 19 and 25."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reset.traps.project import Project, add, app, create, migration, model

NAME, PRICE, NOTE = (
    "name=models.CharField(max_length=20)",
    "price=models.IntegerField(default=0)",
    "note=models.CharField(default='', max_length=20)",
)
SHOP = app(
    "shop",
    model("Item", NAME, PRICE, NOTE),
    m0001_initial=migration(create("Item", NAME), initial=True),
    m0002_price=migration(add("Item", PRICE), after=[("shop", "0001_initial")]),
    m0003_note=migration(add("Item", NOTE), after=[("shop", "0002_price")]),
)
BEHIND = {"id", "name"}
WHOLE = {"id", "name", "price", "note"}


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    """A shop with three migrations, and a database that stands at the first."""
    project = Project(tmp_path).write(SHOP).commit()
    project.migrate("behind", "shop", "0001")
    return project


def test_trap_01_without_a_guard_a_lagging_database_is_left_behind_in_silence(
    shop: Project,
) -> None:
    """Somebody deployed the squash to a server that nobody had migrated for a while. Every command
    said that all was well, and the first page with a price crashed."""
    outcome = shop.reset("shop", "--no-guard").proved("lagging")
    assert outcome.results["lagging"] == "skipped"
    assert not any("lagging" in name for name in shop.names())
    assert "No migrations to apply" in shop.migrate("behind")
    checked = shop.manage("migrate", "--check", database="behind")
    assert checked.returncode == 0
    assert shop.columns("behind", "shop_item") == BEHIND


def test_trap_01_the_guard_stops_a_lagging_database_and_names_the_way_on(shop: Project) -> None:
    """With the guard the same deployment fails before anything has happened, says which commit was
    skipped, and goes well once that commit has been deployed."""
    commit = shop.git("rev-parse", "HEAD").strip()
    shop.migrate("whole")
    shop.query("whole", "INSERT INTO shop_item VALUES (1, 'pen', 3, 'blue')")
    shop.reset("shop").proved()
    before = shop.shape("behind"), shop.query("behind", "SELECT app, name FROM django_migrations")
    stopped = shop.manage("migrate", database="behind")
    assert stopped.returncode == 1
    assert "This database is behind: it lacks shop.0002_price" in stopped.stderr
    assert commit[:12] in stopped.stderr
    after = shop.shape("behind"), shop.query("behind", "SELECT app, name FROM django_migrations")
    assert after == before
    checked = shop.manage("migrate", "--check", database="behind")
    assert checked.returncode == 1
    shop.holds("whole")
    shop.commit().git("checkout", "--quiet", commit)
    shop.migrate("behind")
    shop.git("checkout", "--quiet", "main")
    shop.migrate("behind")
    assert shop.columns("behind", "shop_item") == WHOLE


def test_trap_01_the_guard_is_tried_though_the_longest_histories_stay(tmp_path: Path) -> None:
    """Databases that are behind are kept while the old history is migrated. When all of them were
    behind on apps that could not be reset in the end, nobody had tried the guard of the others.
    More than a few of them say nothing more, and each costs time."""
    long, short = [f"long{at}" for at in range(5)], [f"short{at}" for at in range(6)]
    project = Project(tmp_path, (*long, *short))
    for label in (*long, *short):
        operations = [create("Item", NAME), add("Item", PRICE), add("Item", NOTE)]
        if label in long:
            operations.append(add("Item", "old=models.IntegerField(default=0)"))
        names = [f"000{at}" for at in range(1, len(operations) + 1)]
        before = [[], *([(label, name)] for name in names)]
        files = {
            f"m{name}": migration(operation, after=before[at], initial=not at)
            for at, (name, operation) in enumerate(zip(names, operations, strict=True))
        }  # fmt: skip
        # Models of the long ones lack what their migrations make: those apps are refused.
        project.write(app(label, model("Item", NAME, PRICE, NOTE), **files))
    outcome = project.commit().reset("--all").proved()
    assert set(outcome.refused) == set(long)
    lagging = outcome.report["proof"][-1]
    assert (lagging["check"], lagging["why"][:13]) == ("lagging", "4 databases: ")


def test_trap_01_a_dependent_in_another_app_does_not_run_before_the_guard(tmp_path: Path) -> None:
    """The blog's second migration stood on the shop's third, and came first on the lagging server.
    After that not even the old commit could be deployed: its history had become inconsistent."""
    project = Project(tmp_path, ["blog", "shop"]).write(SHOP)
    title = "title=models.CharField(default='', max_length=9)"
    project.write(
        app(
            "blog",
            model("Post", NAME, title),
            m0001_initial=migration(create("Post", NAME), initial=True),
            m0002_title=migration(
                add("Post", title), after=[("blog", "0001_initial"), ("shop", "0003_note")]
            ),
        )
    ).commit()
    project.migrate("behind", "shop", "0002")
    project.migrate("behind", "blog", "0001")
    commit = project.git("rev-parse", "HEAD").strip()
    project.reset("shop").proved()
    project.commit()
    stopped = project.manage("migrate", database="behind")
    assert "This database is behind" in stopped.stderr
    project.git("checkout", "--quiet", commit)
    project.migrate("behind")
    project.git("checkout", "--quiet", "main")
    project.migrate("behind")
    assert project.columns("behind", "shop_item") == WHOLE


def test_trap_19_nobody_is_told_to_fake_and_a_pending_migration_still_runs(tmp_path: Path) -> None:
    """After a home-made reset the instructions said ``migrate --fake``. That also ticked off a
    migration of another app that was still to come, and its column never came."""
    project = Project(tmp_path, ["shop", "blog"]).write(SHOP)
    post = app(
        "blog",
        model("Post", NAME),
        m0001_initial=migration(create("Post", NAME), initial=True),
    )
    project.write(post).commit()
    project.migrate("old")
    project.migrate("faked")
    text = project.remigrate("reset", "shop")
    assert text.returncode == 0, text.stderr
    assert "--fake" not in text.stdout
    project.write(
        app(
            "blog",
            model("Post", NAME, PRICE),
            m0002_price=migration(add("Post", PRICE), after=[("blog", "0001_initial")]),
        )
    )
    project.migrate("faked", "--fake")
    assert "price" not in project.columns("faked", "blog_post")
    project.migrate("old")
    assert "price" in project.columns("old", "blog_post")


def test_trap_25_two_leaves_become_one_although_django_would_run_both(tmp_path: Path) -> None:
    """Two colleagues each added a migration to the same one. ``migrate`` refuses that with a word
    on conflicts, but whoever calls its executor gets both in some order."""
    project = Project(tmp_path).write(
        app(
            "shop",
            model("Item", NAME, PRICE, NOTE),
            m0001_initial=migration(create("Item", NAME), initial=True),
            m0002_price=migration(add("Item", PRICE), after=[("shop", "0001_initial")]),
        )
    )
    project.commit().git("checkout", "--quiet", "-b", "feature")
    project.migrate("base")
    project.write(
        {
            "shop/migrations/0002_note.py": migration(
                add("Item", NOTE), after=[("shop", "0001_initial")]
            )
        }
    ).commit()
    refused = project.manage("migrate", database="base")
    assert "Conflicting migrations detected" in refused.stderr
    executed = project.python(
        "-c",
        "import django; django.setup()\n"
        "from django.db import connection\n"
        "from django.db.migrations.executor import MigrationExecutor\n"
        "executor = MigrationExecutor(connection)\n"
        "executor.migrate(executor.loader.graph.leaf_nodes())\n",
        database="both",
    )
    assert executed.returncode == 0, executed.stderr
    assert project.columns("both", "shop_item") == WHOLE
    project.reset("shop", "--base", "main").proved()
    project.migrate("base")
    assert project.columns("base", "shop_item") == WHOLE
    assert project.shape("base") == project.shape("both")
    project.migrate("fresh")
    assert project.shape("fresh") == project.shape("both")
    checked = project.manage("makemigrations", "--check", "--dry-run")
    assert checked.returncode == 0, checked.stdout


def test_trap_25_two_leaves_that_both_landed_become_one(tmp_path: Path) -> None:
    """Both leaves were merged to main, and somebody's deployment has run them both."""
    project = Project(tmp_path).write(SHOP)
    project.write(
        {
            "shop/migrations/0003_note.py": migration(
                add("Item", NOTE), after=[("shop", "0001_initial")]
            )
        }
    )
    merge = migration(after=[("shop", "0002_price"), ("shop", "0003_note")])
    project.write({"shop/migrations/0004_merge.py": merge})
    project.migrate("old")
    project.query("old", "DELETE FROM django_migrations WHERE name = '0004_merge'")
    project.remove("shop/migrations/0004_merge.py")
    project.commit()
    assert project.manage("migrate", database="old").returncode == 1
    project.reset("shop").proved()
    project.holds()


# Between two squashes of an app

OWNER = "owner=models.ForeignKey('crm.Person', null=True, on_delete=models.CASCADE)"
FILL = """

def fill(apps, schema_editor):
    Item = apps.get_model("shop", "Item")
    for item in Item.objects.all():
        item.note = f"was {item.name}"
        item.save()
"""
FILLED = migration(
    "migrations.RunPython(fill, migrations.RunPython.noop)",
    above=FILL,
    after=[("shop", "0004_note")],
)
LEANING = {
    **app(
        "shop",
        model("Item", NAME, PRICE, OWNER, NOTE),
        m0001_initial=migration(create("Item", NAME), initial=True),
        m0002_price=migration(add("Item", PRICE), after=[("shop", "0001_initial")]),
        m0003_owner=migration(
            add("Item", OWNER), after=[("shop", "0002_price"), ("crm", "0001_initial")]
        ),
        m0004_note=migration(add("Item", NOTE), after=[("shop", "0003_owner")]),
        m0005_fill=FILLED,
    ),
    **app(
        "crm",
        model("Person", NAME),
        m0001_initial=migration(create("Person", NAME), after=[("shop", "0002_price")]),
    ),
}
"""Items lean on persons, and those on items: the shop becomes two squashes."""
STAYING = {
    path: text.replace("'shop', '0002_price'", "'shop', '0001_initial'")
    for path, text in LEANING.items()
    if path != "shop/migrations/0002_price.py"
} | app("shop", model("Item", NAME, OWNER, NOTE))
"""The shop's first migration stays, and all others become a squash."""
PEN = "INSERT INTO shop_item (id, name{}) VALUES (1, 'pen'{})"


def _leaning(folder: Path, files: dict[str, str], *args: str) -> tuple[Project, str]:
    """A project that was reset, with a database that has the first squash and nothing of the next,
    and rows; and the commit before."""
    project = Project(folder, ["shop", "crm"]).write(files).commit()
    first = "0002" if "shop/migrations/0002_price.py" in files else "0001"
    project.migrate("behind", "shop", first)
    price = first == "0002"
    project.query("behind", PEN.format(", price" * price, ", 3" * price))
    project.migrate("old")
    commit = project.git("rev-parse", "HEAD").strip()
    project.reset("shop", *args).proved()
    new = set(project.names()) - {"0005_fill"}
    texts = [project.read(f"shop/migrations/{name}.py") for name in new]
    assert not any("def fill(" in text for text in texts)
    project.commit()
    return project, commit


@pytest.mark.parametrize("more", [(), ("--keep-replaced",)])
@pytest.mark.parametrize("files", [LEANING, STAYING], ids=["squash", "staying"])
def test_trap_01_a_database_between_two_squashes_does_not_lose_what_the_second_left_out(
    tmp_path: Path, files: dict[str, str], more: tuple[str, ...]
) -> None:
    """A server had all that the first squash replaced, and nothing of the second. Django could not
    tell it from a new database, and ran the second: without the code that had filled a column."""
    project, commit = _leaning(tmp_path, files, *more)
    rows = "SELECT app, name FROM django_migrations"
    before = project.query("behind", rows)
    stopped = project.manage("migrate", "shop", database="behind")
    assert stopped.returncode == 1, stopped.stdout
    assert "This database is behind: it lacks shop.000" in stopped.stderr
    assert commit[:12] in stopped.stderr
    assert set(project.query("behind", rows)) - set(before) <= {("crm", "0001_initial")}
    project.git("checkout", "--quiet", commit)
    project.migrate("behind")
    project.git("checkout", "--quiet", "main")
    project.migrate("behind")
    assert project.query("behind", "SELECT note FROM shop_item") == [("was pen",)]
    project.holds()


@pytest.mark.parametrize("files", [LEANING, STAYING], ids=["squash", "staying"])
def test_trap_01_a_new_database_may_stop_between_two_squashes_and_go_back(
    tmp_path: Path, files: dict[str, str]
) -> None:
    """A deployment was interrupted there; and a test goes one migration back, and forward again."""
    project, _ = _leaning(tmp_path, files)
    first, second, *_ = project.names()
    for name in (first, second, first, second, "zero", first):
        project.migrate("new", "shop", name)
    project.migrate("new")
    assert project.shape("new") == project.shape("old")
    checked = project.manage("migrate", "--check", database="new")
    assert checked.returncode == 0, checked.stderr
    project.migrate("new", "shop", "zero")
    left = project.query("new", "SELECT name FROM django_migrations WHERE app = 'shop'")
    assert left == []


@pytest.mark.parametrize("files", [LEANING, STAYING], ids=["squash", "staying"])
def test_trap_01_a_second_reset_takes_marks_for_its_own(
    tmp_path: Path, files: dict[str, str]
) -> None:
    project, _ = _leaning(tmp_path, files)
    label = "label=models.CharField(default='', max_length=5)"
    code = project.texts().count("def mark_as_made_anew"), project.texts().count('made anew")')
    assert code == (1, 3)
    project.migrate("first")
    last = project.names()[-1]
    models = files["shop/models.py"] + f"    {label.replace('=', ' = ', 1)}\n"
    project.write({"shop/models.py": models})
    added = migration(add("Item", label), after=[("shop", last)])
    project.write({"shop/migrations/0008_label.py": added}).commit()
    project.migrate("old")
    project.migrate("first")
    outcome = project.reset("shop").proved()
    assert "made_anew" not in str(outcome.report["apps"])
    assert project.texts().count("def mark_as_made_anew") == 1
    assert (
        project.texts().count("(mark_as_made_anew")
        + project.texts().count("code=mark_as_made_anew")
        == 1
    )
    for database in ("old", "first", "second"):
        project.migrate(database)
    assert project.shape("first") == project.shape("second") == project.shape("old")
    project.holds()


def test_without_the_guard_there_is_no_mark(tmp_path: Path) -> None:
    project = Project(tmp_path, ["shop", "crm"]).write(LEANING).commit()
    project.reset("shop", "--no-guard").proved("lagging")
    assert "made_anew" not in project.texts()


def test_marks_outlive_the_finish_of_a_squash(tmp_path: Path) -> None:
    """Where nothing is replaced any more, nobody can be behind."""
    project, _ = _leaning(tmp_path, LEANING)
    project.migrate("old")
    done = project.remigrate("reset", "shop", "--finish")
    assert done.returncode == 0, done.stderr
    assert "replaces = [" not in project.texts()
    for database in ("old", "first"):
        project.migrate(database)
    assert project.shape("first") == project.shape("old")
