"""The stories of docs/stories.md: from the mess, made as people make it, to a database in order.

Each runs on one kind of database, in turns; on all of them where REMIGRATE_STORIES is `all`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.db import served
from tests.db.tale import CREATE_NOTE, NOTES, ORDER, PAGE, PRODUCT, SQLITE, Tale
from tests.drift.store import ADD_PRICE

SERVERS = ("postgresql", "mariadb")
EVERYWHERE = os.environ.get("REMIGRATE_STORIES") == "all"

TITLES: set[str] = set()


def story(title: str, server: str = "", always: bool = True) -> pytest.MarkDecorator:
    """The section of the page, and the server whose turn it is in CI, or else it is SQLite's."""
    TITLES.add(title)
    there = ["", *SERVERS] if EVERYWHERE else [server]
    rarely = () if EVERYWHERE or always else pytest.mark.skip("REMIGRATE_STORIES is not `all`")
    needs = pytest.mark.needs("servers")
    found = [
        pytest.param((title, each), id=each or "sqlite", marks=needs if each else rarely)
        for each in there
    ]
    return pytest.mark.parametrize("tale", found, indirect=True)


@pytest.fixture
def tale(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tale]:
    title, vendor = request.param
    if not vendor:
        yield Tale(tmp_path / "store", SQLITE, title)
        return
    with served.database(request.getfixturevalue(vendor)) as config:
        yield Tale(tmp_path / "store", config, title)


EXISTS = {
    "sqlite3": 'django.db.utils.OperationalError: table "orders_note" already exists',
    "postgresql": 'django.db.utils.ProgrammingError: relation "orders_note" already exists',
    "mysql": "django.db.utils.OperationalError: (1050, \"Table 'orders_note' already exists\")",
}
LACKS = {
    "sqlite3": "django.db.utils.OperationalError: no such column: shop_product.stock",
    "postgresql": "django.db.utils.ProgrammingError: column shop_product.stock does not exist",
    "mysql": "django.db.utils.OperationalError: (1054, \"Unknown column 'shop_product.stock' in ",
}
UNKNOWN = {
    "sqlite3": "django.db.utils.IntegrityError: NOT NULL constraint failed: shop_product.colour",
    "postgresql": 'django.db.utils.IntegrityError: null value in column "colour" of relation '
    '"shop_product" violates not-null constraint',
    "mysql": "django.db.utils.OperationalError: (1364, \"Field 'colour' doesn't have a default "
    'value")',
}
STOCK = "    stock = models.IntegerField(default=0)\n"
COLOURED = '    colour = models.CharField(default="red", max_length=20)\n'
LOOK = "python manage.py shell -c 'from shop.models import *; print(Product.objects.get(id=1).{})'"


@story("Migrations were deleted and made anew", "postgresql")
def test_remade(tale: Tale) -> None:
    tale.begin()
    tale.type("rm shop/migrations/0*.py orders/migrations/0*.py")
    tale.type("python manage.py makemigrations")
    tale.type("python manage.py migrate --fake", 0, "No migrations to apply.")
    tale.type("remigrate db status", 1, "ghosts: applied, and its file is gone")
    tale.type("remigrate db sync", 1, "! 0 rows to insert, 3 rows to delete; --apply writes them")
    tale.type("remigrate db sync --apply")
    tale.ends_clean()


@story("Migrations were deleted and made anew", always=False)
def test_remade_and_a_new_one_has_the_name_of_an_old_one(tale: Tale) -> None:
    tale.begin()
    tale.type("rm shop/migrations/0*.py orders/migrations/0*.py")
    tale.type("python manage.py makemigrations")
    tale.type("python manage.py migrate --fake")
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.type("python manage.py makemigrations shop --name price")
    tale.type("python manage.py migrate", 0, "No migrations to apply.")
    tale.type(LOOK.format("colour"), 1, LACKS[tale.vendor].replace("stock", "colour"))
    tale.type("remigrate db sync --apply")
    tale.type("python manage.py migrate")
    tale.ends_clean()


@story("Migrations were deleted and made anew", always=False)
def test_remade_with_a_change_that_had_no_migration(tale: Tale) -> None:
    tale.begin()
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.type("rm shop/migrations/0*.py orders/migrations/0*.py")
    tale.type("python manage.py makemigrations")
    tale.type("remigrate db sync", 1, "✗ shop: the tables are not what its migrations build")
    tale.write("shop/models.py", PRODUCT)
    tale.type("rm shop/migrations/0*.py orders/migrations/0*.py")
    tale.type("python manage.py makemigrations")
    tale.type("remigrate db sync --apply")
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.type("python manage.py makemigrations")
    tale.type("python manage.py migrate")
    tale.ends_clean()


FILL = """\
from django.db import migrations


def fill(apps, schema_editor):
    apps.get_model("shop", "Product").objects.filter(price=0).update(price=5)


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_stock")]

    operations = [migrations.RunPython(fill)]
"""


@story("django_migrations was emptied", "mariadb")
def test_emptied(tale: Tale) -> None:
    """Also the rows of apps whose files are nobody's to change, as Django's own."""
    tale.begin(apps=', "django.contrib.auth"')
    tale.write("shop/migrations/0004_prices.py", FILL)
    tale.sql("DELETE FROM django_migrations")
    found = EXISTS[tale.vendor].replace("orders_note", "django_content_type")
    tale.type("python manage.py migrate", 1, found)
    tale.type("remigrate db sync", 1, "! shop.0004_prices is taken as applied, and its code as run")
    tale.type("remigrate db sync --apply --pending shop.0004_prices")
    tale.type("python manage.py migrate", 0, "Applying shop.0004_prices... OK")
    tale.ends_clean()


@story("A dump of production was loaded over newer code", "postgresql")
def test_an_older_dump(tale: Tale) -> None:
    tale.begin("shop 0002", "orders 0001", "contenttypes")
    tale.dump()
    tale.migrate()
    tale.load()
    if tale.vendor != "sqlite3":
        tale.type("python manage.py migrate", 1, EXISTS[tale.vendor])
        tale.type("remigrate db sync --apply")
    tale.type("remigrate db status", 0)
    tale.type("python manage.py migrate")
    tale.ends_clean()


@story("A dump of production was loaded over newer code", always=False)
def test_an_older_dump_and_half_a_migration(tale: Tale) -> None:
    """It made a table, which stayed, and changed one, which the dump has brought."""
    if tale.vendor == "sqlite3":
        pytest.skip("SQLite's file is replaced as a whole")
    tale.begin("shop 0002", "orders 0001", "contenttypes")
    tale.write("orders/migrations/0002_note.py", CREATE_NOTE.replace(_LAST, f"\n{AMOUNT}    ]\n"))
    tale.write("orders/models.py", ORDER.replace(_OWNER, _OWNER + AMOUNTED))
    tale.dump()
    tale.migrate()
    tale.load()
    tale.type("python manage.py migrate", 1, EXISTS[tale.vendor])
    tale.type("remigrate db sync", 1, "the table orders_note that a new one lacks")
    tale.sql("DROP TABLE orders_note")
    tale.type("python manage.py migrate")
    tale.ends_clean()


_LAST = "\n    ]\n"
_OWNER = '    product = models.ForeignKey("shop.Product", models.CASCADE)\n'
AMOUNT = '        migrations.AddField("order", "amount", models.IntegerField(default=1)),\n'
AMOUNTED = "    amount = models.IntegerField(default=1)\n"


@story("A dump of production was loaded over older code", "mariadb")
def test_a_newer_dump(tale: Tale) -> None:
    tale.begin()
    tale.git("switch", "--quiet", "--create", "topic")
    tale.git("switch", "--quiet", "main")
    tale.write("shop/migrations/0004_colour.py", COLOUR)
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.commit("Colours")
    tale.migrate()
    tale.dump()
    tale.git("switch", "--quiet", "topic")
    tale.load()
    tale.type("remigrate db status", 1, "ghost: applied, and its file is gone")
    tale.type("python manage.py migrate", 0, "No migrations to apply.")
    sold = tale.shell('python manage.py shell -c "from shop.models import *; Product().save()"')
    assert UNKNOWN[tale.vendor] in sold.err
    assert UNKNOWN[tale.vendor] in tale.page
    told = tale.type("remigrate db status --since main", 1)
    for line in re.findall(r"^  (git .*|python .*)$", told.out, re.M):
        assert tale.shell(line).code == 0, line
    tale.ends_clean()


COLOUR = (
    ADD_PRICE.replace("0001_initial", "0003_stock")
    .replace('"price"', '"colour"')
    .replace("IntegerField(default=0)", 'CharField(default="red", max_length=20)')
)


@story("InconsistentMigrationHistory")
def test_renamed(tale: Tale) -> None:
    tale.begin()
    tale.type("git mv shop/migrations/0002_price.py shop/migrations/0002_product_price.py")
    tale.type("sed -i s/0002_price/0002_product_price/ */migrations/0*.py")
    tale.type(
        *("python manage.py migrate", 1),
        "InconsistentMigrationHistory: Migration orders.0001_initial is applied before its "
        "dependency shop.0002_product_price on database 'default'.",
    )
    tale.type("remigrate db status", 1, "orders.0001_initial is applied, shop.0002_product_price")
    tale.type("remigrate db sync --apply")
    tale.ends_clean()


@story("InconsistentMigrationHistory", always=False)
def test_what_slipped_in_before_is_not_written_away(tale: Tale) -> None:
    tale.begin()
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.write("shop/migrations/0004_colour.py", COLOUR)
    after = '("orders", "0001_initial")'
    slipped = CREATE_NOTE.replace(after, f'{after}, ("shop", "0004_colour")')
    tale.write("orders/migrations/0002_note.py", slipped)
    tale.type("python manage.py migrate", 1, "InconsistentMigrationHistory: Migration ")
    tale.type(
        *("remigrate db sync --apply", 1),
        "✗ orders.0002_note is applied, and depends on shop.0004_colour, which is not",
    )
    tale.write("orders/migrations/0002_note.py", CREATE_NOTE)
    tale.type("python manage.py migrate")
    tale.ends_clean()


@story("relation already exists")
def test_a_table_without_its_row(tale: Tale) -> None:
    tale.begin()
    tale.sql("DELETE FROM django_migrations WHERE app = 'orders' AND name = '0002_note'")
    tale.type("python manage.py migrate", 1, EXISTS[tale.vendor])
    tale.type("remigrate db sync --apply")
    tale.ends_clean()


@story("column does not exist")
def test_a_migration_that_was_faked_and_never_ran(tale: Tale) -> None:
    tale.begin("shop 0002", "orders", "contenttypes")
    tale.type("python manage.py migrate --fake shop", 0)
    tale.type("python manage.py migrate", 0, "No migrations to apply.")
    tale.type(LOOK.format("stock"), 1, LACKS[tale.vendor])
    tale.type("remigrate db status", 0)
    tale.type("remigrate db sync --apply")
    tale.type("python manage.py migrate")
    tale.ends_clean()


CIRCLE = "django.db.migrations.exceptions.CircularDependencyError: "


@story("CircularDependencyError")
def test_a_circle(tale: Tale) -> None:
    tale.begin()
    tale.write("shop/migrations/0004_first_order.py", FIRST_ORDER)
    tale.write("shop/models.py", PRODUCT + FIRST)
    tale.commit("First orders")
    tale.migrate()
    tale.type("python manage.py squashmigrations --no-input shop 0004")
    tale.type("python manage.py migrate", 1, CIRCLE)
    tale.type("remigrate check", 1, "error RM103 cycle")
    tale.type("rm shop/migrations/0001_squashed_0004_first_order.py")
    tale.type("remigrate reset shop orders")
    tale.type("python manage.py migrate")
    assert len([*tale.path.glob("*/migrations/0*.py")]) < 6
    tale.ends_clean()


FIRST = """\
    first = models.ForeignKey("orders.Order", models.SET_NULL, null=True, related_name="+")
"""
FIRST_ORDER = (
    ADD_PRICE.replace('[("shop", "0001_initial")]',
                      '[("shop", "0003_stock"), ("orders", "0001_initial")]')
    .replace('"price"', '"first"')
    .replace("models.IntegerField(default=0)", FIRST.partition(" = ")[2].strip())
)  # fmt: skip


BEHIND = (
    "ValueError: The field orders.Order.product was declared with a lazy reference to"
    " 'shop.product', but app 'shop' isn't installed."
)


@story("Files that git would overwrite")
def test_files_that_git_would_overwrite(tale: Tale) -> None:
    tale.begin()
    tale.git("switch", "--quiet", "--create", "theirs")
    tale.write("shop/migrations/0004_colour.py", COLOUR)
    tale.write("shop/models.py", PRODUCT + COLOURED)
    tale.commit("Colours")
    tale.git("switch", "--quiet", "main")
    tale.write("shop/migrations/0004_colour.py", COLOUR.replace("CharField", "TextField"))
    tale.migrate()
    tale.type(
        *("git merge --quiet theirs", 1),
        "error: The following untracked working tree files would be overwritten by merge:",
    )
    tale.type("python manage.py migrate shop 0003_stock")
    tale.type("rm shop/migrations/0004_colour.py")
    tale.type("git merge --quiet theirs")
    tale.type("python manage.py migrate")
    tale.ends_clean()


@story("The history was reset, and my database has the old one", "postgresql")
def test_after_a_squash(tale: Tale) -> None:
    """On a database that was behind, which goes back to be as one that was not."""
    tale.begin("shop 0002", "orders 0001", "contenttypes")
    tale.type("remigrate reset shop orders")
    tale.commit("A short history")
    tale.type("remigrate db status", 1, "1 lagging squash: deploy the commit first")
    tale.type("python manage.py migrate", 1, BEHIND)
    tale.type("git switch --detach HEAD~1")
    tale.type("python manage.py migrate")
    tale.type("git switch -")
    tale.type("remigrate db status")
    tale.type("python manage.py migrate")
    tale.plant(NOTES)
    tale.ends_clean()


@story("The history was reset, and my database has the old one")
def test_after_a_fresh_history(tale: Tale) -> None:
    tale.begin()
    tale.type("remigrate reset shop orders --strategy fresh")
    tale.commit("A new history")
    tale.type("remigrate db status", 1, "ghosts: applied, and its file is gone")
    tale.type("remigrate db sync --apply")
    tale.ends_clean()


def test_every_story_of_the_page_is_one_here() -> None:
    assert {*re.findall(r"^## (.*)$", PAGE.read_text(), re.M)} == TITLES
