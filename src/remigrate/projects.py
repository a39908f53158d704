"""The flow of ``remigrate projects``: the Django projects of a tree, for people and for a matrix of
jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from remigrate import check
from remigrate.errors import UsageFailure
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

MOST_JOBS = 256
"""Of a matrix: GitHub takes no more."""


class Found(NamedTuple):
    """A folder with a ``manage.py`` (or the top, for apps that have none above them)."""

    path: str
    """From the top of the repository, with ``/``; ``.`` for the top."""
    manage: str
    """``manage.py``, from the top; empty when there is none."""
    apps: tuple[str, ...]
    """Labels of its apps with migrations."""
    migrations: int


def find(repository: Repository, options: Options, cache: Cache) -> tuple[Found, ...]:
    """The projects of the tree that have apps with migrations, by path."""
    question = check.Question(options.head, modules=options.migration_modules)
    project = check.look(repository, question, cache).project
    apps = [app for app in project.apps if app.is_package]
    found = []
    for root in sorted({app.project for app in apps}):
        own = [app for app in apps if app.project == root]
        manage = "manage.py" if root == "." else f"{root}/manage.py"
        labels = sorted(app.label for app in own)
        count = sum(len(app.migrations) for app in own)
        there = manage if root in project.roots else ""
        found.append(Found(root, there, tuple(labels), count))
    return tuple(found)


def folders(repository: Repository, options: Options, cache: Cache) -> tuple[str, ...]:
    """Where projects are, from the top: a new one has a ``manage.py`` and no migrations yet."""
    question = check.Question(options.head, modules=options.migration_modules)
    found = tuple(each.path for each in find(repository, options, cache))
    return found or check.look(repository, question, cache).project.roots


def rendered(found: Sequence[Found], form: str) -> str:
    """The projects in one of the formats of ``projects``."""
    if form == "json":
        return json.dumps({"version": 1, "projects": [each._asdict() for each in found]}) + "\n"
    if form == "matrix":
        return _matrix(found)
    lines = [
        f"{each.path}  {counted(len(each.apps), 'app')}, {counted(each.migrations, 'migration')}"
        f"{'' if each.manage else ' (no manage.py)'}\n"
        for each in found
    ]
    return "".join(lines) or "no project with migrations\n"


def _matrix(found: Sequence[Found]) -> str:
    """On one line, as ``$GITHUB_OUTPUT`` takes it and ``fromJSON`` reads it."""
    if len(found) > MOST_JOBS:
        raise UsageFailure(
            f"there are {len(found)} projects, and GitHub takes {MOST_JOBS} jobs for a matrix",
            "Name a folder of the repository for each of several matrices.",
        )
    jobs = [{"path": each.path, "manage": each.manage} for each in found]
    return json.dumps({"include": jobs}) + "\n"
