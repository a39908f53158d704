"""Does `check --drift` say what the project's own makemigrations says, and how fast?

    python benchmarks/drift.py projects [--only NAME]... [--rounds N]
    python benchmarks/drift.py commits REPOSITORY --python INTERPRETER [--count N] [-- OPTIONS]

`projects` takes the published projects of run.py, each in an environment of its own: as released,
and with one model changed by hand. `commits` walks the last commits of a clone's main line in
their order, as somebody does who commits them one by one: how often Django had to be asked, and
that nothing drifted where it was not. Both end with 1 where the two disagree anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import environments, projects, repositories  # noqa: E402
from benchmarks.measure import Command, costs, environment, say  # noqa: E402

_MODEL = re.compile(
    r"^class \w+\((?:.*\bmodels\.Model|\w*Page)\):\n(?:    [\"']{3}.*?[\"']{3}\n)?", re.M | re.S
)
_FIELD = "    remigrate_was_here = models.IntegerField(default=0)\n"
_CHANGED = {
    "wagtail": "home/models.py",
    "django-oscar": "oscar/apps/partner/abstract_models.py",
    "pretix": "pretix/base/models/devices.py",
    "label-studio": "label_studio/tasks/models.py",
}
"""A module of models of each project, to change by hand."""


class Subject(NamedTuple):
    """A project that can be run from its work tree."""

    tree: Path
    django: Command
    """``python -m django``, in the folder where the project's code starts."""
    words: tuple[str, ...]
    """What ``remigrate check`` has to be told."""


def subject(project: projects.Project, folder: Path, remigrate: str) -> Subject:
    """A copy of the project's tree with its settings in it, committed."""
    ready = projects.prepared(project, remigrate)
    tree = folder / project.name
    shutil.copytree(ready.tree, tree, symlinks=True)
    repositories.git(tree, "checkout", "--quiet", "--force", repositories.BASE)
    for name in ("shop_settings.py", "shop_urls.py"):
        source = ready.tree.parent / "work" / name
        if source.exists():
            shutil.copy(source, tree / name)
    repositories.git(tree, "add", "--all")
    repositories.git(tree, "commit", "--quiet", "--allow-empty", "--message", "settings")
    home = tree / project.package if project.inside else tree
    python = ready.makemigrations.argv[0]
    words = ["--python", python, "--settings", project.settings]
    if (home / "manage.py").exists():
        words += ["--manage", str(home / "manage.py")]
    env = {**ready.makemigrations.env, "PYTHONPATH": str(home)}
    return Subject(tree, Command((python, "-m", "django"), home, env, (0, 1)), tuple(words))


def verdict(one: Subject, remigrate: str) -> tuple[int, int]:
    """(Django's exit code, ours) on whether something is missing."""
    words = ("makemigrations", "--check", "--dry-run", "--noinput")
    django = subprocess.run(
        [*one.django.argv, *words], cwd=one.django.cwd, env=one.django.env, capture_output=True
    )
    ours = subprocess.run(
        [remigrate, "check", "--drift", "--no-cache", "--select", "RM301", *one.words],
        cwd=one.tree,
        env=one.django.env,
        capture_output=True,
    )
    if ours.returncode > 1 or django.returncode not in (0, 1):
        say((ours.stderr + django.stderr).decode(errors="replace"))
    return django.returncode, ours.returncode


def measured(one: Subject, bench: tuple[str, str], rounds: int) -> dict[str, float]:
    """Seconds of makemigrations, of a drift check that asks, of one that does not, of a start."""
    remigrate, python = bench
    # As the hook migration-drift asks.
    check = (remigrate, "check", "--index", "--drift", "--select", "RM301", *one.words)
    command = Command(check, one.tree, one.django.env, (0, 1))
    words = ("makemigrations", "--check", "--dry-run", "--noinput")
    found = costs(
        {
            "makemigrations": one.django._replace(argv=(*one.django.argv, *words)),
            "asked": command._replace(argv=(*check, "--no-cache")),
            "skipped": command,
            "start": Command((python, "-c", "pass"), one.tree, one.django.env),
        },
        {"skipped": 4, "start": 4},
        rounds,
    )
    return {what: cost.wall for what, cost in found.items()}


def published(only: list[str], rounds: int) -> int:
    """Compare and measure the published projects. Returns the number of disagreements."""
    env = environments.own_environment()
    bench = (str(env / "bin/remigrate"), str(env / "bin/python"))
    print("| | clean: Django, ours | changed: Django, ours | makemigrations | check --drift | "
          "skipped | skipped ÷ start |\n|---|---|---|---|---|---|---|")  # fmt: skip
    wrong = 0
    for project in projects.ALL:
        if only and project.name not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="remigrate-drift-") as scratch:
            one = subject(project, Path(scratch), bench[0])
            clean = verdict(one, bench[0])
            took = measured(one, bench, rounds)
            change(one.tree / _CHANGED[project.name])
            changed = verdict(one, bench[0])
        wrong += (clean[0] != clean[1]) + (changed != (1, 1))
        print(
            f"| {project.name} | {clean[0]}, {clean[1]} | {changed[0]}, {changed[1]} | "
            f"{took['makemigrations']:.2f} s | {took['asked']:.2f} s | "
            f"{took['skipped'] * 1000:.0f} ms | {took['skipped'] / took['start']:.1f} × |",
            flush=True,
        )
    return wrong


def change(path: Path) -> None:
    """Give the first model of a module one field more."""
    text = path.read_text()
    found = _MODEL.search(text)
    if found is None:
        raise SystemExit(f"{path} has no model to change")
    text = text[: found.end()] + _FIELD + text[found.end() :]
    future = "from __future__ import annotations\n"
    if "import models\n" not in text:
        start = text.find(future) + len(future) if future in text else 0
        text = text[:start] + "from django.db import models\n" + text[start:]
    path.write_text(text)


def walked(repository: Path, python: str, count: int, words: list[str]) -> int:
    """Walk the last commits of the main line. Returns the number of wrong skips."""
    env = environments.own_environment()
    asked = skipped = wrong = failed = 0
    with tempfile.TemporaryDirectory(prefix="remigrate-commits-") as scratch:
        tree, home = Path(scratch) / "tree", Path(scratch)
        repositories.git(repository, "clone", "--quiet", "--shared", ".", str(tree))
        line = repositories.git(tree, "rev-list", "--first-parent", f"-{count}", "HEAD")
        for sha in reversed(line.decode().split()):
            repositories.git(tree, "checkout", "--quiet", sha)
            check = (str(env / "bin/remigrate"), "check", "--drift", "--select", "RM301",
                     "--python", python, "--format", "json")  # fmt: skip
            told = _run((*check, "--explain-cache", *words), tree, home)
            truth = _run((*check, "--no-cache", *words), tree, home)
            skip = "last clean answer stands" in told.stderr
            failed += told.returncode > 1
            asked, skipped = asked + (not skip), skipped + skip
            wrong += skip and (truth.returncode != 0 or bool(_findings(truth)))
            say(f"{sha[:12]} {'skipped' if skip else 'asked'} {told.returncode} "
                f"{truth.returncode} {' '.join(told.stderr.split()[6:14])}")  # fmt: skip
    print(f"{asked + skipped} commits: {asked} needed Django, {skipped} were skipped, "
          f"{wrong} of these wrongly; {failed} could not be judged")  # fmt: skip
    return wrong


def _run(argv: tuple[str, ...], tree: Path, home: Path) -> subprocess.CompletedProcess[str]:
    env = {**environment(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True)


def _findings(done: subprocess.CompletedProcess[str]) -> list[Any]:
    found: list[Any] = json.loads(done.stdout)["findings"]
    return found


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    of_projects = commands.add_parser("projects")
    of_projects.add_argument("--only", action="append", choices=list(_CHANGED))
    of_projects.add_argument("--rounds", type=int, default=5)
    of_commits = commands.add_parser("commits")
    of_commits.add_argument("repository", type=Path)
    of_commits.add_argument("--python", required=True)
    of_commits.add_argument("--count", type=int, default=50)
    of_commits.add_argument("words", nargs="*", help="more options of remigrate check")
    given = parser.parse_args()
    if given.command == "projects":
        wrong = published(given.only or [], given.rounds)
    else:
        python = os.path.abspath(given.python)
        wrong = walked(given.repository.resolve(), python, given.count, given.words)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
