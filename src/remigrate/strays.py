"""Migration files that git and the disk disagree about: untracked, ignored, not staged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from remigrate import trees
from remigrate.errors import RepositoryFailure
from remigrate.facts import Stray, Strays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.git import Repository
    from remigrate.model import Project

_MODULES = "*migrations/*.py"
_ABSENT = "A"
"""What git calls a file that ``git add -N`` only announced: the next commit will not hold it."""


def find(repository: Repository, project: Project) -> Strays:
    """The strays of a work tree. `project` is what the index holds: it knows the app labels.

    Files of apps that git knows nothing else of are not ours: a virtual environment, a new app that
    is not added yet.
    """
    assert repository.top is not None
    labels = {app.path: app.label for app in project.apps}
    changed = _changed(repository, labels)
    announced = [path for path, status in changed if status == _ABSENT]
    unstaged = [path for path, status in changed if status != _ABSENT]
    untracked, hidden = _untracked(repository, labels), _hidden(repository, labels)
    if untracked or hidden:
        apps = _known_folders(repository)
        untracked = [path for path in untracked if _app_folder(path) in apps]
        hidden = [path for path in hidden if _app_folder(path) in apps]
    hidden = _modules(repository, hidden)
    return Strays(
        tuple(_strays(repository.top, labels, [*announced, *untracked], {})),
        tuple(_strays(repository.top, labels, hidden, _patterns(repository, hidden))),
        tuple(_stray(path, labels) for path in unstaged if os.path.dirname(path) in labels),
    )


def _listed(repository: Repository, *args: str) -> list[str]:
    listing = repository.observe(*args)
    return [os.fsdecode(path) for path in listing.split(b"\0") if path]


def _places(labels: dict[str, str]) -> list[str]:
    """Where migrations are: in folders of that name, and in those that the configuration names."""
    return [_MODULES, *(f":(top,literal){path}" for path in labels if not _is_migrations(path))]


def _is_migrations(folder: str) -> bool:
    return folder == "migrations" or folder.endswith("/migrations")


def _untracked(repository: Repository, labels: dict[str, str]) -> list[str]:
    flags = ("-z", "--others", "--exclude-standard", "--full-name")
    found = _listed(repository, "ls-files", *flags, "--", *_places(labels))
    return [path for path in found if _is_module(path, labels)]


def _changed(repository: Repository, labels: dict[str, str]) -> list[tuple[str, str]]:
    """Files that are otherwise on disk than in the index, with git's letter for how.

    ``git status`` leaves the index as it is; ``git diff`` writes it when a file was only touched.
    """
    flags = ("--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules")
    rows = _listed(repository, "status", *flags, "--", *_places(labels))
    return [(row[3:], row[1]) for row in rows if row[1] != " " and _is_module(row[3:], labels)]


def _hidden(repository: Repository, labels: dict[str, str]) -> list[str]:
    """Ignored modules, and folders of migrations (ending in ``/``) that are ignored as a whole."""
    flags = ("-z", "--others", "--ignored", "--exclude-standard", "--directory", "--full-name")
    found = _listed(repository, "ls-files", *flags)
    return [
        path
        for path in found
        if (path.endswith("/") and _is_migrations(path[:-1])) or _is_module(path, labels)
    ]


def _is_module(path: str, labels: dict[str, str]) -> bool:
    """Whether Django would import it, were it there for everybody."""
    folder, name = _split(path)
    importable = name == "__init__" or (name[:1] not in ("", "_", "~") and "." not in name)
    return path.endswith(".py") and importable and (folder in labels or _is_migrations(folder))


def _app_folder(path: str) -> str:
    """``shop`` for a file in ``shop/migrations``, and for ``shop/migrations/``."""
    return os.path.dirname(os.path.dirname(path))


def _known_folders(repository: Repository) -> set[str]:
    """The folders that git tracks something in, however deep."""
    found = {""}
    for path in _listed(repository, "ls-files", "-z", "--full-name", "--", ":(top)"):
        folder = os.path.dirname(path)
        while folder not in found:
            found.add(folder)
            folder = os.path.dirname(folder)
    return found


def _modules(repository: Repository, paths: list[str]) -> list[str]:
    """`paths` with what stands in the folders among them.

    Git does not list the inside of an ignored folder, so none of this can be remembered.
    """
    assert repository.top is not None
    found = []
    for path in paths:
        if not path.endswith("/"):
            found.append(path)
            continue
        repository.observed.repeatable = False
        try:
            names = sorted(os.listdir(os.path.join(repository.top, path)))
        except OSError as error:
            raise RepositoryFailure(
                f"{path} cannot be listed: {error.strerror}",
                "Git ignores this folder, and there may be migrations in it. Make it readable.",
            ) from error
        found += [path + name for name in names if _is_module(path + name, {})]
    return found


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
        if name == "__init__":
            continue
        content = trees.content(top, path)
        header = content if isinstance(content, Broken) else reader.read(content)
        if isinstance(header, Broken) or header.is_migration:
            folders_with_migrations.add(folder)
            found.append(path)
    found += [
        p for p in paths if _split(p)[1] == "__init__" and _split(p)[0] in folders_with_migrations
    ]
    return (_stray(path, labels, patterns.get(path, "")) for path in sorted(found))


def _stray(path: str, labels: dict[str, str], pattern: str = "") -> Stray:
    folder, name = _split(path)
    label = labels.get(folder) or os.path.basename(os.path.dirname(folder)) or "?"
    return Stray(path, label, name, pattern)


def _split(path: str) -> tuple[str, str]:
    folder, name = os.path.split(path)
    return folder, name.removesuffix(".py")
