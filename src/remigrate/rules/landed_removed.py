"""A migration that has landed is gone, or has another name, and no squash replaces it.

Why it hurts: databases at base have its row in `django_migrations`. A renamed one runs a second
time there and stops with "table already exists"; a removed one leaves a ghost, and what came after
it may run on the wrong schema.

How to fix: restore the file under its old name. To shorten a history, write a squash whose
`replaces` names every migration that goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of, typed
from remigrate.model import Finding, Key, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts, Landed
    from remigrate.model import App, Migration

CODE = "RM202"
NAME = "landed-removed"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each renamed migration, and one for all others that an app has lost."""
    if facts.landed is None:
        return
    lost: dict[str, list[Key]] = {}
    for key in facts.landed.files:
        if key not in facts.graph.files and not _covered(facts, facts.landed, key):
            lost.setdefault(key[0], []).append(key)
    for app, keys in lost.items():
        yield from _of_app(facts, facts.landed, facts.graph.apps.get(app), sorted(keys))


def _covered(facts: Facts, landed: Landed, key: Key) -> bool:
    """Whether a squash that is there replaces `key`, or did so in base.

    Once a squash is applied everywhere, Django's documentation has its ``replaces`` removed
    together with the replaced files: the rows of base already hold the squash then.
    """
    waiting, seen = [key], {key}
    while waiting:
        wanted = waiting.pop()
        for source in (facts.graph.squashes, landed.replaces):
            for squash, replaced in source.items():
                if wanted in replaced and squash not in seen:
                    if squash in facts.graph.files:
                        return True
                    seen.add(squash)
                    waiting.append(squash)
    return False


def _of_app(facts: Facts, landed: Landed, app: App | None, keys: list[Key]) -> Iterator[Finding]:
    new = {
        m.blob: m for m in (app.migrations if app else ()) if m.key not in landed.files and m.blob
    }
    gone = []
    for key in keys:
        twin = new.get(landed.files[key].blob) or _twin(app, landed, key)
        if twin is None:
            gone.append(key)
        else:
            yield _renamed(facts, key, landed.files[key], twin)
    if gone:
        yield _removed(facts, landed, app, gone)


def _twin(app: App | None, landed: Landed, key: Key) -> Migration | None:
    """A new migration with the same descriptive name under another number."""
    words = key[1].partition("_")[2]
    twins = [
        migration
        for migration in (app.migrations if app else ())
        if words and migration.key not in landed.files and migration.name.partition("_")[2] == words
    ]
    return twins[0] if len(twins) == 1 else None


def _renamed(facts: Facts, key: Key, old: Migration, twin: Migration) -> Finding:
    label = facts.graph.apps[twin.app].label
    line = line_of(twin)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        label,
        twin.path,
        line,
        line,
        f"{label}.{key[1]} has landed and is called {twin.name} now: "
        "databases at base would run it a second time.",
        f"`git mv {typed(twin.path)} {typed(old.path)}`, "
        "and give the next free number to what is new.",
        (f"{label}.{key[1]}", f"{label}.{twin.name}"),
    )


def _removed(facts: Facts, landed: Landed, app: App | None, gone: list[Key]) -> Finding:
    old = landed.files[gone[0]]
    label = app.label if app else _old_label(landed, old)
    names = ", ".join(key[1] for key in gone[:5]) + (
        f" and {len(gone) - 5} more" if len(gone) > 5 else ""
    )
    path, line = (
        (app.migrations[-1].path, line_of(app.migrations[-1]))
        if app and app.migrations
        else (old.path, 1)
    )
    return Finding(
        CODE,
        NAME,
        SEVERITY if app else "warning",
        label,
        path,
        line,
        line,
        f"{label} has lost {names}, applied by every database at base: "
        + (
            "a ghost stays there, and nothing tells how to undo it."
            if app
            else "the app is gone, but its tables and its rows in `django_migrations` stay."
        ),
        _restore(landed, gone) if app else "Let one more migration drop its tables before it goes.",
        tuple(f"{label}.{key[1]}" for key in gone),
    )


def _restore(landed: Landed, gone: list[Key]) -> str:
    paths = " ".join(typed(landed.files[key].path) for key in gone[:3])
    more = " …" if len(gone) > 3 else ""
    return f"`git checkout BASE -- {paths}{more}`; or write a squash that names all of them."


def _old_label(landed: Landed, old: Migration) -> str:
    return next((a.label for a in landed.project.apps if a.path == old.app), old.app)
