"""Migrations that cannot be written anew stay as they are, and their app is reset around them.

The proof is not believed: the new files are run on databases of the old ones, and on empty ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reset import store
from tests.reset.store import SHOP, Bookshop

APPLY = """
    def apply(self, project_state, schema_editor, collect_sql=False):
        return super().apply(project_state, schema_editor, collect_sql)
"""
CHOSEN = """
    if connection.vendor == "postgresql":
        operations = []
"""
AROUND = [
    "0001_squashed_0003_seed",
    "0004_price",
    "0005_squashed_0006_by_price",
    "0007_stop_if_lagging",
]


@pytest.fixture
def shop(tmp_path: Path) -> Bookshop:
    return Bookshop.open(tmp_path / "bookshop")


def change(shop: Bookshop, name: str, more: str) -> None:
    """Give the class of a migration something more than operations."""
    path = f"shop/migrations/{name}.py"
    text = (
        (shop.path / path).read_text().replace("import migrations", "import connection, migrations")
    )
    shop.write(path, text + more)
    shop.commit("More than operations")


@pytest.mark.parametrize(("more", "why"), [(APPLY, "method apply"), (CHOSEN, "are chosen while")])
def test_a_migration_that_is_more_than_its_operations_stays(
    shop: Bookshop, more: str, why: str
) -> None:
    change(shop, "0004_price", more)
    found = shop.told("--all")
    assert found["refused"] == []
    assert shop.migrations() == AROUND
    assert any(
        warning.startswith("shop/migrations/0004_price.py:") and why in warning
        for warning in found["warnings"]
    )
    text = (shop.path / "shop/migrations/0004_price.py").read_text()
    assert more.strip() in text
    assert '("shop", "0001_squashed_0003_seed")' in text.replace("'", '"')


def test_databases_are_the_same_around_what_stays(shop: Bookshop, tmp_path: Path) -> None:
    change(shop, "0004_price", APPLY)
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    shop.migrate(old)
    store.fill(old)
    before = store.schema(old), store.rows(old)
    assert shop.reset("--all").code == 0
    shop.migrate(new)
    assert store.schema(new) == before[0]
    shop.migrate(old)
    assert (store.schema(old), store.rows(old)) == before
    assert shop.manage("migrate", "--check", database=old).code == 0
    assert shop.agrees()


@pytest.mark.parametrize("at", ["0002_category", "0005_fill"])
def test_a_database_behind_on_either_side_of_what_stays_is_stopped(
    shop: Bookshop, tmp_path: Path, at: str
) -> None:
    change(shop, "0004_price", APPLY)
    shop.migrate(tmp_path / "behind.sqlite3", "shop", at)
    assert shop.reset("--all").code == 0
    ran = shop.manage("migrate", database=tmp_path / "behind.sqlite3")
    assert ran.code == 1
    assert "This database is behind: it lacks" in " ".join(ran.err.split())
    assert store.recorded(tmp_path / "behind.sqlite3", "shop")[-1] == at


def test_a_migration_that_something_imports_from_stays_and_the_way_out_is_told(
    shop: Bookshop,
) -> None:
    line = 'FILL = __import__("importlib").import_module("shop.migrations.0004_price")'
    shop.write("shop/models.py", f"{line}\n{SHOP}")
    shop.commit("Price")
    found = shop.told("--all")
    assert shop.migrations() == AROUND
    (warning,) = (each for each in found["warnings"] if "shop/models.py:1" in each)
    assert "0004_price.py, so that stays as it is" in warning
    assert "move " in warning
    assert shop.agrees()


@pytest.mark.parametrize("fixed", [(2, 4, 6), (1, 2, 3, 4)])
def test_an_app_that_would_get_no_shorter_around_what_stays_is_refused_for_that(
    shop: Bookshop, fixed: tuple[int, ...]
) -> None:
    names = [shop.migrations()[number - 1] for number in fixed]
    for name in names:
        change(shop, name, APPLY)
    (refused,) = shop.told("--all")["refused"]
    assert refused["app"] == "shop"
    assert all(f"{name}.py:" in refused["why"] for name in names)
    assert "nothing to shorten" in refused["why"]


def test_a_fresh_history_has_no_place_for_it(shop: Bookshop) -> None:
    change(shop, "0004_price", APPLY)
    found = shop.told("--all", "--strategy", "fresh")
    (refused,) = found["refused"]
    assert refused["app"] == "shop"
    assert "method apply" in refused["why"]
