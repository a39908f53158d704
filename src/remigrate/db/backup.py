"""The flow of ``remigrate db backup``: rows, migration files and dumps, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from remigrate import __version__, check, git
from remigrate.db import flow, manifest, mysql, postgresql, reached, sqlite, tools
from remigrate.db.folder import made, new, put
from remigrate.db.manifest import File, Kept, Manifest
from remigrate.errors import EnvironmentFailure, RepositoryFailure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Protocol

    from remigrate.console import Console
    from remigrate.db.reached import Reached
    from remigrate.db.tools import Ground
    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

    class Vendor(Protocol):
        """Makes dumps of one kind of database, and loads them."""

        FILE: str

        def dump(self, database: Reached, on: Ground, target: int) -> str:
            """Write a dump to the descriptor `target`; what made it."""

        def load(self, database: Reached, on: Ground, path: str) -> None:
            """Put the dump in the file `path` in the place of what is there."""


PARTS = ("rows", "files", "dump")
VENDORS: Mapping[str, Vendor] = {"sqlite": sqlite, "postgresql": postgresql, "mysql": mysql}
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,60}")


class Backup(NamedTuple):
    """One that was made."""

    folder: str
    """From the top."""
    manifest: Manifest


class Wanted(NamedTuple):
    """What is to be kept."""

    aliases: Collection[str] = ()
    """All, when none is named."""
    parts: Collection[str] = PARTS


def run(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
) -> Backup:
    """Make the backup that the options ask for. Raises `Failure`, with nothing left behind."""
    wanted = Wanted(options.alias, options.part or PARTS)
    return take(repository, options, environ, cache, say, wanted)


def take(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
    wanted: Wanted,
    seen: tuple[Ground, Sequence[Reached]] | None = None,
) -> Backup:
    """Make a backup, before something else is done: its folder is what undoes that.

    ``remigrate db restore FOLDER --apply`` does. `seen` are the databases, where somebody has asked
    them a moment ago. Raises `Failure`, with nothing left behind.
    """
    if repository.top is None:
        raise RepositoryFailure(
            "a bare repository has no place for a backup",
            "Run it where the project is checked out.",
        )
    question = check.Question(modules=options.migration_modules)
    project = check.look(repository, question, cache).project
    folders = tuple(sorted(app.path for app in project.apps))
    databases: Sequence[Reached] = ()
    if {"rows", "dump"} & set(wanted.parts):
        on, databases = seen or look(repository, options, environ, cache, say, wanted.aliases)
        _demand_all(databases, wanted)
    with made(repository.top) as making:
        kept = []
        for database in databases:
            say.progress(f"keeping {database.alias} ({database.place}) …")
            kept.append(_keep(making.path, database, on, wanted.parts))
        if "files" in wanted.parts:
            _keep_migrations(making.path, repository.top, folders)
        found = Manifest(
            making.made,
            __version__,
            _commit(repository),
            folders if "files" in wanted.parts else None,
            tuple(kept),
            tuple(_files(making.path)),
        )
        put(making.path, manifest.NAME, manifest.written(found))
        return Backup(making.finish(), found)


def look(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
    aliases: Collection[str],
) -> tuple[Ground, tuple[Reached, ...]]:
    """The databases as they are now, and where programs run. Raises `Failure`."""
    on = tools.ground(flow.place(repository, options, environ, cache), options)
    say.progress("asking the databases …")
    return on, reached.ask(on.there, aliases)


def keeper(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
    parts: Collection[str] = PARTS,
) -> Callable[[str], str]:
    """What makes a backup of an alias before something is done to it, and gives its folder."""

    def keep(alias: str) -> str:
        wanted = Wanted([alias], parts)
        return take(repository, options, environ, cache, say, wanted).folder

    return keep


def _demand_all(databases: Sequence[Reached], wanted: Wanted) -> None:
    if not databases:
        raise UsageFailure(
            "the settings name no database", "Only the migration files: --part files."
        )
    for each in databases:
        if each.missing:
            raise EnvironmentFailure(
                f"the database {each.alias} ({each.place}) is not there yet",
                "`migrate` makes it. Name the others: --alias. Or: --part files.",
            )
        if "dump" in wanted.parts and each.vendor not in VENDORS:
            raise EnvironmentFailure(
                f"there is no dump of {each.alias}: {each.vendor} is none of {', '.join(VENDORS)}",
                "Make the dump yourself, and leave it out here: --part rows --part files.",
            )


def _commit(repository: Repository) -> str | None:
    with suppress(RepositoryFailure):  # without git, or without a commit
        return git.commits(repository, ["HEAD"])[0].sha
    return None


def _keep(folder: str, database: Reached, on: Ground, parts: Collection[str]) -> Kept:
    inner = _folder_of(folder, database.alias)
    rows = dump = tool = None
    if "rows" in parts and database.rows is not None:
        rows = f"{inner}/rows.json"
        put(folder, rows, _json_of_rows(database))
    if "dump" in parts:
        vendor = VENDORS[database.vendor]
        dump = f"{inner}/{vendor.FILE}"
        target = new(folder, dump)
        try:
            tool = vendor.dump(database, on, target)
        finally:
            os.close(target)
    name = database.name or os.path.basename(database.path)
    return Kept(
        *(database.alias, database.vendor, database.version, database.place, name),
        *(rows, dump, tool),
    )


def _folder_of(folder: str, alias: str) -> str:
    """One of that name where a file system can have it."""
    name = alias if _SAFE.fullmatch(alias) else "database"
    while os.path.lexists(os.path.join(folder, name)):  # also where case does not count
        name += "_"
    os.mkdir(os.path.join(folder, name), 0o700)
    return name


def _json_of_rows(database: Reached) -> bytes:
    """A row on each line, for whoever looks at it."""
    lines = ",\n".join(json.dumps(row) for row in database.rows or ())
    return f"[\n{lines}\n]\n".encode()


def _keep_migrations(folder: str, top: str, folders: Sequence[str]) -> None:
    """All files in the folders of migrations, but byte code."""
    with (
        os.fdopen(new(folder, manifest.MIGRATIONS), "wb") as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        for path in migration_files(top, folders):
            tar.add(os.path.join(top, path), path, recursive=False, filter=_anonymous)


def migration_files(top: str, folders: Sequence[str]) -> list[str]:
    """Regular files in folders of migrations, from the top, but byte code."""
    found: set[str] = set()
    for folder in folders:
        for inner, below, names in os.walk(os.path.join(top, folder)):
            below[:] = [name for name in below if name != "__pycache__"]
            paths = [os.path.join(inner, name) for name in names]
            found |= {
                os.path.relpath(path, top)
                for path in paths
                if not path.endswith((".pyc", ".pyo"))
                and os.path.isfile(path)
                and not os.path.islink(path)
            }
    return sorted(found)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _files(folder: str) -> Iterator[File]:
    for inner, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield manifest.described(folder, os.path.relpath(os.path.join(inner, name), folder))
