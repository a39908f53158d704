"""The flow of ``remigrate db restore``: what a backup would change, and the change.

Every part is done as a whole or not at all: the rows of one database in one transaction, its dump
as the vendor can, and all files together.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, NamedTuple

from remigrate import check
from remigrate.db import backup, manifest, reached, restoring
from remigrate.db.folder import FOLDER
from remigrate.errors import EnvironmentFailure, RepositoryFailure, UsageFailure
from remigrate.reset import writing
from remigrate.reset.file_change import FileChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from remigrate.console import Console
    from remigrate.db.manifest import Kept, Manifest
    from remigrate.db.reached import Reached, Row
    from remigrate.db.tools import Ground
    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

USUAL = ("rows", "files")
"""Parts that are restored when none is named: a dump overwrites data."""


class Change(NamedTuple):
    """What becomes of one database."""

    alias: str
    place: str
    rows: bool
    """Whether django_migrations is restored."""
    deleted: tuple[Row, ...]
    inserted: tuple[Row, ...]
    """Rows that are in the backup and not there, or there otherwise."""
    dump: bool
    """Whether all of it is replaced by the dump."""


class Restored(NamedTuple):
    """What was done, or would be."""

    folder: str
    manifest: Manifest
    applied: bool
    databases: tuple[Change, ...]
    files: tuple[FileChange, ...] | None
    """None where they are not restored."""
    undo: str | None
    """The backup of what was there before, from the top."""

    @property
    def is_nothing(self) -> bool:
        """Whether everything is already as the backup has it."""
        changes = [each.deleted or each.inserted or each.dump for each in self.databases]
        return not self.files and not any(changes)


def run(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
) -> Restored:
    """Restore what the options name, or with no ``--apply`` tell what that would change.

    Raises `Failure`; its words tell of what was done until then, if anything was.
    """
    if repository.top is None:
        raise RepositoryFailure(
            "a bare repository has nothing to restore into",
            "Run it where the project is checked out.",
        )
    if recovered := writing.recover(repository.top, environ):
        say.remark(recovered)
    folder = _folder(options.backup, repository.top)
    say.progress("verifying the backup …")
    found = manifest.verified(folder)
    kept = _chosen(found, options.alias)
    parts = _parts(found, kept, options)
    on: Ground | None = None
    pairs: tuple[tuple[Reached, Kept], ...] = ()
    if {"rows", "dump"} & parts:
        on, databases = backup.look(repository, options, environ, cache, say, kept)
        pairs = tuple((now, kept[now.alias]) for now in databases)
    changes = tuple(_change(folder, now, each, parts) for now, each in pairs)
    files = None
    if "files" in parts:
        _demand_migrations(found.folders or (), repository, options, cache)
        files = _files(folder, found.folders or (), repository.top)
    restored = Restored(folder, found, False, changes, files, None)
    if not options.apply or restored.is_nothing:
        return restored
    there = [now for now, _ in pairs if not now.missing]
    if what := _overwritten(restored, there, parts):
        seen = (on, there) if on else None
        made = backup.take(repository, options, environ, cache, say, what, seen)
        restored = restored._replace(undo=made.folder)
    if on:
        _restore_databases(folder, pairs, restored, on, say)
    if files:
        say.progress("writing the files …")
        writing.write(repository.top, files, environ)
    return restored._replace(applied=True)


# What is to be restored


def _folder(name: str, top: str) -> str:
    """A path, from here or from the top, or the name of a backup of this work tree."""
    places = (name, os.path.join(top, name), os.path.join(top, FOLDER, name))
    return next(filter(os.path.isdir, places), name)


def _parts(found: Manifest, kept: Mapping[str, Kept], options: Options) -> set[str]:
    """Those that were asked for, or of the usual ones those that the backup has."""
    there = {
        "rows": any(each.rows for each in kept.values()),
        "dump": any(each.dump for each in kept.values()),
        "files": found.folders is not None,
    }
    for part in options.part:
        if not there[part]:
            has = ", ".join(name for name in backup.PARTS if there[name])
            raise UsageFailure(f"the backup has no {part}", f"It has: {has or 'nothing'}.")
    return set(options.part or (part for part in USUAL if there[part]))


def _chosen(found: Manifest, aliases: Sequence[str]) -> dict[str, Kept]:
    """By alias."""
    known = {each.alias: each for each in found.databases}
    unknown = sorted(set(aliases) - set(known))
    if unknown:
        raise UsageFailure(
            f"the backup has no database {', '.join(unknown)}",
            f"It has: {', '.join(known) or 'none'}.",
        )
    return {alias: each for alias, each in known.items() if not aliases or alias in aliases}


def _change(folder: str, now: Reached, kept: Kept, parts: set[str]) -> Change:
    """What becomes of a database. Raises `Failure` for one that is not the backup's."""
    _demand_same(now, kept)
    dump = "dump" in parts and kept.dump is not None
    wanted = rows_in(folder, kept.rows) if "rows" in parts and kept.rows else None
    if wanted is None:
        return Change(now.alias, now.place, False, (), (), dump)
    if now.rows is None and not dump:
        raise EnvironmentFailure(
            f"the database {now.alias} ({now.place}) has no table django_migrations",
            "`migrate` makes it. Or restore the dump, with all that is in it: --part dump.",
        )
    there = now.rows or ()
    gone, come = set(there) - set(wanted), set(wanted) - set(there)
    deleted = tuple(row for row in there if row in gone)
    inserted = tuple(row for row in wanted if row in come)
    return Change(now.alias, now.place, True, deleted, inserted, dump)


def _demand_same(now: Reached, kept: Kept) -> None:
    name = now.name or os.path.basename(now.path)
    if now.vendor != kept.vendor or now.is_mariadb != reached.is_mariadb(kept.version):
        raise UsageFailure(
            f"the backup of {kept.alias} is one of {kept.vendor} {kept.version}, and the database "
            f"is {now.server}",
            "Name settings that lead to such a database: --settings.",
        )
    if name != kept.name:
        raise UsageFailure(
            f"the backup of {kept.alias} is one of the database {kept.name}, and the settings lead "
            f"to {name}",
            "Name settings that lead to that one: --settings.",
        )


def rows_in(folder: str, path: str) -> tuple[Row, ...]:
    """The rows in a file of the backup. Raises `RepositoryFailure` where it holds others."""
    with open(os.path.join(folder, path), "rb") as file:
        content = file.read()
    try:
        return tuple(map(reached.row, json.loads(content)))
    except (ValueError, TypeError, RecursionError) as error:
        raise RepositoryFailure(
            f"{path} of the backup does not hold rows of django_migrations", "Nothing was changed."
        ) from error


# Files


def _demand_migrations(
    folders: Sequence[str], repository: Repository, options: Options, cache: Cache
) -> None:
    """Raise `RepositoryFailure` for a folder that holds something else."""
    question = check.Question(modules=options.migration_modules)
    known = {app.path for app in check.look(repository, question, cache).project.apps}
    for each in folders:
        if each not in known and each.rpartition("/")[2] != "migrations":
            raise RepositoryFailure(
                f"the backup names a folder that is none of migrations: {each}",
                "If it is one, name it in migration-modules. Nothing was changed.",
            )


def _files(folder: str, folders: Sequence[str], top: str) -> tuple[FileChange, ...]:
    """What makes the folders of migrations what they were."""
    wanted = migrations_in(folder, folders)
    changes = []
    for path in sorted({*wanted, *backup.migration_files(top, folders)}):
        now = _content(top, path)
        then = wanted.get(path)
        is_package = path.rpartition("/")[2] == "__init__.py"
        if now != then and not (then is None and is_package):  # Django would ignore the rest
            changes.append(FileChange(path, now, then))
    return tuple(changes)


def migrations_in(folder: str, folders: Sequence[str]) -> dict[str, bytes]:
    """Files by path. Raises `RepositoryFailure` for what is no plain file in these folders."""
    found: dict[str, bytes] = {}
    with open(os.path.join(folder, manifest.MIGRATIONS), "rb") as file:
        content = io.BytesIO(file.read())
    try:
        with tarfile.open(fileobj=content, mode="r:") as tar:
            for member in tar:
                inside = any(member.name.startswith(f"{folder}/") for folder in folders)
                plain = not {"", ".", "..", ".git"} & set(member.name.lower().split("/"))
                file_ = tar.extractfile(member) if member.isreg() else None
                if not inside or not plain or file_ is None or member.name in found:
                    raise ValueError(f"{member.name!r} does not belong there")
                found[member.name] = file_.read()
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        raise RepositoryFailure(
            f"{manifest.MIGRATIONS} of the backup cannot be read: {error}", "Nothing was changed."
        ) from error
    return found


def _content(top: str, path: str) -> bytes | None:
    try:
        with open(os.path.join(top, path), "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


# The change


def _overwritten(
    restored: Restored, there: Sequence[Reached], parts: set[str]
) -> backup.Wanted | None:
    """What is kept of that which is there; None where there is nothing yet."""
    wanted = {"files"} if restored.files else set()
    if there and parts & {"rows", "dump"}:
        wanted |= {"rows"} | parts & {"dump"}
    parts_ = [part for part in backup.PARTS if part in wanted]
    return backup.Wanted([now.alias for now in there], parts_) if wanted else None


def _restore_databases(
    folder: str,
    pairs: Iterable[tuple[Reached, Kept]],
    restored: Restored,
    on: Ground,
    say: Console,
) -> None:
    done: list[str] = []
    for (now, kept), change in zip(pairs, restored.databases, strict=True):
        try:
            if change.dump:
                assert kept.dump
                say.progress(f"restoring the dump of {now.alias} ({now.place}) …")
                path = os.path.join(folder, kept.dump)
                backup.VENDORS[now.vendor].load(now, on, path)
            if change.rows and (change.dump or change.deleted or change.inserted):
                assert kept.rows
                patience = f"waiting {on.patience} seconds at the most for its lock"
                say.progress(f"writing django_migrations of {now.alias}, {patience} …")
                restoring.rows(on, now, rows_in(folder, kept.rows))
        except EnvironmentFailure as failure:
            if done:
                said = f"Restored before that: {', '.join(done)}."
                raise EnvironmentFailure(str(failure), f"{failure.hint}\n{said}") from failure
            raise
        done.append(now.alias)
