"""The guard against lagging databases, and the shell of every migration that a reset writes.

A part of the probe; see `script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "stop_if_lagging"
"""Known to Remigrate's check; see its rule RM204."""
_MODULE = "remigrate_guard"
_SOURCE = '''\
from importlib import import_module

from django.core.management.base import CommandError
from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder


def stop_if_lagging(apps, schema_editor):
    """Stop a database that has applied only a part of what a squash replaces.

    Django leaves such a squash out in silence, and goes on without its tables and columns.
    """
    applied = MigrationRecorder(schema_editor.connection).applied_migrations()
    for label, name, module in {squashes}:
        replaced = getattr(import_module(module).Migration, "replaces", [])
        missing = [key for key in replaced if tuple(key) not in applied]
        if missing and (label, name) not in applied:
            raise CommandError(
                f"This database is behind: it lacks {{'.'.join(missing[0])}}, one of"
                f" {{len(missing)}} migrations of those that {{label}}.{{name}} replaces."
                {advice}
            )
'''
_LINE = 60


def source(guards: Sequence[Sequence[str]], message: str) -> str:
    """A module with the guard for squashes, each (label, name, dotted module)."""
    rows = "".join(f"        {tuple(each)!r},\n" for each in guards)
    return _SOURCE.format(squashes=f"[\n{rows}    ]", advice=_literals(message))


def _literals(text: str) -> str:
    """`text` as adjacent literals, in lines of a decent length; it follows another sentence."""
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > _LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\n                ".join(repr(each) for each in [*lines, line])


def migration(segment: Mapping[str, Any], operations: list[Any], atomic: bool) -> Any:
    """A migration with these operations, and with all that the segment says of it."""
    if segment["guards"]:
        operations = [migrations.RunPython(_guard(segment), _noop(), elidable=True), *operations]
    dependencies: list[Any] = [tuple(key) for key in segment["dependencies"]]
    # As the autodetector has them, and Django's writer expects them.
    dependencies += [("__setting__", each) for each in segment["swappable"]]
    body = {
        "operations": operations,
        "dependencies": dependencies,
        "replaces": [tuple(key) for key in segment["replaces"]],
        "run_before": [tuple(key) for key in segment["run_before"]],
        "initial": True if segment["initial"] else None,
        "atomic": atomic,
        "__module__": _MODULE,
    }
    kind = type("Migration", (migrations.Migration,), body)
    return kind(segment["name"], segment["label"])


def module(segment: Mapping[str, Any]) -> dict[str, str]:
    """The source of the guard by the name of its module; nothing where there is none."""
    return {_MODULE: _text(segment)} if segment["guards"] else {}


def _text(segment: Mapping[str, Any]) -> str:
    return source(segment["guards"], segment["message"])


def _guard(segment: Mapping[str, Any]) -> Any:
    names: dict[str, Any] = {"__name__": _MODULE}
    exec(compile(_text(segment), f"<{_MODULE}>", "exec"), names)  # noqa: S102 # our own
    return names[NAME]


def _noop() -> Any:
    return migrations.RunPython.noop
