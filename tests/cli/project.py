"""A small Django project in a real repository, and Remigrate run on it as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent

_MIGRATION = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [{after}]

    operations = []
"""


class Ran(NamedTuple):
    """What a program left behind."""

    code: int
    out: str
    err: str


def run(*argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """Run a program to its end. Bytes that are no UTF-8 come back as surrogates."""
    done = subprocess.run(
        argv, cwd=cwd, env=os.environ | (env or {}), capture_output=True, timeout=120
    )
    out, err = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    return Ran(done.returncode, out, err)


def remigrate(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """Type ``remigrate`` and `words` in the folder `cwd`."""
    return run(BIN / "remigrate", *words, cwd=cwd, env=env)


def refused(ran: Ran, code: int, why: str, way_out: str) -> None:
    """Hold that nothing was said but one line with the reason and one with what to do."""
    assert "Traceback" not in ran.err
    assert ran.code == code, ran
    assert ran.out == ""
    first, _, rest = ran.err.partition("\n")
    assert first.startswith("error: ")
    assert why in first
    assert way_out in rest
    assert rest.count("\n") == 1, "one line says why, one line says what to do"


class Project:
    """A work tree with one app, ``shop``, whose two migrations are committed on ``main``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def start(cls, path: Path) -> Project:
        """Make it."""
        path.mkdir(parents=True)
        project = cls(path)
        project.git("init", "--quiet", "--initial-branch=main")
        for name in ("manage.py", "shop/__init__.py", "shop/models.py"):
            project.write(name)
        project.write("shop/migrations/__init__.py")
        project.migration("0001_initial")
        project.migration("0002_price", "0001_initial")
        project.commit("A shop")
        return project

    def copy(self, path: Path) -> Project:
        """The same once more."""
        shutil.copytree(self.path, path, symlinks=True)
        return Project(path)

    def write(self, path: str, text: str = "") -> Path:
        """Write a file, with the folders above it."""
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def migration(self, name: str, *after: str, app: str = "shop") -> str:
        """Write a migration that depends on those of its app named `after`. Returns its path."""
        path = f"{app}/migrations/{name}.py"
        self.write(path, text(*after, app=app))
        return path

    def app(self, name: str) -> None:
        """Write one more app with one migration."""
        self.write(f"{name}/__init__.py")
        self.write(f"{name}/migrations/__init__.py")
        self.migration("0001_initial", app=name)

    def git(self, *words: str | Path) -> str:
        """Run git, which must succeed."""
        ran = run("git", *words, cwd=self.path)
        assert ran.code == 0, ran.err
        return ran.out

    def commit(self, message: str = "Change") -> str:
        """Commit everything. Returns the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD").strip()

    def configure(self, toml: str) -> None:
        """Write ``pyproject.toml`` with a table for Remigrate."""
        self.write("pyproject.toml", f"[tool.remigrate]\n{toml}\n")

    def conflict(self) -> None:
        """Two migrations after the same one, in the work tree."""
        self.migration("0003_discount", "0002_price")
        self.migration("0003_stock", "0002_price")

    def remigrate(self, *words: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Type ``remigrate`` at the top of the work tree."""
        return remigrate(*words, cwd=self.path, env=env)

    def check(self, *words: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Type ``remigrate check``."""
        return self.remigrate("check", *words, env=env)

    def graph(self, *words: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Type ``remigrate graph``."""
        return self.remigrate("graph", *words, env=env)


def text(*after: str, app: str = "shop") -> str:
    """The text of a migration."""
    return _MIGRATION.format(after=", ".join(f'("{app}", "{name}")' for name in after))
