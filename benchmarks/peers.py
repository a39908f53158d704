"""The same apps through other tools, judged by the proof that Remigrate holds its own files to.

    python benchmarks/peers.py [--only NAME]... [--engine sqlite|postgresql] [--limit SECONDS]

Each tool runs in a work tree of its own, as its documentation says: Django's ``squashmigrations``
for one app after the other; django-squash and django-remake-migrations for the whole project, and
django-squash for each app, where the project as a whole came out wrong. What it wrote is shown to
the probe that proves a reset, on databases that the old files made. Where a tool leaves the old
files, a database that is behind has to come out right; where it does not, something has to stop it.

What was found is kept in the cache folder, after each try: ``python benchmarks/reset.py --table``
puts it beside what Remigrate did. A tool that has had its seconds on a project is still run on the
rest of it, but what it writes there is not judged; with ``--limit 0`` nothing is, and no database
is made.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import repositories, reset_projects, reset_table  # noqa: E402
from benchmarks.measure import Command, output, say  # noqa: E402
from benchmarks.reset import results  # noqa: E402
from benchmarks.reset_projects import Project, Tree  # noqa: E402
from remigrate import drift, errors, git, options  # noqa: E402
from remigrate.memory import NoCache  # noqa: E402
from remigrate.reset import ground, prove, squash  # noqa: E402
from remigrate.reset.request import PARTS  # noqa: E402
from remigrate.view import View  # noqa: E402
from remigrate.workbench import Workbench  # noqa: E402

REQUIREMENTS = ("django-squash==0.0.15", "django-remake-migrations==3.1.0")
_THEIRS = "RESET_BENCH_THEIRS"
"""The variable that holds the labels of apps outside of the work tree."""
_SETTINGS = f"""
import json
import os

INSTALLED_APPS = [*INSTALLED_APPS, "django_squash", "django_remake_migrations"]
DJANGO_SQUASH_IGNORE_APPS = json.loads(os.environ.get("{_THEIRS}", "[]"))
"""
_INSTALLED = """
import json, os, sys
import django
django.setup()
from django.apps import apps
print(json.dumps([[a.label, os.path.relpath(a.path, sys.argv[1])] for a in apps.get_app_configs()]))
"""
_BEHIND = 4
"""Databases that are behind, for one tool; those with the longest history first."""
_LIMIT = 3600
"""Seconds for one tool on one project, unless others are asked for."""
_PATIENCE = 1200
"""Seconds for one command of a tool."""


class Attempt(NamedTuple):
    """What one tool is to do."""

    tool: str
    app: str
    """Empty for the whole project."""
    words: tuple[str, ...]
    """After ``manage.py``."""


_DJANGO, _SQUASH, _REMAKE = reset_table.TOOLS


def attempts(leaves: dict[str, str]) -> Iterator[Attempt]:
    """Every tool, for apps with these last migrations."""
    for label, leaf in leaves.items():
        yield Attempt(_DJANGO, label, ("squashmigrations", label, leaf, "--noinput"))
    yield Attempt(_SQUASH, "", ("squash_migrations",))
    yield Attempt(_REMAKE, "", ("remakemigrations",))
    for label in leaves:
        yield Attempt(_SQUASH, label, ("squash_migrations", "--only", label))


def judged(work: Judge | None, tree: Tree, attempt: Attempt) -> dict[str, Any]:
    """Run a tool in a copy of the tree, and judge what it wrote, where there is time for it."""
    found: dict[str, Any] = {"tool": attempt.tool, "app": attempt.app}
    _clean(tree.top)
    command = tree.django(*attempt.words)
    flags: dict[str, Any] = {"capture_output": True, "text": True, "timeout": _PATIENCE}
    try:
        done = subprocess.run(command.argv, cwd=command.cwd, env=command.env, **flags)
    except subprocess.TimeoutExpired:
        return {**found, "late": f"did not come to an end in {_PATIENCE} seconds"}
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [""]
        return {**found, "failed": f"ended with {done.returncode}: {said[-1][:300]}"}
    if "manual porting" in done.stdout.lower():
        found["manual"] = True
    if work is None:
        return {**found, "late": "not judged: there was no time left for it"}
    try:
        return {**found, **work.judge(_changes(tree.top), attempt.app)}
    except errors.EnvironmentFailure as error:  # as when the proof takes longer than the limit
        return {**found, "late": f"not judged: {str(error)[:300]}"}


def _clean(top: Path) -> None:
    repositories.git(top, "checkout", "--quiet", "--force", "HEAD")
    repositories.git(top, "clean", "--quiet", "--force", "-d")


def _changes(top: Path) -> View:
    said = repositories.git(top, "status", "--porcelain", "--untracked-files=all", "-z").decode()
    files: dict[str, bytes] = {}
    gone: list[str] = []
    for entry in filter(None, said.split("\0")):
        path = entry[3:]
        if not path.endswith(".py"):
            continue
        if (top / path).exists():
            files[path] = (top / path).read_bytes()
        else:
            gone.append(path)
    _clean(top)
    return View(files, tuple(gone))


class Judge:
    """The old history on scratch databases, and what the proof needs to know of it."""

    def __init__(self, work: squash.Work, start: ground.Ground, asked: Workbench) -> None:
        self._asked = asked
        planned = work._plan()
        self._gone = work._history(planned).gone
        work._migrate_old(planned)
        self._record = work._record
        self._labels = {app: start.graph.apps[app].label for app in start.targets}

    def judge(self, view: View, app: str) -> dict[str, Any]:
        """The checks, by name, and the apps that what differs is put down to."""
        keys = [key for key in self._record["lagging"] if not app or key[0] == app][:_BEHIND]
        data = {"gone": self._gone, "upgrade": ["base"], "lagging": keys}
        proof = self._asked("prove", view, data)
        expected = prove.Expected(
            self._replacing(view),
            frozenset(self._labels.values()),
            replaces=True,
            kept=not view.hidden,
        )
        judgement = prove.judged(self._record, proof, expected)
        return {
            "checks": {
                check.check: [check.result, list(check.differences[:20]) or check.why[:200]]
                for check in judgement.checks
            },
            "blamed": sorted(judgement.blamed),
            "seconds": proof.get("fresh", {}).get("seconds"),
            "written": len(view.files),
            "deleted": len(view.hidden),
        }

    def _replacing(self, view: View) -> frozenset[str]:
        """What replaces others, as ``label.name``."""
        found = []
        for path, text in view.files.items():
            folder, _, name = path.rpartition("/")
            if folder in self._labels and re.search(rb"^ +replaces *=", text, re.MULTILINE):
                found.append(f"{self._labels[folder]}.{name[:-3]}")
        return frozenset(found)


def run(project: Project, engine: str, limit: float) -> Iterator[dict[str, Any]]:
    """All tools on one project."""
    with tempfile.TemporaryDirectory(prefix="remigrate-peers-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        project = project._replace(
            requirements=(*project.requirements, *REQUIREMENTS),
            environment=f"peers-{project.environment or project.name}",
            settings=project.settings + _SETTINGS,
        )
        tree = reset_projects.tree(project, engine, folder)
        asks = (tree.python, "-c", _INSTALLED, str(tree.top))
        env = {**tree.env, "DJANGO_SETTINGS_MODULE": tree.settings}
        said = output(Command(asks, tree.home, env)).decode().strip().splitlines()[-1]
        installed = dict(json.loads(said))
        theirs = [label for label, path in installed.items() if path.startswith("..")]
        tree = tree._replace(env={**tree.env, _THEIRS: json.dumps(theirs)})
        yield from _all(tree, [f"{path}/migrations" for path in installed.values()], limit)


def _all(tree: Tree, installed: Collection[str], limit: float) -> Iterator[dict[str, Any]]:
    own = folder_of(tree)
    given = options.Options()._replace(
        path=str(own.top),
        all=True,
        python=tree.python,
        settings=tree.settings,
        manage=str(own.home / "manage.py"),
        allow_dirty=True,
        migrate_time_limit=int(limit) or _LIMIT,
    )
    env = {**tree.env, "PYTHONPATH": str(own.top)}
    repository = git.open_repository(str(own.top), env)
    start = ground.survey(repository, given, NoCache())
    place = drift.find(repository, start.project, given._replace(drift=True), env)
    with Workbench(PARTS, place, None, given, env, lambda *words: say(" ".join(words))) as asked:
        work = squash.Work(start, given, _behind(asked), lambda files: files, say, say)
        judge = Judge(work, start, asked) if limit else None
        yield from _tried(judge, tree, _leaves(start, installed), limit)


def _behind(ask: squash.Ask) -> squash.Ask:
    """Keeps a database that is behind for every app, the longest history first; a reset keeps
    some."""

    def asked(command: str, view: View, data: Mapping[str, Any]) -> dict[str, Any]:
        if command == "record":
            parts = [each["members"] for each in data["segments"] if len(each["replaces"]) > 1]
            parts.sort(key=len, reverse=True)
            data = {**data, "lag": [each[(len(each) - 1) // 2] for each in parts]}
        return ask(command, view, data)

    return asked


def _leaves(start: ground.Ground, installed: Collection[str]) -> dict[str, str]:
    """The last migration of each installed app that has several, by label."""
    several = Counter(path for path, _ in start.graph.nodes)
    return {
        start.graph.apps[app].label: max(name for _, name in start.graph.leaves(app))
        for app in start.targets
        if several[app] > 1 and app in installed
    }


def _tried(
    judge: Judge | None, tree: Tree, leaves: dict[str, str], limit: float
) -> Iterator[dict[str, Any]]:
    spent: Counter[str] = Counter()
    whole: dict[str, bool] = {}
    for attempt in attempts(leaves):
        if attempt.app and whole.get(attempt.tool):
            continue
        began = time.monotonic()
        found = judged(judge if spent[attempt.tool] < limit else None, tree, attempt)
        took = time.monotonic() - began
        spent[attempt.tool] += int(took)
        if not attempt.app:
            whole[attempt.tool] = reset_table.good(found)
        say(f"{took:.0f} s: {json.dumps(found)[:600]}")
        yield found


def folder_of(tree: Tree) -> Tree:
    """A copy of the tree that the judge looks at: the tools change the other one."""
    copy = tree.top.with_name("judged")
    shutil.copytree(tree.top, copy, symlinks=True)
    return tree._replace(top=copy, home=copy / tree.home.relative_to(tree.top))


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--engine", default="sqlite")
    parser.add_argument("--limit", type=float, default=_LIMIT)
    given = parser.parse_args()
    folder = results() / "peers"
    folder.mkdir(exist_ok=True)
    for project in reset_projects.ALL:
        if given.engine in project.engines and project.name in (given.only or [project.name]):
            word = re.sub(r"\W+", "-", project.name)
            path = folder / f"{word}.{given.engine}.json"
            found = []
            for each in run(project, given.engine, given.limit):
                found.append(each)
                path.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
