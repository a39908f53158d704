"""A bookshop: a small real Django project in a real repository, reset as a user would reset it.

Two apps that know each other, rows that only a migration writes, code that a migration needs, a
migration that does nothing on an empty database. And the same shop after two pull requests.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cli.project import Project, Ran, run
from tests.drift.store import MANAGE

SETTINGS = """\
import os
from pathlib import Path

SECRET_KEY = "of a test"
INSTALLED_APPS = ["django.contrib.contenttypes", "shop", "orders"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BOOKSHOP", Path(__file__).parents[1] / "db.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
POSTGRESQL = """\
DATABASES["default"] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "the_one_that_matters",
    "HOST": "127.0.0.1",
    "PORT": "1",
}
"""
"""Appended to the settings: a server that nobody may be asked for, as nothing listens there."""

SHOP = """\
from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Product(models.Model):
    name = models.CharField(max_length=40)
    category = models.ForeignKey(Category, models.PROTECT, null=True)
    price = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["price"], name="by_price")]
"""
ORDERS = """\
from django.db import models


class Order(models.Model):
    product = models.ForeignKey("shop.Product", models.CASCADE)
    amount = models.IntegerField(default=1)
    note = models.CharField(max_length=20, default="")
"""
_ID = (
    '("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, '
    'verbose_name="ID"))'
)
SEED = """\
NAMES = ["Books", "Games"]


def slot(name):
    return name.strip()


def seed(apps, schema_editor):
    category = apps.get_model("shop", "Category")
    for name in NAMES:
        category.objects.create(name=slot(name))
"""
FILL = """\
def fill(apps, schema_editor):
    for product in apps.get_model("shop", "Product").objects.filter(price=0):
        product.price = 5
        product.save()
"""


def migration(
    after: Iterable[tuple[str, str]],
    operations: Iterable[str],
    code: str = "",
    initial: bool = False,
) -> str:
    """The text of a migration, as a person would write it."""
    listed = "".join(f"        {pair!r},\n" for pair in after)
    body = "".join(f"        {operation},\n" for operation in operations)
    lines = [
        "from django.db import migrations, models",
        "",
        "",
        *(f"{code}\n\n".splitlines() if code else []),
        "class Migration(migrations.Migration):",
        *(["    initial = True", ""] if initial else []),
        f"    dependencies = [\n{listed}    ]" if listed else "    dependencies = []",
        "",
        f"    operations = [\n{body}    ]",
        "",
    ]
    return "\n".join(lines)


_PRODUCT = f'migrations.CreateModel("Product", [{_ID}, ("name", models.CharField(max_length=20))])'
_CATEGORY = (
    f'migrations.CreateModel("Category", [{_ID}, '
    '("name", models.CharField(max_length=20, unique=True))])'
)
_OF_CATEGORY = (
    'migrations.AddField("product", "category", '
    'models.ForeignKey("shop.Category", models.PROTECT, null=True))'
)
_ORDER = (
    f'migrations.CreateModel("Order", [{_ID}, '
    '("product", models.ForeignKey("shop.Product", models.CASCADE))])'
)
FILES = {
    "manage.py": MANAGE,
    "store/__init__.py": "",
    "store/settings.py": SETTINGS,
    "shop/__init__.py": "",
    "shop/models.py": SHOP,
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": migration([], [_PRODUCT], initial=True),
    "shop/migrations/0002_category.py": migration(
        [("shop", "0001_initial")], [_CATEGORY, _OF_CATEGORY]
    ),
    "shop/migrations/0003_seed.py": migration(
        [("shop", "0002_category")],
        ["migrations.RunPython(seed, migrations.RunPython.noop)"],
        SEED,
    ),
    "shop/migrations/0004_price.py": migration(
        [("shop", "0003_seed")],
        ['migrations.AddField("product", "price", models.IntegerField(default=0))'],
    ),
    "shop/migrations/0005_fill.py": migration(
        [("shop", "0004_price")],
        ["migrations.RunPython(fill, migrations.RunPython.noop)"],
        FILL,
    ),
    "shop/migrations/0006_by_price.py": migration(
        [("shop", "0005_fill")],
        [
            'migrations.AlterField("product", "name", models.CharField(max_length=40))',
            'migrations.AddIndex("product", models.Index(fields=["price"], name="by_price"))',
        ],
    ),
    "orders/__init__.py": "",
    "orders/models.py": ORDERS,
    "orders/migrations/__init__.py": "",
    "orders/migrations/0001_initial.py": migration(
        [("shop", "0001_initial")], [_ORDER], initial=True
    ),
    "orders/migrations/0002_amount.py": migration(
        [("orders", "0001_initial")],
        ['migrations.AddField("order", "amount", models.IntegerField(default=1))'],
    ),
    "orders/migrations/0003_note.py": migration(
        [("orders", "0002_amount")],
        ['migrations.AddField("order", "note", models.CharField(max_length=20, default=""))'],
    ),
    ".gitignore": "__pycache__/\n*.sqlite3\n",
}


class Bookshop(Project):
    """The shop, committed on ``main``."""

    @classmethod
    def open(cls, path: Path) -> Bookshop:
        """Make it."""
        path.mkdir(parents=True)
        shop = cls(path)
        shop.git("init", "--quiet", "--initial-branch=main")
        for name, text in FILES.items():
            shop.write(name, text)
        shop.commit("A bookshop")
        return shop

    @classmethod
    def forked(cls, folder: Path) -> Bookshop:
        """A clone in `folder`, whose branch has another migration than `origin` after the same
        one."""
        upstream = cls.open(folder / "upstream")
        upstream.git("clone", "--quiet", upstream.path, folder / "topic")
        topic = cls(folder / "topic")
        upstream._with_field("category", "rank", "unique=True)\n")
        topic._with_field("product", "stock", "price = models.IntegerField(default=0)\n")
        return topic

    def _with_field(self, model: str, name: str, below: str) -> None:
        operation = f'migrations.AddField("{model}", "{name}", models.IntegerField(default=0))'
        path = f"shop/migrations/0007_{name}.py"
        self.write(path, migration([("shop", "0006_by_price")], [operation]))
        field = f"    {name} = models.IntegerField(default=0)\n"
        self.write("shop/models.py", SHOP.replace(below, below + field))
        self.commit(name)

    def again(self, path: Path) -> Bookshop:
        """The same once more."""
        shutil.copytree(self.path, path, symlinks=True)
        return Bookshop(path)

    def postgresql(self) -> None:
        """From now on the project's database is one of PostgreSQL."""
        self.write("store/settings.py", SETTINGS + POSTGRESQL)
        self.commit("On PostgreSQL")

    def reset(self, *words: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Type ``remigrate reset`` with the interpreter of the tests."""
        return self.remigrate("reset", "--python", sys.executable, *words, env=env)

    def told(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        """What ``reset --format json`` says, when it ends with `code`."""
        ran = self.reset(*words, "--format", "json")
        assert ran.code == code, ran.err + ran.out
        found: dict[str, Any] = json.loads(ran.out)
        return found

    def manage(self, *words: str, database: Path | None = None) -> Ran:
        """Type ``manage.py``: with the project's own Django, on one of its databases."""
        env = {"BOOKSHOP": str(database)} if database else {}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        return run(sys.executable, "manage.py", *words, cwd=self.path, env=env)

    def migrate(self, database: Path, *words: str) -> None:
        """``manage.py migrate``, which must succeed."""
        ran = self.manage("migrate", *words, database=database)
        assert ran.code == 0, ran.err

    def agrees(self) -> bool:
        """Whether ``makemigrations --check`` finds models and migrations the same."""
        return self.manage("makemigrations", "--check", "--dry-run").code == 0

    def status(self) -> list[str]:
        """What git says of the work tree."""
        return self.git("status", "--porcelain", "--untracked-files=all").splitlines()

    def migrations(self, app: str = "shop") -> list[str]:
        """Names of the app's migrations on disk."""
        folder = self.path / app / "migrations"
        return sorted(file.stem for file in folder.glob("[0-9]*.py"))

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the work tree but git's and byte code."""
        return {
            str(file.relative_to(self.path)): file.read_bytes()
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
            and ".git" not in file.relative_to(self.path).parts
            and "__pycache__" not in file.parts
        }


def fill(database: Path) -> None:
    """Rows as the shop's customers leave them."""
    with sqlite3.connect(database) as opened:
        opened.execute("INSERT INTO shop_product (name, price, category_id) VALUES ('Go', 7, 2)")
        opened.execute("INSERT INTO orders_order (product_id, amount, note) VALUES (1, 3, '')")
    opened.close()


def schema(database: Path) -> list[tuple[str, str, str, int, str | None]]:
    """Columns and indexes of all tables but Django's list of migrations, in no order."""
    opened = sqlite3.connect(database)
    tables = [
        name
        for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name != "django_migrations" and not name.startswith("sqlite_")
    ]
    found: set[tuple[str, str, str, int, str | None]] = set()
    for table in tables:
        for _, name, kind, required, default, _ in opened.execute(f"PRAGMA table_info({table})"):
            found.add((table, name, kind, required, default))
        for _, index, unique, _, _ in opened.execute(f"PRAGMA index_list({table})"):
            columns = [row[2] for row in opened.execute(f"PRAGMA index_info({index})")]
            found.add((table, ",".join(columns), "index", unique, None))
    opened.close()
    return sorted(found, key=repr)


def rows(database: Path, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    """The rows of some tables, columns in the order of their names."""
    opened = sqlite3.connect(database)
    found = {}
    for table in tables or ("shop_category", "shop_product", "orders_order"):
        names = sorted(row[1] for row in opened.execute(f"PRAGMA table_info({table})"))
        found[table] = sorted(opened.execute(f"SELECT {', '.join(names)} FROM {table}"))
    opened.close()
    return found


def recorded(database: Path, app: str) -> list[str]:
    """Names in ``django_migrations``."""
    opened = sqlite3.connect(database)
    found = opened.execute("SELECT name FROM django_migrations WHERE app = ? ORDER BY name", (app,))
    names = [name for (name,) in found]
    opened.close()
    return names
