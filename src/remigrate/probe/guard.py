"""The guard against databases that are behind, as source text.

A part of the probe; see `script`. It needs nothing around it but ``django.db.migrations``: it is
copied into new migrations, and put into migrations that stay.

Where an app becomes several squashes, a database may have all of the first and nothing of the next.
Django's rows of it are those of a new database that has just run the first squash, and it runs the
next on both. So whoever runs the first leaves a mark, and the next asks for it. The mark stays: it
is asked for again where a migration was interrupted, or undone. It has the name of the one that
asks: of what runs before a later reset, nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "stop_if_lagging"
"""Of the function; Remigrate's check knows it."""
MARK, UNMARK = "mark_as_made_anew", "unmark_as_made_anew"
"""Of the functions that note in a database that a migration has run there; also known there."""
ENTRANCE = "stop_if_not_made_anew"
"""Of the function that asks for such a note, in front of a later squash of the same app."""
NAMES = (NAME, MARK, ENTRANCE)
"""Of all functions that an operation calls forwards."""
OPERATION = "RunWithoutModels"
"""Of the operation that calls it; also known there. Earlier guards were called by `RunPython`."""
BEHIND = "This database is behind:"
"""How the message begins."""
_SOURCE = '''\
def stop_if_lagging(apps, schema_editor):
    """Stop a database that has applied only a part of what a squash replaces.

    Django leaves such a squash out in silence, and goes on without its tables and columns.
    """
    from django.core.management.base import CommandError
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    applied = MigrationRecorder(schema_editor.connection).applied_migrations()
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    for squash in {squashes}:
        for key, migration in loader.disk_migrations.items():
            replaced = [tuple(each) for each in migration.replaces]
            if key != squash and squash not in replaced:  # it may be squashed again
                continue
            missing = [".".join(each) for each in replaced if each not in applied]
            if missing and not applied.keys() & {{key, squash}}:
                raise CommandError(
                    f"{behind} it lacks {{missing[0]}}, one of"
                    f" {{len(missing)}} migrations that {{'.'.join(key)}} replaces."
{advice}
                )
'''
_ENTRANCE = '''\
def stop_if_not_made_anew(apps, schema_editor):
    """Stop a database that was brought to the squash below by other files than these.

    That squash is for a database without rows: what it replaces may have done more to others.
    """
    from django.core.management.base import CommandError
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.recorder import MigrationRecorder

    applied = MigrationRecorder(schema_editor.connection).applied_migrations()
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    files = loader.disk_migrations
    again = {{tuple(each) for migration in files.values() for each in migration.replaces}}
    before = ({label}, {before})
    if before not in files or before in again:  # then nothing makes the mark
        return
    squash = ({label}, {name})
    replaced = [tuple(each) for each in files[squash].replaces] if squash in files else []
    mark = ({label}, {mark})
    if replaced and not applied.keys() & {{mark, squash, *replaced}}:
        raise CommandError(
            f"{behind} it lacks {{'.'.join(replaced[0])}}, one of"
            f" {{len(replaced)}} migrations that {{'.'.join(squash)}} replaces."
{advice}
        )
'''
_MARK = '''\
def mark_as_made_anew(apps, schema_editor):
    """Note that this file has run here: of those that it replaces Django records the same."""
    from django.db.migrations.recorder import MigrationRecorder

    recorder = MigrationRecorder(schema_editor.connection)
    mark = ({label}, {mark})
    if mark not in recorder.applied_migrations():
        recorder.record_applied(*mark)


def unmark_as_made_anew(apps, schema_editor):
    """Take that note away, where the migration is undone."""
    from django.db.migrations.recorder import MigrationRecorder

    mark = ({label}, {mark})
    MigrationRecorder(schema_editor.connection).record_unapplied(*mark)
'''
_OPERATION = '''\
class RunWithoutModels({module}.RunPython):
    """Spares every fresh `migrate` the models that the function has no use for."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        from django.db import router

        if router.allow_migrate(schema_editor.connection.alias, app_label, **self.hints):
            self.code(None, schema_editor)
'''
_LINE = 60


def source(squashes: Iterable[tuple[str, str]], message: str) -> str:
    """The function, for these squashes, each (app label, migration name).

    `message`: what it tells to do, after the sentence that says what is missing.
    """
    rows = "".join(f"        ({_quoted(label)}, {_quoted(name)}),\n" for label, name in squashes)
    advice = _literals(message, 20)
    return _SOURCE.format(squashes=f"[\n{rows}    ]", behind=BEHIND, advice=advice)


def entrance(squash: tuple[str, str], before: str, message: str) -> str:
    """The function that asks, in front of `squash`, whether the migration `before` has run."""
    label, name = squash
    return _ENTRANCE.format(
        label=_quoted(label),
        name=_quoted(name),
        before=_quoted(before),
        mark=_quoted(_mark(name)),
        behind=BEHIND,
        advice=_literals(message, 12),
    )


def mark(squash: tuple[str, str]) -> str:
    """The functions that note, for a later `squash`, that a migration has run; and was undone."""
    label, name = squash
    return _MARK.format(label=_quoted(label), mark=_quoted(_mark(name)))


def _mark(name: str) -> str:
    """A name in ``django_migrations`` that can be no migration's: the column has room for 255."""
    return f"before {name[-237:]}: made anew"


def operation(module: str = "migrations") -> str:
    """The class of the operation; `module` is what the file calls ``django.db.migrations``."""
    return _OPERATION.format(module=module)


def call(module: str = "migrations", name: str = NAME) -> str:
    """The operation itself; `name` is that of a function which only asks."""
    return f"{OPERATION}({name}, {module}.RunPython.noop, elidable=True)"


def marking() -> str:
    """The operation that makes the mark."""
    return f"{OPERATION}({MARK}, {UNMARK}, elidable=True)"


def _literals(text: str, indent: int) -> str:
    """`text` as literals one below the other; it follows another sentence."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > _LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\n".join(" " * indent + _quoted(each) for each in [*lines, line])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
