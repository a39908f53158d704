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
