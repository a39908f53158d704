"""Migration files about which git and the disk disagree: untracked, ignored, changed but not "
"staged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from remigrate import trees
from remigrate.facts import Stray, Strays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.git import Repository
    from remigrate.model import Project

_MODULES = "*migrations/*.py"


def find(repository: Repository, project: Project) -> Strays:
    """The strays of a work tree. `project` is what the index holds: it knows the app labels."""
    assert repository.top is not None
    labels = {app.path: app.label for app in project.apps}
    hidden = _hidden(repository)
    return Strays(
        tuple(_strays(repository.top, labels, _untracked(repository), {})),
        tuple(_strays(repository.top, labels, hidden, _patterns(repository, hidden))),
        tuple(_unstaged(repository, labels)),
    )


def _listed(repository: Repository, *args: str) -> list[str]:
    listing = repository.observe(*args)
    return [os.fsdecode(path) for path in listing.split(b"\0") if path]


def _untracked(repository: Repository) -> list[str]:
    flags = ("-z", "--others", "--exclude-standard", "--full-name")
    return _listed(repository, "ls-files", *flags, "--", _MODULES)


def _unstaged(repository: Repository, labels: dict[str, str]) -> Iterable[Stray]:
    changed = _listed(repository, "diff-files", "-z", "--name-only", "--", _MODULES)
    for path in dict.fromkeys(changed):
        folder, name = _split(path)
        if folder in labels:
            yield Stray(path, labels[folder], name)


def _hidden(repository: Repository) -> list[str]:
    """Ignored modules of apps that git knows. Folders that are ignored as a whole stand for "
    "one line."""
    flags = ("-z", "--others", "--ignored", "--exclude-standard", "--directory", "--full-name")
    found = []
    for path in _listed(repository, "ls-files", *flags):
        if path.endswith("migrations/") and _is_known(repository, os.path.dirname(path[:-1])):
            found += _modules(repository, path)
        elif path.endswith(".py") and _is_migrations(os.path.dirname(path)):
            if _is_known(repository, os.path.dirname(os.path.dirname(path))):
                found.append(path)
    return found


def _is_migrations(folder: str) -> bool:
    return folder == "migrations" or folder.endswith("/migrations")


def _is_known(repository: Repository, folder: str) -> bool:
    """Whether git tracks anything in the app's folder; a virtual environment is none of our "
    "business."""
    place = f":(top,literal){folder}" if folder else ":(top)*.py"
    return bool(repository.run("ls-files", "-z", "--", place))


def _modules(repository: Repository, folder: str) -> list[str]:
    """What stands in an ignored folder. Git does not list it, so nothing of this can be "
    "remembered."""
    assert repository.top is not None
    repository.observed.repeatable = False
    names = sorted(os.listdir(os.path.join(repository.top, folder)))
    return [folder + name for name in names if name.endswith(".py")]


def _patterns(repository: Repository, paths: list[str]) -> dict[str, str]:
    """What makes git ignore each path, as ``file:line:pattern``."""
    if not paths:
        return {}
    at_top = repository._replace(path=repository.top or repository.path)
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    answer = at_top.run("check-ignore", "--verbose", "-z", "--stdin", stdin=asked, ok=(0, 1))
    fields = [os.fsdecode(field) for field in answer.split(b"\0")]
    return {fields[at + 3]: ":".join(fields[at : at + 3]) for at in range(0, len(fields) - 3, 4)}


def _strays(
    top: str, labels: dict[str, str], paths: list[str], patterns: dict[str, str]
) -> Iterable[Stray]:
    from remigrate import reader
    from remigrate.model import Broken

    folders_with_migrations = set(labels)
    found = []
    for path in paths:
        folder, name = _split(path)
        if name == "__init__" or not _is_migrations(folder):
            continue
        content = trees.content(top, path)
        header = content if isinstance(content, Broken) else reader.read(content)
        if isinstance(header, Broken) or header.is_migration:
            folders_with_migrations.add(folder)
            found.append(path)
    found += [
        p for p in paths if _split(p)[1] == "__init__" and _split(p)[0] in folders_with_migrations
    ]
    for path in sorted(found):
        folder, name = _split(path)
        label = labels.get(folder) or os.path.basename(os.path.dirname(folder)) or "?"
        yield Stray(path, label, name, patterns.get(path, ""))


def _split(path: str) -> tuple[str, str]:
    folder, name = os.path.split(path)
    return folder, name.removesuffix(".py")
