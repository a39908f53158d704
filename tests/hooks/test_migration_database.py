"""`remigrate-migration-database`: after git has moved, whether the database still fits."""

from __future__ import annotations

import shlex
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.cli.project import BIN, Ran, run
from tests.drift.store import ADD_PRICE, ADDED, MODELS, PRICE, Store

HOOK = BIN / "remigrate-migration-database"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two branches, of which ``price`` has a migration more; the database has all of it."""
    store = Store.open(tmp_path / "store")
    store.git("switch", "--quiet", "--create", "price")
    store.write("shop/models.py", MODELS + PRICE)
    store.write(ADDED, ADD_PRICE)
    store.commit("A price")
    migrate(store)
    return store


def migrate(store: Store, *words: str) -> None:
    ran = run(sys.executable, "manage.py", "migrate", "--verbosity=0", *words, cwd=store.path)
    assert ran.code == 0, ran.err


def hook(store: Store, before: str = "", after: str = "", *words: str) -> Ran:
    refs = {"PRE_COMMIT_FROM_REF": before, "PRE_COMMIT_TO_REF": after}
    return run(HOOK, *words, cwd=store.path, env={name: ref for name, ref in refs.items() if ref})


def ids(store: Store) -> tuple[str, str]:
    """Of both branches: price, main."""
    price, main = store.git("rev-parse", "price", "main").split()
    return price, main


def test_the_commands_that_it_tells_bring_the_database_along(store: Store) -> None:
    store.git("switch", "--quiet", "main")
    ran = hook(store, *ids(store))
    assert ran.code == 1
    assert "✗ 1 ghost" in ran.out
    told = ran.out.partition("their files still are\n")[2].splitlines()
    assert told == [
        f"  git switch --detach {ids(store)[0][:12]}",
        "  python manage.py migrate shop 0001_initial",
        "  git switch -",
        "  python manage.py migrate",
    ]
    for line in told:
        words = shlex.split(line.replace("python", sys.executable))
        assert run(*words, cwd=store.path).code == 0, line
    assert hook(store, *ids(store)).code == 0
    columns = sqlite3.connect(store.path / "db.sqlite3").execute("PRAGMA table_info(shop_product)")
    assert [row[1] for row in columns] == ["id", "name"]


def test_an_app_that_is_all_gone_goes_back_to_zero(store: Store) -> None:
    store.git("rm", "--quiet", "-r", "shop/migrations")
    store.write("shop/migrations/__init__.py")
    store.commit("No migrations")
    head = store.git("rev-parse", "HEAD").strip()
    assert "python manage.py migrate shop zero" in hook(store, ids(store)[1], head).out


def test_migrations_that_came_are_to_be_applied(store: Store) -> None:
    migrate(store, "shop", "0001")
    ran = hook(store, *reversed(ids(store)))
    assert ran.code == 1
    assert "! 1 pending: `migrate`\n      shop.0002_price" in ran.out
    assert "To step back" not in ran.out


def test_after_a_merge_it_knows_where_git_was(store: Store) -> None:
    migrate(store, "shop", "0001")
    store.git("switch", "--quiet", "main")
    store.git("merge", "--quiet", "price")
    assert "shop.0002_price" in hook(store).out


def test_nothing_is_asked_where_no_migration_came_or_went(store: Store) -> None:
    store.write("README", "More.\n")
    store.write("store/settings.py", "raise SystemExit('asked')\n")
    store.commit("Words")
    ran = hook(store, "HEAD^", "HEAD")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


@pytest.mark.parametrize("before", ["0" * 40, "refs/heads/nothing-like-that"])
def test_a_clone_has_nothing_to_compare_with(store: Store, before: str) -> None:
    ran = hook(store, before, "HEAD")
    assert (ran.code, ran.out) == (0, "")


def test_a_database_that_is_not_there_or_down_is_no_news(store: Store) -> None:
    (store.path / "db.sqlite3").unlink()
    assert hook(store, *ids(store)).code == 0
    store.settings('DATABASES["default"]["NAME"] = "/proc/nowhere/db"\n')
    assert hook(store, *ids(store)).code == 0
    store.settings("import nothing_like_that\n")
    assert hook(store, *ids(store)).code == 0


def test_as_pre_commit_runs_it(store: Store, published: Path, offline: dict[str, str]) -> None:
    store.git("switch", "--quiet", "main")
    price, main = ids(store)
    stage = ("--hook-stage", "post-checkout", "--checkout-type", "1")
    words = ("try-repo", published, "migration-database", *stage)
    ran = run(
        *(BIN / "pre-commit", *words, "--from-ref", price, "--to-ref", main),
        cwd=store.path,
        env=offline,
    )
    assert ran.code == 1, ran
    assert "migration database" in ran.out
    assert "python manage.py migrate shop 0001_initial" in ran.out
