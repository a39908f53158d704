"""The flow of ``remigrate doctor``: what every other command would find here, and would lack."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

from remigrate import check, git, init, projects, rules, server_kinds, servers
from remigrate.db import flow as databases
from remigrate.errors import Failure, RepositoryFailure
from remigrate.memory import ThisRun
from remigrate.report.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Configuration, Options
    from remigrate.runtime import Place

Verdict = Literal["fine", "note", "wrong"]
_MOST = 5
"""Projects that are named; the rest is counted."""
_ELSEWHERE = (
    "Migrations that are not in folders called migrations: migration-modules in [tool.remigrate]."
)


class Row(NamedTuple):
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    """``wrong``: some command cannot work; ``note``: something could be better."""
    text: str
    cure: str = ""


def examine(
    options: Options, configuration: Configuration, environ: Mapping[str, str], cache: Cache
) -> Iterator[Row]:
    """Everything that the commands stand on, one after the other; nothing is written."""
    try:
        repository = git.open_repository(options.path, environ)
    except RepositoryFailure as error:
        yield Row("git", "wrong", str(error), error.hint)
        return
    yield Row("git", "fine", f"{repository.top or repository.path}, on {_branch(repository)}")
    yield _base(repository, options)
    yield _configuration(configuration)
    memory = ThisRun(cache)  # the same files are read for the graph and to find the project
    yield from _graphs(repository, options, memory)
    yield from _project(repository, options, environ, memory)
    yield from _doors(repository)


def exit_code(rows: list[Row]) -> int:
    """1 where some command cannot work, else 0."""
    return int(any(row.verdict == "wrong" for row in rows))


def _branch(repository: Repository) -> str:
    said = repository.run("symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1))
    return os.fsdecode(said).strip() or "no branch"


def _base(repository: Repository, options: Options) -> Row:
    """What has landed: the one thing that nobody can guess for a team."""
    if options.base is None:
        return Row(
            "base",
            "note",
            "not configured, so every migration counts as landed",
            f'In pyproject.toml, below [tool.remigrate]: base = "{git.default_branch(repository)}" '
            "(remigrate init writes it).",
        )
    try:
        commit = git.commits(repository, [options.base])[0]
    except RepositoryFailure as error:
        return Row("base", "wrong", str(error), error.hint or "Name another one, or fetch it.")
    return Row("base", "fine", f"{options.base} ({commit.sha[:12]})")


def _configuration(configuration: Configuration) -> Row:
    files = [path for path, content in configuration.files.items() if content is not None]
    if not configuration.values:
        return Row("configuration", "fine", "no [tool.remigrate]: the defaults count")
    keys = sorted(name.replace("_", "-") for name in configuration.values)
    return Row("configuration", "fine", f"{files[-1]}: {listed(keys)}")


def _graphs(repository: Repository, options: Options, cache: Cache) -> Iterator[Row]:
    found = projects.find(repository, options, cache)
    if not found:
        folders = projects.folders(repository, options, cache)
        if folders:
            yield Row("project", "note", f"{listed(folders)}: no migrations yet", _ELSEWHERE)
        else:
            cure = f"Name the folder of a Django project as PATH. {_ELSEWHERE}"
            yield Row("projects", "wrong", "no migrations found", cure)
        return
    for each in found[:_MOST]:
        apps, migrations = counted(len(each.apps), "app"), counted(each.migrations, "migration")
        lacks = "" if each.manage else " (no manage.py)"
        yield Row("project", "fine", f"{each.path}: {apps}, {migrations}{lacks}")
    if found[_MOST:]:
        yield Row("project", "fine", f"and {counted(len(found) - _MOST, 'more project')}")
    question = check.Question(options.head, base=options.base, modules=options.migration_modules)
    try:
        report = check.report(check.look(repository, question, cache), rules.ALL)
    except RepositoryFailure as error:
        yield Row("graph", "wrong", str(error), error.hint)
        return
    bad = sum(each.severity == "error" for each in report.findings)
    if bad:
        yield Row("graph", "wrong", counted(bad, "error"), "remigrate check tells which.")
    else:
        yield Row("graph", "fine", "no error")


def _project(
    repository: Repository, options: Options, environ: Mapping[str, str], cache: Cache
) -> Iterator[Row]:
    """The project's own Django, and what it says of databases."""
    try:
        place = databases.place(repository, options, environ, cache)
    except Failure as error:
        yield Row("environment", "wrong", str(error), error.hint)
        return
    asked = " ".join(place.interpreter.argv)
    try:
        found = databases.stand(place, ())
    except Failure as error:
        yield Row("environment", "fine", f"{asked} ({place.interpreter.why})")
        yield Row("settings", "wrong", str(error), f"{error.hint}{_container(place, environ)}")
        return
    versions = f"Python {found.python}, Django {found.django}"
    yield Row("environment", "fine", f"{asked} ({place.interpreter.why}): {versions}")
    yield Row("settings", "fine", found.settings)
    for database in found.databases:
        yield _database(database)
    vendors = dict.fromkeys(each.vendor for each in found.databases if each.alias == "default")
    yield from (_scratch(vendor, environ) for vendor in vendors)


def _container(place: Place, environ: Mapping[str, str]) -> str:
    """Where else the project may have its Python, when all that was found is our own."""
    found = init.contained(place.home, place.top, environ) if place.interpreter.is_own else None
    python = found.python(place.home) if found else None
    return f'\nIn pyproject.toml, below [tool.remigrate]: python = "{python}"' if python else ""


def _database(found: databases.Database) -> Row:
    subject, server = f"database {found.alias}", f"{found.server}, " if found.server else ""
    if found.failed:
        cure = "`check` and `reset` never contact it; `db status` does."
        return Row(subject, "note", f"{found.place} could not be read: {found.failed}", cure)
    if found.missing:
        return Row(subject, "fine", f"{found.place} is not there yet")
    if found.is_wrong:
        cure = f"remigrate db status --alias {found.alias} tells more."
        return Row(subject, "wrong", f"{server}{found.place}: its rows are in disorder", cure)
    stands = f"{len(found.pending):,} pending" if found.pending else "up to date"
    return Row(subject, "fine", f"{server}{found.place}: {stands}")


def _scratch(vendor: str, environ: Mapping[str, str]) -> Row:
    """Where a reset would be proved."""
    if vendor == "sqlite":
        return Row("proofs", "fine", "on SQLite, which needs no server")
    if vendor not in server_kinds.KINDS:
        return Row("proofs", "note", f"no reset can be proved on {vendor or 'this database'} yet")
    try:
        programs = server_kinds.found(server_kinds.KINDS[vendor], environ, servers.PLACES[vendor])
    except servers.NoServer as error:
        cure = "Install one, or name one where databases may be made: reset --database URL."
        return Row("proofs", "note", f"{error}, so no reset can be proved", cure)
    return Row("proofs", "fine", f"on scratch servers of {programs.server}")


def _doors(repository: Repository) -> Iterator[Row]:
    """Where the checks run by themselves."""
    top = repository.top or repository.path
    configured = _text(os.path.join(top, init.PRE_COMMIT))
    hooks = init.hooks_in(configured)
    if hooks:
        yield Row("pre-commit", "fine", listed(hooks))
    else:
        yield Row("pre-commit", "note", "no hook of Remigrate", "remigrate init writes them.")
    paths = init.workflows(top)
    running = [os.path.basename(path) for path in paths if init.ACTION in _text(path)]
    if running:
        yield Row("GitHub", "fine", listed(running))
    else:
        yield Row("GitHub", "note", "no workflow has Remigrate", "remigrate init writes one.")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
