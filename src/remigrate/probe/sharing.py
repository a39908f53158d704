"""Lets hand-written operations that follow each other work with the same models.

A part of the probe; see `script`. Once an operation has put off rendering some models, Django's
`RunPython` renders all of them anew, for itself alone, and so does the next one; a big project
feels each of them in every fresh ``migrate``. Nothing has changed in between, so the first one of
several may leave its models to the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "RunAndKeepModels"
"""Of the operation that does so."""
_MODULE = "remigrate_models"
_TEXT = '''\
from django.db import migrations


class RunAndKeepModels(migrations.RunPython):
    """Leaves the models that it puts together to the code behind it."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        to_state.clear_delayed_apps_cache()
        to_state.is_delayed = False
        super().database_forwards(app_label, schema_editor, to_state, to_state)
'''
SOURCES = {_MODULE: _TEXT}
"""Its source by the name of its module."""


def shared(operations: Iterable[Any]) -> list[Any]:
    """The operations, where the first `RunPython` of several keeps its models for the others."""
    found = [_plain(each) for each in operations]
    kept = False
    for at, each in enumerate(found[:-1]):
        kept = kept and _is_code(each)
        if not kept and type(each) is migrations.RunPython and _is_code(found[at + 1]):
            found[at] = _made(_kind(), each)
            kept = True
    return found


def _plain(operation: Any) -> Any:
    """The operation as it was before an earlier reset."""
    is_keeping = _is_code(operation) and type(operation).__name__ == NAME
    return _made(migrations.RunPython, operation) if is_keeping else operation


def _is_code(operation: Any) -> bool:
    return isinstance(operation, migrations.RunPython)


def _made(kind: Any, operation: Any) -> Any:
    return kind(
        operation.code,
        operation.reverse_code,
        atomic=operation.atomic,
        hints=operation.hints,
        elidable=operation.elidable,
    )


def _kind() -> Any:
    names: dict[str, Any] = {"__name__": _MODULE}
    exec(compile(_TEXT, f"<{_MODULE}>", "exec"), names)  # noqa: S102 # our own
    return names[NAME]
