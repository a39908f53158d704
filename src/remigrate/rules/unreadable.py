"""Python would refuse to import a migration, or finds no `Migration` class in it.

Why it hurts: one such file stops every command that loads migrations: conflict markers that were
left in, a syntax error, bytes that cannot be decoded, a module that only looks like a migration.

How to fix: repair the file at the line that is named. Helper modules in a migrations package need a
name that starts with `_`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.model import Broken, Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts
    from remigrate.model import App, Migration

CODE = "RM106"
NAME = "unreadable"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each file that Django could not import as a migration."""
    for app in facts.graph.apps.values():
        for migration in app.migrations:
            if isinstance(migration.header, Broken):
                yield _broken(app, migration, migration.header, migration.path in facts.merged)
            elif not migration.header.is_migration:
                yield _no_class(app, migration)


def _broken(app: App, migration: Migration, broken: Broken, merged: bool) -> Finding:
    where = f"line {broken.line}" + (f", column {broken.column}" if broken.column else "")
    markers = "conflict markers" in broken.why
    if markers and merged:
        return _unmerged(app, migration, broken)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        app.label,
        migration.path,
        broken.line,
        broken.line,
        f"{app.label}.{migration.name} cannot be read ({where}): {broken.why}. "
        "Django stops when it imports the file.",
        "Decide what the file shall hold, and take the markers out."
        if markers
        else "Repair the file, or remove it.",
        (f"{app.label}.{migration.name}",),
        column=broken.column,
    )


def _unmerged(app: App, migration: Migration, broken: Broken) -> Finding:
    name = f"{app.label}.{migration.name}"
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        app.label,
        migration.path,
        broken.line,
        broken.line,
        f"{name} was changed by base and by head, and git cannot merge the two (line "
        f"{broken.line} of "
        "what it makes of them).",
        "Merge base into your branch, and decide there what the file shall hold.",
        (name,),
        column=broken.column,
    )


def _no_class(app: App, migration: Migration) -> Finding:
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        app.label,
        migration.path,
        1,
        1,
        f"{app.label}.{migration.name} has no class `Migration`: "
        "Django stops with BadMigrationError when it loads the package.",
        f"If it is a helper module, rename it to _{migration.name}.py, or move it out of the "
        "package.",
        (f"{app.label}.{migration.name}",),
    )
