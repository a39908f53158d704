"""The guard against databases that are behind, as source text.

A part of the probe; see `script`. It needs nothing around it but ``django.db.migrations``: it is
copied into new migrations, and put into migrations that stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "stop_if_lagging"
"""Of the function; Remigrate's check knows it."""
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
_OPERATION = '''\
class RunWithoutModels({module}.RunPython):
    """Spares every fresh `migrate` the models that the function has no use for."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        from django.db import router

        if router.allow_migrate(schema_editor.connection.alias, app_label, **self.hints):
            self.code(None, schema_editor)
'''
_INDENT = " " * 20
_LINE = 60


def source(squashes: Iterable[tuple[str, str]], message: str) -> str:
    """The function, for these squashes, each (app label, migration name).

    `message`: what it tells to do, after the sentence that says what is missing.
    """
    rows = "".join(f"        ({_quoted(label)}, {_quoted(name)}),\n" for label, name in squashes)
    return _SOURCE.format(squashes=f"[\n{rows}    ]", behind=BEHIND, advice=_literals(message))


def operation(module: str = "migrations") -> str:
    """The class of the operation; `module` is what the file calls ``django.db.migrations``."""
    return _OPERATION.format(module=module)


def call(module: str = "migrations") -> str:
    """The operation itself."""
    return f"{OPERATION}({NAME}, {module}.RunPython.noop, elidable=True)"


def _literals(text: str) -> str:
    """`text` as literals one below the other; it follows another sentence."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > _LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\n".join(_INDENT + _quoted(each) for each in [*lines, line])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
