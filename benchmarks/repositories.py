"""Git repositories for a check to run in: one commit, and two branches that grew out of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Command, Failed, environment, output

BASE = "main"
_TOPIC = "topic"
_PAUSE = 1.2
"""Seconds: git reads files again that changed in the second in which it noted them."""

_ADDED = """\
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("{label}", "{leaf}")]

    operations = []
"""


def recipe() -> str:
    """Changes when repositories are made in another way."""
    return Path(__file__).read_text()


def git(tree: Path, *args: str) -> bytes:
    """Run git in `tree`, with nobody's configuration."""
    who = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost", "-c", "gc.auto=0")
    return output(Command(("git", *who, *args), tree, environment(tree)))


def report(tree: Path, remigrate: str) -> dict[str, Any]:
    """What the command says about the work tree."""
    argv = (remigrate, "check", "--no-cache", "--format", "json")
    found: dict[str, Any] = json.loads(output(Command(argv, tree, environment(tree), (0, 1))))
    return found


def expect(tree: Path, remigrate: str, migrations: int) -> None:
    """Raise `Failed` unless the command sees all `migrations`: what is not read costs nothing."""
    found = report(tree, remigrate)["summary"]["migrations"]
    if found != migrations:
        raise Failed(f"{tree}: Remigrate sees {found} migrations of {migrations}")


def commit_all(tree: Path) -> None:
    """Make `tree` a repository with one commit that holds all of it."""
    git(tree, "init", "--quiet", "--initial-branch", BASE)
    git(tree, "add", "--all", "--force")
    git(tree, "commit", "--quiet", "--message", "all of it")
    git(tree, "gc", "--quiet")
    _settle(tree)


def add_branches(tree: Path, report: dict[str, Any]) -> None:
    """A new migration on `BASE`, one of another app on a branch beside it, which is checked out.

    `report` is that of a check of `tree`. Nothing is in conflict, but both sides have something
    that the other lacks, as in most pull requests.
    """
    apps = [app for app in report["apps"] if len(app["leaves"]) == 1]
    if len(apps) < 2:
        raise Failed(f"{tree}: there are no two apps that could be added to")
    git(tree, "branch", _TOPIC)
    _add(tree, apps[0])
    git(tree, "checkout", "--quiet", _TOPIC)
    _add(tree, apps[-1])
    _settle(tree)
    _add_changed(tree)


def _add(tree: Path, app: dict[str, Any]) -> None:
    leaf: str = app["leaves"][0]
    path = tree / app["path"] / f"{int(leaf[:4]) + 1:04}_benchmark.py"
    path.write_text(_ADDED.format(label=app["label"], leaf=leaf))
    git(tree, "add", "--force", str(path))
    git(tree, "commit", "--quiet", "--message", f"one more for {app['label']}")


def _settle(tree: Path) -> None:
    """Let git note once and for all that nothing has changed."""
    time.sleep(_PAUSE)
    git(tree, "status", "--porcelain")


def _add_changed(tree: Path) -> None:
    """A second work tree beside `tree`, in which one migration was edited and not yet added."""
    place = changed(tree)
    git(tree, "worktree", "add", "--quiet", "--detach", str(place))
    added = git(tree, "diff", "--name-only", f"{BASE}...{_TOPIC}").decode().split()
    with (place / added[0]).open("a") as file:
        file.write("\n# edited\n")
    _settle(place)


def changed(tree: Path) -> Path:
    """Where the work tree with the edited migration is."""
    return tree.with_name("changed")
