"""A project's interpreter that stays open: pieces of code run in it, with parts of the probe.

REMIGRATE_PROBE_PYTHON names it; it needs nothing but Django. Without it, the tests' own is used.
Its one app of interest, ``shop``, has no models; its migrations are what `Interpreter.shop` wrote.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
_SOURCE = Path(__file__).resolve().parents[2] / "src"
_SERVER = """
import io, json, sys, traceback

reply, sys.stdout = sys.stdout, sys.stderr
folder, source, database = sys.argv[1:]
sys.path[:0] = [folder, source]
sys.dont_write_bytecode = True
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
    INSTALLED_APPS=["django.contrib.contenttypes", "shop", "blog"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
    MIGRATION_MODULES={},
)
import django
django.setup()
from django.db import connection, connections, migrations, models
from django.db.migrations.loader import MigrationLoader

def fresh():
    '''An empty database, and the connection to it.'''
    connections["default"].close()
    del connections["default"]  # which an exit in a transaction may have left unusable
    open(database, "w").close()
    connection.ensure_connection()
    return connection

def select(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [list(row) for row in cursor.fetchall()]

def change(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)

shared = dict(globals())
for line in sys.stdin:
    asked = json.loads(line)
    settings.MIGRATION_MODULES = asked["modules"]
    names = {**shared, **asked["names"]}
    try:
        exec(compile(asked["code"], "<test>", "exec"), names)
        told = {"value": names.get("value")}
    except BaseException:
        told = {"error": traceback.format_exc()}
    reply.write(json.dumps(told, default=str) + "\\n")
    reply.flush()
"""
_EMPTY = "from django.db import models\n"


class Interpreter:
    """One that runs."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self._process = process
        self._modules: dict[str, str] = {}
        self._count = 0

    def migrations(self, label: str = "shop", **files: str) -> None:
        """From now on, these are the app's migrations: ``_0001_initial="…"``."""
        self._count += 1
        package = f"{label}_migrations_{self._count}"
        path = self.folder / package
        path.mkdir()
        (path / "__init__.py").write_text("")
        for name, text in files.items():
            (path / f"{name.removeprefix('_')}.py").write_bytes(text.encode())
        self._modules[label] = package

    def forget(self) -> None:
        """No app but those of Django has migrations."""
        self._modules.clear()
        for label in ("shop", "blog"):
            self.migrations(label)

    def run(self, code: str, **names: Any) -> Any:
        """What `code` leaves in ``value``; `names` are known to it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"code": code, "names": names, "modules": self._modules}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "error" not in told, told["error"]
        return told["value"]


@contextmanager
def opened(folder: Path) -> Iterator[Interpreter]:
    """An interpreter that ends with the block."""
    for label in ("shop", "blog"):
        (folder / label).mkdir()
        (folder / label / "__init__.py").write_text("")
        (folder / label / "models.py").write_text(_EMPTY)
    where = [str(folder), str(_SOURCE), str(folder / "db.sqlite3")]
    process = subprocess.Popen(
        [PYTHON, "-W", "ignore", "-c", _SERVER, *where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=_environment(),
    )
    with process:
        yield Interpreter(folder, process)
        assert process.stdin is not None
        process.stdin.close()


def _environment() -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"}


def migration(
    *after: str, operations: str = "[]", above: str = "", more: str = "", app: str = "shop"
) -> str:
    """A migration file; names without a dot are of the app itself."""
    named = [tuple(name.split(".")) if "." in name else (app, name) for name in after]
    return (
        f"from django.db import migrations, models\n{above}\n\n"
        "class Migration(migrations.Migration):\n"
        f"    dependencies = {named!r}\n{more}    operations = {operations}\n"
    )
