"""Real git repositories, made by plain git, and the two sides of each question about them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from remigrate import check, git, load, trees
from remigrate.memory import NoCache
from remigrate.model import Project

Content = str | bytes
HEADER = "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"


def migration(*after: str, app: str = "shop", body: str = "") -> str:
    """Source of a migration of `app` that depends on others of it."""
    pairs = ", ".join(f"({app!r}, {name!r})" for name in after)
    return f"{HEADER}    dependencies = [{pairs}]\n    operations = []\n{body}"


def app(name: str = "shop", *migrations: str) -> dict[str, str]:
    """Files of an app with a line of migrations."""
    folder = f"{name}/migrations"
    label = name.rpartition("/")[2]
    files = {f"{folder}/__init__.py": ""}
    for at, one in enumerate(migrations):
        files[f"{folder}/{one}.py"] = migration(*migrations[max(at - 1, 0) : at], app=label)
    return files


class Repository(NamedTuple):
    """A repository on disk."""

    path: Path

    def git(self, *args: str | Path, stdin: bytes = b"", ok: Iterable[int] = (0,)) -> bytes:
        """Output of a git command."""
        argv = ["git", "-C", self.path, *args]
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=60)
        assert done.returncode in ok, done.stderr.decode()
        return done.stdout

    def word(self, *args: str | Path) -> str:
        """Output of a git command, as a word."""
        return self.git(*args).decode().strip()

    def write(self, files: Mapping[str, Content]) -> None:
        """Write files to the work tree."""
        for path, content in files.items():
            place = self.path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, Content] | None = None) -> str:
        """Commit `files` and whatever else has changed. Returns the commit's id."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "more")
        return self.word("rev-parse", "HEAD")


def new(path: Path, files: Mapping[str, Content] | None = None, *options: str) -> Repository:
    """A repository with one commit of `files`."""
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "-q", "-b", "main", "--template=", *options, path], check=True)
    repository = Repository(path)
    repository.commit(files)
    return repository


class Snapshot(NamedTuple):
    """A commit to be made: its parents, by position, and all of its files."""

    parents: Sequence[int]
    files: Mapping[str, bytes]


def imported(path: Path, history: Sequence[Snapshot]) -> tuple[Repository, list[str]]:
    """A repository with a whole history, made by one process, and the ids of its commits."""
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", "--template=", path], check=True)
    stream = []
    for at, (parents, files) in enumerate(history, 1):
        stream.append(f"commit refs/heads/c{at}\nmark :{at}\n".encode())
        stream.append(f"committer Ada <ada@example.org> {1700000000 + at} +0000\n".encode())
        stream.append(b"data 1\n.\n")
        for word, parent in zip(("from", *["merge"] * 9), parents, strict=False):
            stream.append(f"{word} :{parent + 1}\n".encode())
        stream.append(b"deleteall\n")
        for name, content in files.items():
            stream.append(f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content)
            stream.append(b"\n")
    repository = Repository(path)
    repository.git("fast-import", "--quiet", stdin=b"".join(stream))
    names = [f"c{at}" for at in range(1, len(history) + 1)]
    return repository, repository.word("rev-parse", *names).split()


def opened(
    repository: Repository | Path, environ: Mapping[str, str] | None = None
) -> git.Repository:
    """The same repository, as Remigrate opens it."""
    path = repository.path if isinstance(repository, Repository) else repository
    return git.open_repository(str(path), os.environ if environ is None else environ)


def tree(
    repository: Repository | Path,
    head: str | None = None,
    *,
    index: bool = False,
    modules: Mapping[str, str] | None = None,
) -> trees.ObjectTree | trees.WorkTree:
    """The files of a revision, of the index, or of the work tree."""
    known = opened(repository)
    folders = tuple(os.fsencode(path) + b"/" for path in (modules or {}).values())
    wanted = trees.Wanted(os.fsencode(known.prefix), folders)
    if head is not None or known.top is None:
        return trees.commit_tree(known, head or "HEAD", wanted)
    return trees.index_tree(known, wanted) if index else trees.WorkTree(known, known.top, wanted)


def read(
    repository: Repository | Path,
    head: str | None = None,
    *,
    index: bool = False,
    modules: Mapping[str, str] | None = None,
) -> Project:
    """The project that Remigrate sees there."""
    return load.load(tree(repository, head, index=index, modules=modules), NoCache(), modules)


def look(repository: Repository | Path, **question: str | bool) -> check.Answer:
    """What a check would find there."""
    return check.look(opened(repository), check.Question(**question), NoCache())  # type: ignore[arg-type]


def names(project: Project) -> dict[str, list[str]]:
    """Path of each app, and the names of its migrations."""
    return {app.path: [migration.name for migration in app.migrations] for app in project.apps}


def labels(project: Project) -> dict[str, str]:
    """Path of each app, and its label."""
    return {app.path: app.label for app in project.apps}


def inside(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below `folder`, with the content of the files."""
    found: dict[str, bytes | None] = {}
    for place, folders, files in os.walk(folder):
        found.update(dict.fromkeys((os.path.join(place, name) for name in folders), None))
        found.update({os.path.join(place, name): Path(place, name).read_bytes() for name in files})
    return found
