"""Resets all apps of real projects, and checks by other means that the databases are the same.

    python benchmarks/reset.py [--only NAME]... [--engine sqlite|postgresql] [--remigrate COMMAND]
    python benchmarks/reset.py --table docs/real-resets.md

The first command resets, and keeps what it found in the cache folder; the second one makes the
table of all that was found. Each project's packages are copied into a work tree of their own, with
their dependencies in an environment beside it. What ``remigrate reset --all`` wrote is then held
against the old files without it: ``manage.py migrate`` from empty with either, what ``sqlite3
.dump`` or ``pg_dump`` say of the two databases, ``migrate`` once more on the old database, and
``makemigrations --check``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import dumps, environments, reset_projects, reset_table  # noqa: E402
from benchmarks.measure import Command, Failed, once, output, say  # noqa: E402
from benchmarks.reset_projects import Project, Tree  # noqa: E402

_MIGRATE = """\
import json, sys, time
from collections import Counter
import django
django.setup()
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor
seconds, cpu, real = Counter(), Counter(), MigrationExecutor.apply_migration
def timed(self, state, migration, **options):
    start, begun = time.perf_counter(), time.process_time()
    try:
        return real(self, state, migration, **options)
    finally:
        seconds[migration.app_label] += time.perf_counter() - start
        cpu[migration.app_label] += time.process_time() - begun
MigrationExecutor.apply_migration = timed
call_command("migrate", verbosity=0, interactive=False)
with open(sys.argv[1], "w") as answer:
    json.dump({"apps": seconds, "cpu of apps": cpu}, answer)
"""
"""``manage.py migrate``, and the seconds of each app's migrations in a file."""

Config = dict[str, Any]


class Engine:
    """Makes empty databases, and tells what is in them."""

    def __init__(self, name: str, folder: Path, server: Config | None) -> None:
        self.name, self._folder, self._server = name, folder, server

    def make(self, name: str) -> Config:
        """A new, empty database."""
        if self._server is None:
            path = self._folder / f"{name}.sqlite3"
            path.unlink(missing_ok=True)
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
        self._run("createdb", "--template", "template0", name)
        return {**self._server, "NAME": name}

    def dump(self, config: Config) -> dumps.Dump:
        """What the engine's own program says of a database."""
        if self._server is None:
            return dumps.of_sqlite(_output("sqlite3", config["NAME"], ".dump"))
        schema = self._run("pg_dump", "--schema-only", "--no-owner", config["NAME"])
        return dumps.of_postgresql(
            schema, self._run("pg_dump", "--data-only", "--inserts", config["NAME"])
        )

    def _run(self, program: str, *words: str) -> str:
        server = self._server or {}
        names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
        env = {name: str(server[key]) for name, key in names.items() if server.get(key)}
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        return _output(str(found[-1]) if found else program, *words, env=env)


def _output(*argv: str, env: dict[str, str] | None = None) -> str:
    return output(Command(argv, ROOT, {**os.environ, **(env or {})})).decode()


@contextlib.contextmanager
def engine(name: str, folder: Path) -> Iterator[Engine]:
    """The engine of this name; a server only as long as it is needed."""
    if name == "sqlite":
        yield Engine(name, folder, None)
        return
    from remigrate import servers

    with servers.start(name, str(folder), os.environ) as server:  # type: ignore[arg-type]
        yield Engine(name, folder, dict(server.config))


def measured(project: Project, name: str, remigrate: list[str]) -> dict[str, Any]:
    """Everything about the reset of one project on one engine."""
    with tempfile.TemporaryDirectory(prefix="remigrate-resets-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        tree = reset_projects.tree(project, name, folder)
        with engine(name, folder) as databases:
            return {"project": project.name, "engine": name, **_reset(tree, databases, remigrate)}


def _reset(tree: Tree, databases: Engine, remigrate: list[str]) -> dict[str, Any]:
    old = databases.make("old_history")
    before = _quicker(migrated(tree, old), migrated(tree, databases.make("old_again")))
    dump = databases.dump(old)
    found = {"before": before, "migrations": counted(tree), **run(tree, remigrate)}
    if not found["reset"] or not found["reset"]["apps"]:
        return found
    new = databases.make("new_history")
    found["after"] = _quicker(migrated(tree, new), migrated(tree, databases.make("new_again")))
    found["wrong"] = dumps.differences(dump, databases.dump(new))
    migrated(tree, old)
    found["wrong"] += [f"upgraded: {each}" for each in dumps.differences(dump, databases.dump(old))]
    found["drift"] = _drift(tree)
    return found


def _quicker(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Of two equal runs the one that less got in the way of: machines are shared."""
    return min(one, other, key=lambda run: float(run["cpu"]))


def migrated(tree: Tree, database: Config) -> dict[str, Any]:
    """Migrate, and say how long that took: the whole process, and each app in it."""
    with tempfile.TemporaryDirectory(prefix="remigrate-migrated-") as folder:
        answer = Path(folder) / "seconds.json"
        command = tree.django(database=database)
        env = {**command.env, "DJANGO_SETTINGS_MODULE": tree.settings}
        sample = once(Command((tree.python, "-c", _MIGRATE, str(answer)), tree.home, env))
        return {"seconds": sample.wall, "cpu": sample.cpu, **json.loads(answer.read_text())}


def run(tree: Tree, remigrate: list[str]) -> dict[str, Any]:
    """``reset --all`` in the tree: what it says, and how long it takes."""
    argv = [*remigrate, "reset", "--all", "--verbose", "--no-cache", "--format", "json"]
    argv += ["--python", tree.python, "--settings", tree.settings]
    argv += ["--manage", str(tree.home / "manage.py")]
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {
        **tree.env,
        "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(tree.top)))),
    }
    done = subprocess.run(argv, cwd=tree.top, env=env, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    remarks = re.findall(r"round (\d+): (.*)", done.stderr)
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "exit": done.returncode,
        "reset": json.loads(done.stdout) if done.stdout.strip() else None,
        "said": done.stderr,
        "rounds": 1 + len([1 for at, (no, _) in enumerate(remarks)
                           if not at or remarks[at - 1][0] != no]),
    }  # fmt: skip


_COUNT = """\
import json, os, sys
import django
django.setup()
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
top, found = os.path.realpath(sys.argv[1]), {}
loader = MigrationLoader(None, ignore_no_migrations=True)
for (label, name), migration in loader.disk_migrations.items():
    path = os.path.realpath(sys.modules[migration.__module__].__file__)
    if path.startswith(top + os.sep):
        found[label] = found.get(label, 0) + 1
with open(sys.argv[2], "w") as answer:
    json.dump(found, answer)
"""


def counted(tree: Tree) -> dict[str, int]:
    """Migrations of each app of the work tree that is installed."""
    with tempfile.TemporaryDirectory(prefix="remigrate-counted-") as folder:
        answer = Path(folder) / "counted.json"
        env = {**tree.env, "DJANGO_SETTINGS_MODULE": tree.settings}
        output(Command((tree.python, "-c", _COUNT, str(tree.top), str(answer)), tree.home, env))
        return dict(Counter(json.loads(answer.read_text())))


def _drift(tree: Tree) -> str:
    check = tree.django("makemigrations", "--check", "--dry-run", "--noinput")
    done = subprocess.run(check.argv, cwd=check.cwd, env=check.env, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-2000:]


def results() -> Path:
    """Where what was found is kept."""
    folder = environments.cache_folder() / "resets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> int:
    """Exit code: 1 where a reset failed or was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    names = [project.name for project in reset_projects.ALL]
    parser.add_argument("--only", action="append", choices=names)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"))
    parser.add_argument("--remigrate", help="the command to measure, by default this checkout's")
    parser.add_argument("--table", type=Path, help="only make the table of what was found")
    given = parser.parse_args()
    if given.table:
        given.table.write_text(reset_table.page(results()))
        return 0
    command = given.remigrate.split() if given.remigrate else [
        str(environments.own_environment() / "bin/remigrate")]  # fmt: skip
    wrong = 0
    for project in reset_projects.ALL:
        for name in project.engines:
            if (given.only and project.name not in given.only) or given.engine not in (None, name):
                continue
            try:
                found = measured(project, name, command)
            except Failed as error:
                say(f"{project.name} on {name} could not be measured: {error}")
                wrong += 1
                continue
            word = re.sub(r"\W+", "-", project.name)
            (results() / f"{word}.{name}.json").write_text(json.dumps(found, indent=1))
            say(reset_table.line(found))
            wrong += bool(found.get("wrong") or found.get("drift") or found["exit"] > 1)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
