"""Two pull requests' worth of conflict, brought to one leaf by each strategy.

Both sides added a chain of three migrations after the same one, each with a data migration. There
are databases of either side, and of what both started from; they were migrated by the old files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remigrate.errors import FINDINGS, OK
from tests.reset import store
from tests.reset.store import Bookshop, migration

_LAST = "0006_by_price"
_PRICE = "    price = models.IntegerField(default=0)\n"
_INDEX = 'models.Index(fields=["price"], name="by_price")'
STOCK = ["0007_stock", "0008_count", "0009_counted"]
"""The side that has landed."""
RATING = ["0007_rating", "0008_rate", "0009_rated"]
"""The side of the branch."""


def _chain(shop: Bookshop, names: list[str], field: str, value: int) -> None:
    """A field, a function that fills it, and an index on it."""
    fill = (
        f"def fill_{field}(apps, schema_editor):\n"
        '    product = apps.get_model("shop", "Product")\n'
        f"    product.objects.filter({field}__isnull=True).update({field}={value})\n"
        f'    apps.get_model("shop", "Category").objects.create(name="{field}")\n\n\n'
        f"def forget_{field}(apps, schema_editor):\n"
        f'    apps.get_model("shop", "Category").objects.filter(name="{field}").delete()\n'
    )
    bodies = [
        ([f'migrations.AddField("product", "{field}", models.IntegerField(null=True))'], ""),
        ([f"migrations.RunPython(fill_{field}, forget_{field})"], fill),
        (
            [
                'migrations.AddIndex("product", '
                f'models.Index(fields=["{field}"], name="by_{field}"))'
            ],
            "",
        ),
    ]
    before = _LAST
    for name, (operations, code) in zip(names, bodies, strict=True):
        text = migration([("shop", before)], operations, code)
        shop.write(f"shop/migrations/{name}.py", text)
        before = name


def _models(*fields: str) -> str:
    text = store.SHOP
    for field in fields:
        text = text.replace(_PRICE, f"    {field} = models.IntegerField(null=True)\n{_PRICE}")
        text = text.replace(_INDEX, f"{_INDEX}, {_INDEX.replace('price', field)}")
    return text


class Conflict(NamedTuple):
    """The work tree with both sides in it, on the branch ``rating``; and four databases."""

    shop: Bookshop
    start: Path
    """Of the commit that both sides started from."""
    landed: Path
    """Of ``main``: the start and the stock."""
    branch: Path
    """Of the branch alone: the start and the rating."""
    both: Path
    """Of somebody who migrated on ``main``, then on the branch."""

    @property
    def databases(self) -> tuple[Path, ...]:
        return (self.start, self.landed, self.branch, self.both)


@pytest.fixture
def conflict(tmp_path: Path) -> Conflict:
    shop = Bookshop.open(tmp_path / "bookshop")
    found = Conflict(
        shop, *(tmp_path / f"{n}.sqlite3" for n in ("start", "landed", "branch", "both"))
    )
    shop.migrate(found.start)
    store.fill(found.start)
    shop.git("tag", "start")
    found.landed.write_bytes(found.start.read_bytes())
    found.branch.write_bytes(found.start.read_bytes())
    shop.git("checkout", "--quiet", "-b", "rating")
    _chain(shop, RATING, "rating", 3)
    shop.write("shop/models.py", _models("rating"))
    shop.commit("Rate the products")
    shop.migrate(found.branch)
    shop.git("checkout", "--quiet", "main")
    _chain(shop, STOCK, "stock", 9)
    shop.write("shop/models.py", _models("stock"))
    shop.commit("Count the stock")
    shop.migrate(found.landed)
    shop.git("checkout", "--quiet", "rating")
    found.both.write_bytes(found.landed.read_bytes())
    shop.migrate(found.both)
    shop.git("tag", "alone")
    shop.git("merge", "--quiet", "--no-edit", "--no-commit", "--strategy-option=ours", "main")
    shop.write("shop/models.py", _models("rating", "stock"))
    shop.commit("Merge main")
    assert "Conflicting migrations" in shop.manage("migrate", database=found.start).err
    return found


def leaves(shop: Bookshop) -> list[str]:
    """The leaves of the app, as Django sees them."""
    found: dict[str, Any] = json.loads(shop.graph("--format", "json").out)
    own = [node["name"] for node in found["nodes"] if node["app"] == "shop" and node.get("leaf")]
    return sorted(own)


def results(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(check["check"], check["result"]) for check in found["proof"]]


def demand_one_database(conflict: Conflict, new: Path, *moved: Path) -> None:
    """Every one of `moved` becomes what an empty database becomes, and keeps its rows."""
    shop = conflict.shop
    assert shop.agrees()
    shop.migrate(new)
    for database in moved:
        kept = set(store.rows(database, "orders_order")["orders_order"])
        shop.migrate(database)
        assert store.schema(database) == store.schema(new), database.stem
        assert set(store.rows(database, "orders_order")["orders_order"]) == kept
        names = {name for row in store.rows(database)["shop_category"] for name in row}
        assert {"stock", "rating"} <= names, database.stem
        assert shop.manage("migrate", "--check", database=database).code == 0


def test_rebase_puts_the_branch_on_top_of_what_has_landed(
    conflict: Conflict, tmp_path: Path
) -> None:
    shop = conflict.shop
    found = shop.told("--strategy", "rebase", "--base", "main")
    assert [(app["label"], app["before"], app["after"]) for app in found["apps"]] == [
        ("shop", 12, 12)
    ]
    assert ("upgrade", "proved") in results(found)
    assert {result for _, result in results(found)} == {"proved"}
    assert shop.migrations()[6:] == [*STOCK, "0010_rating", "0011_rate", "0012_rated"]
    demand_one_database(conflict, tmp_path / "new.sqlite3", conflict.start, conflict.landed)


def test_rebase_tells_a_database_of_the_branch_how_to_go_back(conflict: Conflict) -> None:
    shop = conflict.shop
    ran = shop.reset("--strategy", "rebase", "--base", "main", "--dry-run")
    assert ran.code == OK
    said = " ".join(ran.out.split())
    assert "Step back before pulling, while the old files are there" in said
    command = "python manage.py migrate shop 0006_by_price"
    assert command in said, "the last migration that the branch and main have in common"


def test_a_database_of_the_branch_that_went_back_moves_on_after_a_rebase(
    conflict: Conflict, tmp_path: Path
) -> None:
    shop = conflict.shop
    shop.git("checkout", "--quiet", "alone")
    shop.migrate(conflict.branch, "shop", _LAST)
    shop.git("checkout", "--quiet", "rating")
    assert shop.reset("--strategy", "rebase", "--base", "main").code == OK
    shop.migrate(conflict.branch)
    shop.migrate(tmp_path / "new.sqlite3")
    assert store.schema(conflict.branch) == store.schema(tmp_path / "new.sqlite3")


def test_rebase_keeps_the_hand_written_code_as_its_author_wrote_it(conflict: Conflict) -> None:
    shop = conflict.shop
    before = (shop.path / "shop/migrations/0008_rate.py").read_text()
    assert shop.reset("--strategy", "rebase", "--base", "main").code == OK
    after = (shop.path / "shop/migrations/0011_rate.py").read_text()
    assert after == before.replace("0007_rating", "0010_rating")


def test_rebase_warns_that_the_other_side_changes_data_too(conflict: Conflict) -> None:
    found = conflict.shop.told("--strategy", "rebase", "--base", "main", "--dry-run")
    (warning,) = found["warnings"]
    assert warning == (
        "shop: 0011_rate will run after 0008_count, which landed meanwhile; both change data: see "
        "that the order is right"
    )


def test_squash_makes_one_leaf_of_both_sides(conflict: Conflict, tmp_path: Path) -> None:
    shop = conflict.shop
    found = shop.told("--base", "main")
    assert {result for _, result in results(found)} == {"proved"}
    assert [check for check, _ in results(found)].count("upgrade") == 2, "base, and all applied"
    demand_one_database(conflict, tmp_path / "new.sqlite3", conflict.landed, conflict.both)


def test_after_a_squash_the_databases_that_are_behind_are_stopped(conflict: Conflict) -> None:
    shop = conflict.shop
    assert shop.reset("--base", "main").code == OK
    for database in (conflict.start, conflict.branch):
        before = store.schema(database)
        ran = shop.manage("migrate", database=database)
        assert ran.code == 1, database.stem
        assert store.schema(database) == before


def test_squash_of_both_sides_when_neither_has_landed(conflict: Conflict, tmp_path: Path) -> None:
    shop = conflict.shop
    found = shop.told("--base", "start")
    assert {result for _, result in results(found)} == {"proved"}
    demand_one_database(conflict, tmp_path / "new.sqlite3", conflict.start, conflict.both)


def test_rebase_of_both_sides_when_neither_has_landed(conflict: Conflict, tmp_path: Path) -> None:
    shop = conflict.shop
    found = shop.told("--strategy", "rebase", "--base", "start")
    assert {result for _, result in results(found)} == {"proved"}
    shop.migrate(tmp_path / "new.sqlite3")
    shop.migrate(conflict.start)
    assert store.schema(conflict.start) == store.schema(tmp_path / "new.sqlite3")
    assert store.rows(conflict.start, "shop_category") == store.rows(
        conflict.both, "shop_category"
    ) or store.rows(conflict.start, "shop_category")


def without_code(shop: Bookshop) -> None:
    """Take the data migrations of both sides away, but not their names."""
    for name, before in (("0008_count", "0007_stock"), ("0008_rate", "0007_rating")):
        shop.write(f"shop/migrations/{name}.py", migration([("shop", before)], []))
    shop.commit("No code")


@pytest.mark.parametrize("base", ["main", "start"])
def test_merge_joins_the_sides_when_either_order_gives_the_same(
    conflict: Conflict, tmp_path: Path, base: str
) -> None:
    shop = conflict.shop
    without_code(shop)
    before = shop.snapshot()
    found = shop.told("--strategy", "merge", "--base", base)
    assert [file["action"] for file in found["files"]] == ["add"]
    assert before.items() <= shop.snapshot().items()
    assert {result for _, result in results(found)} == {"proved"}
    shop.migrate(tmp_path / "new.sqlite3")
    assert shop.agrees()
    for database in conflict.databases:
        rows = store.rows(database, "shop_category", "orders_order")
        shop.migrate(database)
        assert store.schema(database) == store.schema(tmp_path / "new.sqlite3"), database.stem
        assert store.rows(database, "shop_category", "orders_order") == rows


def test_merge_leaves_an_app_alone_that_the_settings_do_not_install(conflict: Conflict) -> None:
    """A template of an app, say: Django has no such node to migrate to."""
    shop = conflict.shop
    without_code(shop)
    shop.write("blank/__init__.py", "")
    shop.write("blank/migrations/__init__.py", "")
    shop.write("blank/migrations/0001_initial.py", store.migration([], [], initial=True))
    shop.commit("A template")
    found = shop.told("--all", "--strategy", "merge", "--base", "main")
    assert [app["label"] for app in found["apps"]] == ["shop"]


@pytest.mark.parametrize("base", ["main", "start"])
def test_merge_is_refused_where_code_of_both_sides_may_do_anything(
    conflict: Conflict, base: str
) -> None:
    """Both orders may give the same for all rows that we can think of, and not for theirs."""
    shop = conflict.shop
    before = shop.snapshot()
    found = shop.told("--strategy", "merge", "--base", base, code=FINDINGS)
    assert (found["files"], found["apps"]) == ([], [])
    (refused,) = found["refused"]
    assert refused["app"] == "shop"
    assert refused["why"].startswith("RunPython of 0008_count, line ")
    assert refused["why"].endswith("may do anything")
    assert shop.snapshot() == before


def test_fresh_starts_anew_from_the_models(conflict: Conflict, tmp_path: Path) -> None:
    shop = conflict.shop
    found = shop.told("--strategy", "fresh")
    proved = dict(results(found))
    assert (proved.pop("upgrade"), proved.pop("lagging")) == ("skipped", "skipped")
    assert set(proved.values()) == {"proved"}
    assert shop.migrations() == ["0001_initial"]
    assert "replaces" not in (shop.path / "shop/migrations/0001_initial.py").read_text()
    shop.migrate(tmp_path / "new.sqlite3")
    assert shop.agrees()
    assert store.schema(tmp_path / "new.sqlite3") == store.schema(conflict.both)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [("rebase", "Nothing new to put on top of base"), ("merge", "Nothing to merge")],
)
def test_without_a_conflict_there_is_nothing_to_do(
    tmp_path: Path, strategy: str, said: str
) -> None:
    shop = Bookshop.open(tmp_path / "bookshop")
    ran = shop.reset("--all", "--strategy", strategy, "--base", "main")
    assert ran.code == FINDINGS
    assert said in ran.out
    assert shop.status() == []
