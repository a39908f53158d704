"""The same apps through other tools, judged by the proof that Remigrate holds its own files to.

    python benchmarks/peers.py [--only NAME]... [--engine sqlite|postgresql]

Each tool runs in a work tree of its own, as its documentation says: Django's ``squashmigrations``
for one app after the other, and all of them in a row; django-squash and django-remake-migrations
for the whole project. What it wrote is shown to the probe that proves a reset, on databases that
the old files made. It is not asked whether a lagging database is stopped, but whether one that is
behind comes out right.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks import repositories, reset_projects  # noqa: E402
from benchmarks.measure import say  # noqa: E402
from benchmarks.reset import results  # noqa: E402
from benchmarks.reset_projects import Project, Tree  # noqa: E402
from remigrate import drift, git, options  # noqa: E402
from remigrate.memory import NoCache  # noqa: E402
from remigrate.reset import flow, ground, prove, squash  # noqa: E402
from remigrate.view import View  # noqa: E402

REQUIREMENTS = ("django-squash==0.0.15", "django-remake-migrations==3.1.0")
_SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
INSTALLED_APPS = [*INSTALLED_APPS, "django_squash", "django_remake_migrations"]
DJANGO_SQUASH_IGNORE_APPS = {theirs!r}
"""


class Attempt(NamedTuple):
    """What one tool is to do."""

    tool: str
    app: str
    """Empty for the whole project."""
    commands: tuple[tuple[str, ...], ...]
    """Words after ``manage.py``."""


def attempts(leaves: dict[str, str]) -> Iterator[Attempt]:
    """Every tool, for apps with these last migrations."""
    for label, leaf in leaves.items():
        yield Attempt("squashmigrations", label, (("squashmigrations", label, leaf, "--noinput"),))
    yield Attempt("django-squash", "", (("squash_migrations",),))
    yield Attempt("django-remake-migrations", "", (("remakemigrations",),))


def judged(work: Judge, tree: Tree, attempt: Attempt) -> dict[str, Any]:
    """Run a tool in a copy of the tree, and judge what it wrote."""
    found: dict[str, Any] = {"tool": attempt.tool, "app": attempt.app}
    repositories.git(tree.top, "checkout", "--quiet", "--force", "HEAD")
    repositories.git(tree.top, "clean", "--quiet", "--force", "-d")
    for words in attempt.commands:
        command = tree.django(*words)
        done = subprocess.run(
            command.argv, cwd=command.cwd, env=command.env, capture_output=True, text=True
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or [""]
            return {**found, "failed": f"ended with {done.returncode}: {said[-1][:300]}"}
        if "Manual porting" in done.stdout or "manual porting" in done.stdout:
            found["manual"] = True
    changes = _changes(tree.top)
    try:
        return {**found, **work.judge(changes, attempt.app)}
    except Exception as error:  # noqa: BLE001 # somebody else's tool: whatever it raises is its result
        return {**found, "failed": f"{type(error).__name__}: {str(error)[:300]}"}


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
    repositories.git(top, "checkout", "--quiet", "--force", "HEAD")
    repositories.git(top, "clean", "--quiet", "--force", "-d")
    return View(files, tuple(gone))


class Judge:
    """The old history on scratch databases, and what the proof needs to know of it."""

    def __init__(self, work: squash.Work, asked: flow.Asked) -> None:
        self._asked = asked
        planned = work._plan()
        while work._refuse_idle(planned) or work._refuse_needed(planned):
            planned = work._plan()
        work._migrate_old(planned)
        self._record = work._record
        self._gone = work._history(planned).gone
        self._labels = frozenset(each.label for each in planned.segments)

    def judge(self, view: View, app: str) -> dict[str, Any]:
        """The checks, by name."""
        replacing = {
            f"{path.split('/')[-3]}.{path.split('/')[-1][:-3]}"
            for path, text in view.files.items()
            if b"replaces" in text
        }
        keys = list(self._record["lagging"])
        data = {"gone": self._gone, "upgrade": ["base"], "lagging": keys}
        proof = self._asked("prove", view, data)
        kept = not view.hidden
        expected = prove.Expected(frozenset(replacing), self._labels, replaces=True, kept=kept)
        judgement = prove.judged(self._record, proof, expected)
        return {
            "checks": {
                check.check: [check.result, list(check.differences[:3]) or check.why[:200]]
                for check in judgement.checks
            },
            "seconds": proof.get("fresh", {}).get("seconds"),
            "written": len(view.files),
            "deleted": len(view.hidden),
        }


def run(project: Project, engine: str) -> list[dict[str, Any]]:
    """All tools on one project."""
    with tempfile.TemporaryDirectory(prefix="remigrate-peers-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        theirs = ["admin", "auth", "contenttypes", "sessions", "sites", "flatpages"]
        project = project._replace(
            requirements=(*project.requirements, *REQUIREMENTS),
            environment=f"peers-{project.environment or project.name}",
            settings=project.settings + _SETTINGS.format(theirs=theirs),
        )
        tree = reset_projects.tree(project, engine, folder)
        return list(_all(tree))


def _all(tree: Tree) -> Iterator[dict[str, Any]]:
    own = folder_of(tree)
    given = options.Options()._replace(
        path=str(own.top),
        all=True,
        python=tree.python,
        settings=tree.settings,
        manage=str(own.home / "manage.py"),
        allow_dirty=True,
    )
    env = {**tree.env, "PYTHONPATH": str(own.top)}
    repository = git.open_repository(str(own.top), env)
    start = ground.survey(repository, given, NoCache())
    place = drift.find(repository, start.project, given._replace(drift=True), env)
    with flow.Asked(place, given, env, say) as asked:
        work = squash.Work(start, given, asked, lambda files: files, say, say)
        judge = Judge(work, asked)
        leaves = {
            start.graph.apps[app].label: sorted(
                name for path, name in start.graph.nodes if path == app
            )[-1]
            for app in start.targets
            if sum(1 for path, _ in start.graph.nodes if path == app) > 1
        }
        for attempt in attempts(leaves):
            found = judged(judge, tree, attempt)
            say(json.dumps(found)[:600])
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
    given = parser.parse_args()
    for project in reset_projects.ALL:
        if project.name in given.only:
            word = re.sub(r"\W+", "-", project.name)
            folder = results() / "peers"
            folder.mkdir(exist_ok=True)
            found = run(project, given.engine)
            (folder / f"{word}.{given.engine}.json").write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
