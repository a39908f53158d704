"""A story of docs/stories.md: what is typed is what the page says, and what is said, too."""

from __future__ import annotations

import contextlib
import re
import shlex
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings

from remigrate.probe import catalogue, scratch
from remigrate.reset import compare
from remigrate.servers import Config
from tests.cli.project import Ran, run
from tests.db import served
from tests.db.test_status import Stall
from tests.drift.store import ADD_PRICE, INITIAL, MANAGE

PAGE = Path(__file__).parents[2] / "docs/stories.md"
SQLITE: Config = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}
SETTINGS = """\
import os

DEBUG = True
SECRET_KEY = "of a test"
INSTALLED_APPS = ["django.contrib.contenttypes", "shop", "orders"{apps}]
DATABASES = {{"default": {config!r}}}
DATABASES["default"]["NAME"] = os.environ.get("FRESH") or DATABASES["default"]["NAME"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
PRODUCT = """\
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=20)
    price = models.IntegerField(default=0)
    stock = models.IntegerField(default=0)
"""
ORDER = """\
from django.db import models


class Order(models.Model):
    product = models.ForeignKey("shop.Product", models.CASCADE)


class Note(models.Model):
    text = models.CharField(max_length=20)
"""
_ID = INITIAL.partition('                (\n                    "id"')[2].partition('("name"')[0]
CREATE_ORDER = (
    INITIAL.replace("Product", "Order")
    .replace("dependencies = []", 'dependencies = [("shop", "0002_price")]')
    .replace(
        '("name", models.CharField(max_length=20))',
        '("product", models.ForeignKey("shop.Product", models.CASCADE))',
    )
)
CREATE_NOTE = (
    INITIAL.replace("Product", "Note")
    .replace("    initial = True\n\n", "")
    .replace("dependencies = []", 'dependencies = [("orders", "0001_initial")]')
    .replace('"name"', '"text"')
)
FILES = {
    "manage.py": MANAGE,
    "store/__init__.py": "",
    "shop/__init__.py": "",
    "shop/models.py": PRODUCT,
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": INITIAL,
    "shop/migrations/0002_price.py": ADD_PRICE,
    "shop/migrations/0003_stock.py": ADD_PRICE.replace("0001_initial", "0002_price").replace(
        '"price"', '"stock"'
    ),
    "orders/__init__.py": "",
    "orders/models.py": ORDER,
    "orders/migrations/__init__.py": "",
    "orders/migrations/0001_initial.py": CREATE_ORDER,
    "orders/migrations/0002_note.py": CREATE_NOTE,
    ".gitignore": "__pycache__/\n*.sqlite3\n*.sql\n",
}
Rows = dict[str, list[tuple[int, int | str]]]
ROWS: Rows = {
    "shop_product (id, name)": [(1, "tea"), (2, "jam"), (7, "salt")],
    "orders_order (id, product_id)": [(1, 2), (3, 7)],
}
NOTES: Rows = {"orders_note (id, text)": [(1, "soon")]}


DUMPS = {
    "sqlite3": ("cp db.sqlite3 production.sqlite3", "cp production.sqlite3 db.sqlite3"),
    "postgresql": ("pg_dump --clean --if-exists shop > dump.sql", "psql --quiet shop < dump.sql"),
    "mysql": ("mariadb-dump shop > dump.sql", "mariadb shop < dump.sql"),
}
"""What is typed where the database is called `shop`."""


_FRESH: dict[str, dict[str, Any]] = {}
_BEGUN: dict[object, bytes] = {}
"""Files of SQLite, by how far they were migrated."""


class Tale(Stall):
    """Two apps that know each other, on a database of some kind, and a section of the page."""

    def __init__(self, path: Path, config: Config = SQLITE, title: str = "") -> None:
        super().__init__(path)
        self.config = config
        self.page = section(title)
        self._planted: Rows = {}

    @property
    def vendor(self) -> str:
        return str(self.config["ENGINE"]).rpartition(".")[2]

    def begin(self, *stops: str, apps: str = "") -> None:
        """The project, migrated as far as the `stops` of ``migrate`` say, with rows planted. It
        may have more `apps`: words with quotes, and a comma before."""
        self.path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        text = SETTINGS.format(config=self.config, apps=apps) + served.DRIVER
        for name, content in {**FILES, "store/settings.py": text}.items():
            self.write(name, content)
        self.commit("A store")
        file, key = self.path / "db.sqlite3", (stops, apps)
        if self.vendor == "sqlite3" and key in _BEGUN:
            file.write_bytes(_BEGUN[key])
        else:
            self._migrate_to(stops)
        if self.vendor == "sqlite3":
            _BEGUN[key] = file.read_bytes()
        self.plant(ROWS if stops else ROWS | NOTES)

    def _migrate_to(self, stops: tuple[str, ...]) -> None:
        """All of them in one process."""
        calls = "".join(f"call('migrate', *{stop.split()}, verbosity=0);" for stop in stops or [""])
        load = "from django.core.management import call_command as call;"
        made = self.manage("shell", "-c", load + calls)
        assert made.code == 0, made

    def plant(self, rows: Rows) -> None:
        """Insert rows by hand, with whatever columns the table has besides."""
        self._planted |= rows
        with self.rows() as cursor:
            for table, found in rows.items():
                name, columns = table.split(" ", 1)
                cursor.execute(f"SELECT * FROM {name}")
                more = [each[0] for each in cursor.description if each[0] not in columns]
                listed = ", ".join([columns.strip("()"), *more])
                for row in found:
                    values = ", ".join([*map(_literal, row), *("0" for _ in more)])
                    cursor.execute(f"INSERT INTO {name} ({listed}) VALUES ({values})")

    @contextlib.contextmanager
    def rows(self) -> Iterator[Any]:
        """Somebody at work in the database by hand."""
        if self.vendor != "sqlite3":
            with served.cursor(self.config) as cursor:
                yield cursor
            return
        with contextlib.closing(sqlite3.connect(self.path / "db.sqlite3")) as database:
            yield database.cursor()
            database.commit()

    # What is done

    def type(self, words: str, code: int = 0, *says: str) -> Ran:
        """Type a command of the page, in a shell. What it says is in the page, too."""
        assert words in self.page, f"the page does not say: {words}"
        ran = self.shell(words + self._where(words))
        assert ran.code == code, (words, ran)
        for text in says:
            assert text in ran.out + ran.err, (text, ran)
            assert text in self.page, f"the page does not show: {text}"
        return ran

    def sql(self, words: str) -> None:
        """Type a statement of the page."""
        assert words in self.page, f"the page does not say: {words}"
        with self.rows() as cursor:
            cursor.execute(words)

    def dump(self) -> None:
        """Dump the database, as the page says for this vendor."""
        self._of_vendor("dump")

    def load(self) -> None:
        """Load that dump, as the page says for this vendor."""
        self._of_vendor("load")

    def _of_vendor(self, step: str) -> None:
        words = DUMPS[self.vendor][step == "load"]
        assert words in PAGE.read_text(), f"the page does not say: {words}"
        there = {
            **{"PGHOST": self.config.get("HOST"), "PGPORT": self.config.get("PORT")},
            **{"PGUSER": self.config.get("USER"), "PGPASSWORD": self.config.get("PASSWORD")},
            **{"MYSQL_TCP_PORT": self.config.get("PORT"), "MYSQL_PWD": self.config.get("PASSWORD")},
        }
        words = re.sub(r"\bshop\b", str(self.config["NAME"]), words)
        if self.vendor == "mysql":  # no variable says who, and where
            words = words.replace(" ", f" --host=127.0.0.1 --user={self.config['USER']} ", 1)
        env = {key: str(each) for key, each in there.items() if each}
        ran = self.shell(words, **env)
        assert ran.code == 0, ran

    def shell(self, words: str, **env: str) -> Ran:
        return run("sh", "-c", words, cwd=self.path, env=env)

    def _where(self, words: str) -> str:
        """Scratch databases on the server that is there already: a machine of its own is slow."""
        on = words.startswith(("remigrate db sync", "remigrate reset"))
        if not on or self.vendor == "sqlite3":
            return ""
        kind = {"postgresql": "postgresql", "mysql": "mysql"}[self.vendor]
        there = {key: self.config[key] for key in ("USER", "PASSWORD", "HOST", "PORT", "NAME")}
        url = "{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format_map(there)
        return " --database " + shlex.quote(f"{kind}://{url}")

    # How it ends

    def ends_clean(self) -> None:
        """Nothing wrong, nothing pending, the schema of a new database, and every row is there."""
        status = self.shell("remigrate db status --check")
        assert status.code == 0, status
        checked = self.shell("python manage.py migrate --check")
        assert checked.code == 0, checked
        differences = compare.schemas(self._schema(), self._fresh()).differences
        assert not differences, differences
        for table, planted in self._planted.items():
            name, columns = table.split(" ", 1)
            with self.rows() as cursor:
                cursor.execute(f"SELECT {columns.strip('()')} FROM {name}")
                assert {*planted} <= {tuple(row) for row in cursor.fetchall()}, table

    def _schema(self, name: str = "") -> dict[str, Any]:
        _start_django()
        config: dict[str, Any] = {**self.config, "NAME": name or self.config["NAME"]}
        if self.vendor == "sqlite3":
            config["NAME"] = str(self.path / config["NAME"])
        connection = scratch.connect(config)
        with contextlib.closing(connection):
            return catalogue.schema(connection)

    def _fresh(self) -> dict[str, Any]:
        """The schema that the files make of an empty database; the same files are run once."""
        files = sorted(self.path.glob("*/migrations/0*.py"))
        key = "".join([self.vendor, *(f"{file.name}\n{file.read_text()}" for file in files)])
        if key not in _FRESH:
            _FRESH[key] = self._made()
        return _FRESH[key]

    def _made(self) -> dict[str, Any]:
        with contextlib.ExitStack() as stack:
            name = "fresh.sqlite3"
            if self.vendor != "sqlite3":
                name = str(stack.enter_context(served.database(self.config))["NAME"])
            made = self.shell("python manage.py migrate --verbosity=0", FRESH=name)
            assert made.code == 0, made
            return self._schema(name)


def section(title: str) -> str:
    """The part of the page below that heading; all of it without one."""
    page = PAGE.read_text()
    if not title:
        return page
    _, found, rest = page.partition(f"\n## {title}\n")
    assert found, f"the page has no section: {title}"
    return rest.partition("\n## ")[0]


def _literal(value: int | str) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def _start_django() -> None:
    """To read catalogues in this process; see tests/reset/test_catalogue.py."""
    import pymysql

    pymysql.install_as_MySQLdb()
    if not settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[], USE_TZ=True)
        django.setup()
