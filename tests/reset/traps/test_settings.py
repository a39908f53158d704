"""Packages, databases and settings: traps 20 and 21."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.reset.traps.project import SQLITE, Project, add, alter, app, create, migration, model

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


@pytest.mark.parametrize("strategy", ["squash", "fresh"])
def test_trap_20_the_package_stays_a_package(tmp_path: Path, strategy: str) -> None:
    """Somebody deleted the folder ``migrations`` to begin anew. But ``makemigrations`` had nothing
    to do for the app, and the next deployment made a database without its tables."""
    project = Project(tmp_path).write(SHOP)
    project.write({"shop/migrations/__init__.py": "# A word on this package.\n"}).commit()
    shutil.rmtree(project.folder / "shop" / "migrations")
    said = project.manage("makemigrations")
    assert "No changes detected" in said.stdout
    project.git("checkout", "--quiet", ".")
    project.migrate("old")
    outcome = project.reset("shop", "--strategy", strategy)
    assert outcome.code == 0, outcome
    assert project.read("shop/migrations/__init__.py") == "# A word on this package.\n"
    project.migrate("fresh")
    assert project.shape("fresh") == project.shape("old")
    if strategy == "fresh":
        assert project.names() == ["0001_initial"]
    checked = project.manage("makemigrations", "--check", "--dry-run")
    assert checked.returncode == 0


def test_trap_21_every_database_of_the_project_has_its_own_history(tmp_path: Path) -> None:
    """The project has a second database, which nobody had migrated for a while. The reset looked
    right on the first one; on the other it went past in silence. The guard asks each of them."""
    project = Project(tmp_path)
    second = json.dumps({"ENGINE": SQLITE, "NAME": str(tmp_path / "second.sqlite3")})
    settings = project.read("site_settings.py")
    project.write({"site_settings.py": f"{settings}DATABASES['second'] = {second}\n"})
    project.write(SHOP).commit()
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 1, '')")
    project.migrate("old", "--database", "second", "shop", "0001")
    project.reset("shop").proved()
    project.holds()
    stopped = project.manage("migrate", "--database", "second", database="old")
    assert stopped.returncode == 1
    assert "This database is behind" in stopped.stderr
    project.git("stash", "--quiet", "--include-untracked")
    project.migrate("old", "--database", "second")
    project.git("stash", "pop", "--quiet")
    project.migrate("old", "--database", "second")


def test_trap_21_an_app_without_migrations_by_setting_is_left_alone(tmp_path: Path) -> None:
    """The settings switch the migrations of one app off, though their files are there. Files that
    Django never reads must not be reset as if it did."""
    project = Project(tmp_path, ["legacy", "shop"], more="MIGRATION_MODULES = {'legacy': None}\n")
    legacy = app(
        "legacy",
        model("Old", NAME, NOTE),
        m0001_initial=migration(create("Old", NAME), initial=True),
        m0002_price=migration(add("Old", PRICE), after=[("legacy", "0001_initial")]),
    )
    project.write({**SHOP, **legacy}).commit()
    project.migrate("old", "--run-syncdb")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 1, '')")
    named = project.reset("legacy")
    assert named.code == 1
    assert "legacy" in named.refused
    outcome = project.reset("--all").proved()
    assert [each["label"] for each in outcome.report["apps"]] == ["shop"]
    assert project.names("legacy") == ["0001_initial", "0002_price"]
    rows = project.rows("old")
    project.migrate("old", "--run-syncdb")
    assert project.rows("old") == rows
    project.migrate("fresh", "--run-syncdb")
    assert project.shape("fresh") == project.shape("old")


def test_trap_21_an_app_that_a_router_keeps_off_a_database(tmp_path: Path) -> None:
    """A router keeps one app off the default database. Its migrations are recorded there all the
    same and do nothing, and so does its guard, which is no reason to refuse anything."""
    router = (
        "DATABASE_ROUTERS = ['site_settings.Router']\n\n\n"
        "class Router:\n"
        "    def allow_migrate(self, db, app_label, **hints):\n"
        "        return app_label != 'archive'\n"
    )
    project = Project(tmp_path, ["archive", "shop"], more=router).write(SHOP)
    project.write(
        app(
            "archive",
            model("Old", NAME, NOTE),
            m0001_initial=migration(create("Old", NAME), initial=True),
            m0002_note=migration(add("Old", NOTE), after=[("archive", "0001_initial")]),
            m0003_longer=migration(alter("Old", NAME), after=[("archive", "0002_note")]),
        )
    )
    project.commit().migrate("old")
    assert "archive_old" not in project.shape("old")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 1, '')")
    project.migrate("behind", "shop", "0001")
    project.reset("--all").proved()
    project.holds()
    assert "This database is behind" in project.manage("migrate", database="behind").stderr


def test_trap_21_migrations_that_the_settings_keep_elsewhere_are_found(tmp_path: Path) -> None:
    """The settings keep the shop's migrations outside of the app, as is done for apps of others."""
    project = Project(tmp_path, more="MIGRATION_MODULES = {'shop': 'history.shop'}\n")
    moved = {path.replace("shop/migrations", "history/shop"): text for path, text in SHOP.items()}
    project.write({**moved, "history/__init__.py": ""})
    project.write(
        {"pyproject.toml": '[tool.remigrate.migration-modules]\nshop = "history/shop"\n'}
    ).commit()
    project.migrate("old")
    project.query("old", "INSERT INTO shop_item (name, price, note) VALUES ('pen', 1, '')")
    project.reset("shop").proved()
    project.holds()
    assert not (project.folder / "shop" / "migrations").exists()
