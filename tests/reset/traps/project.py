"""Small Django projects in git repositories of their own, and ``remigrate reset`` run in them.

REMIGRATE_PROBE_PYTHON names the project's interpreter; without it, it is the tests' own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
ID = 'models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")'
SQLITE = "django.db.backends.sqlite3"
_MANAGE = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
_SETTINGS = """\
import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "elsewhere"))
SECRET_KEY = "none"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {{"default": json.loads(os.environ.get("DATABASE", {database!r}))}}
INSTALLED_APPS = {apps!r}
"""
_HEAD = """\
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
"""
_MODELS = """\
from django.conf import settings
from django.db import models
"""
_QUERY = """
import json, sys, django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(sys.argv[1])
    rows = cursor.fetchall() if cursor.description else []
sys.stdout.write(json.dumps([list(row) for row in rows], default=str))
"""


# Sources. A field is written as in a class: ``name=models.TextField()``.


def model(name: str, *fields: str, meta: str = "", base: str = "models.Model") -> str:
    """A model's class."""
    body = [f"    {field.replace('=', ' = ', 1)}" for field in fields]
    if meta:
        body += ["", "    class Meta:", *(f"        {line}" for line in meta.splitlines())]
    return "\n".join([f"\n\nclass {name}({base}):", *(body or ["    pass"])]) + "\n"


def create(name: str, *fields: str, options: str = "") -> str:
    """A CreateModel with an automatic key."""
    pairs = [
        f'("id", {ID})',
        *(f'("{f.partition("=")[0]}", {f.partition("=")[2]})' for f in fields),
    ]
    more = f", options={{{options}}}" if options else ""
    return f'migrations.CreateModel(name="{name}", fields=[{", ".join(pairs)}]{more})'


def add(model: str, field: str, more: str = "") -> str:
    """An AddField."""
    name, _, value = field.partition("=")
    return f'migrations.AddField("{model.lower()}", "{name}", {value}{more})'


def alter(model: str, field: str, more: str = "") -> str:
    """An AlterField."""
    return add(model, field, more).replace("AddField", "AlterField")


def migration(
    *operations: str, after: Iterable[object] = (), above: str = "", **more: object
) -> str:
    """A migration file. In `after`, a string is a setting that names a model."""
    named = [
        f"migrations.swappable_dependency(settings.{each})" if isinstance(each, str) else repr(each)
        for each in after
    ]
    lines = [f"{name} = {value!r}" for name, value in more.items()]
    lines += [f"dependencies = [{', '.join(named)}]", "operations = ["]
    lines += [f"    {each}," for each in operations] + ["]"]
    body = "\n".join(f"    {line}" for line in lines)
    return f"{_HEAD}{above}\n\nclass Migration(migrations.Migration):\n{body}\n"


def app(label: str, models: str, **migrations: str) -> dict[str, str]:
    """The files of an app. ``m0001_initial="…"`` is its migration ``0001_initial``."""
    files = {
        f"{label}/__init__.py": "",
        f"{label}/models.py": f"{_MODELS}{models}",
        f"{label}/migrations/__init__.py": "",
    }
    for name, text in migrations.items():
        files[f"{label}/migrations/{name[1:]}.py"] = text
    return files


class Outcome(NamedTuple):
    """What ``remigrate reset --format json`` came to."""

    code: int
    report: dict[str, Any]
    said: str

    @property
    def results(self) -> dict[str, str]:
        """Check to result."""
        return {check["check"]: check["result"] for check in self.report["proof"]}

    @property
    def ways(self) -> dict[str, str]:
        """App to how it was written."""
        return {each["label"]: each["how"] for each in self.report["apps"]}

    @property
    def refused(self) -> dict[str, str]:
        """App to the reason."""
        return {each["app"]: each["why"] for each in self.report.get("refused", ())}

    def proved(self, *but: str) -> Outcome:
        """Demand that all checks but these were proved, and that files were written."""
        assert self.code == 0, (self.report, self.said)
        wrong = {name: result for name, result in self.results.items() if result != "proved"}
        assert set(wrong) == set(but), self.report
        assert self.report["files"]
        return self


class Project:
    """A project whose folder is a git repository."""

    def __init__(
        self,
        folder: Path,
        apps: Iterable[str] = ("shop",),
        server: Mapping[str, Any] | None = None,
        more: str = "",
    ) -> None:
        self.folder = folder / "project"
        self.elsewhere = folder / "elsewhere"
        """Packages that are installed, and not of the repository."""
        self.environ: dict[str, str] = {}
        """More environment variables for its interpreter."""
        self._server = server
        self._databases = folder / "databases"
        self.elsewhere.mkdir()
        self._databases.mkdir()
        database = json.dumps(self.database("nowhere"))
        settings = _SETTINGS.format(database=database, apps=list(apps))
        self.write({"manage.py": _MANAGE, "site_settings.py": settings + more})
        self.git("init", "--quiet", "--initial-branch=main")

    # The repository

    def write(self, files: Mapping[str, str]) -> Project:
        """Write files."""
        return self._write(self.folder, files)

    def install(self, files: Mapping[str, str]) -> Project:
        """Write files of packages that are not of the repository."""
        return self._write(self.elsewhere, files)

    def _write(self, folder: Path, files: Mapping[str, str]) -> Project:
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return self

    def read(self, path: str) -> str:
        """The text of a file."""
        return (self.folder / path).read_text("utf-8")

    def remove(self, *paths: str) -> None:
        """Remove files."""
        for path in paths:
            (self.folder / path).unlink()

    def git(self, *args: str) -> str:
        """Run git."""
        done = subprocess.run(
            ["git", *args], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self) -> Project:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as it is")
        return self

    def names(self, label: str = "shop") -> list[str]:
        """The app's migrations on disk."""
        found = (self.folder / label / "migrations").glob("[!_]*.py")
        return sorted(path.stem for path in found)

    def texts(self, label: str = "shop") -> str:
        """All of the app's migrations in one text."""
        return "".join(self.read(f"{label}/migrations/{name}.py") for name in self.names(label))

    # Its Django

    def database(self, name: str) -> dict[str, Any]:
        """Settings of one database."""
        if self._server is None:
            return {"ENGINE": SQLITE, "NAME": str(self._databases / f"{name}.sqlite3")}
        return {**self._server, "NAME": f"traps_{self.folder.parent.name[:40]}_{name}"}

    def python(self, *args: str, database: str = "nowhere") -> subprocess.CompletedProcess[str]:
        """Run the project's interpreter."""
        env = {name: os.environ[name] for name in ("PATH", "HOME")}
        env["DATABASE"] = json.dumps(self.database(database))
        env["DJANGO_SETTINGS_MODULE"] = "site_settings"
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        env["PYTHONWARNINGS"] = "ignore"
        env.update(self.environ)
        return subprocess.run(
            [PYTHON, *args],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def manage(self, *args: str, database: str = "nowhere") -> subprocess.CompletedProcess[str]:
        """Run a command of Django."""
        return self.python("manage.py", *args, database=database)

    def migrate(self, database: str, *args: str) -> str:
        """Migrate a database, which is made when it is not there. Returns what Django said."""
        done = self.manage("migrate", *args, database=database)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement."""
        if self._server is None:
            with sqlite3.connect(self.database(database)["NAME"]) as connection:
                rows = connection.execute(sql).fetchall()
            connection.close()
            return rows
        done = self.python("-c", _QUERY, sql, database=database)
        assert done.returncode == 0, done.stderr
        return [tuple(row) for row in json.loads(done.stdout)]

    def columns(self, database: str, table: str) -> set[str]:
        """Names of a table's columns; of SQLite."""
        return {row[1] for row in self.query(database, f"PRAGMA table_info({table})")}

    def rows(self, database: str) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables of SQLite, without what Django remembers of itself."""
        return {
            table: sorted(self.query(database, f'SELECT * FROM "{table}"'), key=repr)
            for table in self._tables(database)
        }

    def shape(self, database: str) -> dict[str, Any]:
        """What SQLite says of its tables; the order of columns and names of indexes aside."""
        found: dict[str, Any] = {
            table: self._table(database, table) for table in self._tables(database)
        }
        others = "SELECT type, name FROM sqlite_master WHERE type IN ('view', 'trigger')"
        found[""] = sorted(self.query(database, others))
        return found

    def _tables(self, database: str) -> list[str]:
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        return sorted(
            name for (name,) in self.query(database, names) if name != "django_migrations"
        )

    def _table(self, database: str, table: str) -> Any:
        indexes = []
        for _, name, unique, _, partial in self.query(database, f'PRAGMA index_list("{table}")'):
            fields = [row[2] for row in self.query(database, f'PRAGMA index_info("{name}")')]
            indexes.append((unique, partial, fields))
        columns = [row[1:] for row in self.query(database, f'PRAGMA table_info("{table}")')]
        keys = [row[2:5] for row in self.query(database, f'PRAGMA foreign_key_list("{table}")')]
        return sorted(columns), sorted(indexes), sorted(keys)

    # Its reset

    def reset(self, *args: str) -> Outcome:
        """Run ``remigrate reset`` in it."""
        done = self.remigrate("reset", "--format", "json", *args)
        report = json.loads(done.stdout) if done.stdout else {}
        return Outcome(done.returncode, report, done.stderr)

    def remigrate(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run Remigrate in it."""
        more = [] if self._server is None else ["--database", _url(self._server)]
        return subprocess.run(
            [sys.executable, "-m", "remigrate", *args, "--python", PYTHON, *more],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def holds(self, old: str = "old", fresh: str = "fresh") -> None:
        """Demand of SQLite what the proof claims, with the project's own commands.

        `old` applied all of the old history, and has rows of its own in it.
        """
        shape, rows = self.shape(old), self.rows(old)
        with ThreadPoolExecutor() as pool:
            moved = pool.submit(self.migrate, old)
            pool.submit(self.migrate, fresh).result()
            checked = pool.submit(self.manage, "makemigrations", "--check", "--dry-run").result()
            moved.result()
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert self.shape(old) == shape
        assert self.rows(old) == rows
        assert self.shape(fresh) == shape


def _url(server: Mapping[str, Any]) -> str:
    who = ":".join(quote(str(server[part]), safe="") for part in ("USER", "PASSWORD"))
    return f"postgresql://{who}@{server['HOST']}:{server['PORT']}/postgres"


@cache
def django() -> tuple[int, int]:
    """Version of the Django that the projects have."""
    code = "import django; print(*django.VERSION[:2])"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    major, minor = done.stdout.split()
    return int(major), int(minor)
