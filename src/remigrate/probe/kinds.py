"""What an operation is: written by hand or not, and what of it is in the project state.

A part of the probe; see `script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations

from remigrate.probe import guard

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_hand_written(operation: Any) -> bool:
    """Whether no autodetector would write such an operation."""
    if isinstance(
        operation,
        (migrations.RunPython, migrations.RunSQL, migrations.SeparateDatabaseAndState),
    ):
        return True
    return not type(operation).__module__.startswith(
        ("django.db.migrations.operations", "django.contrib.postgres.operations")
    )


def writes_rows(operation: Any) -> bool:
    """Whether what it does to a database may be more than what Django's own operations do."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return any(writes_rows(each) for each in operation.database_operations)
    return is_hand_written(operation)


def is_of_state(operation: Any) -> bool:
    """Whether it changes the project state too, so that the autodetector finds what it did."""
    if isinstance(operation, migrations.RunPython):
        return False
    if isinstance(operation, migrations.RunSQL):
        return bool(operation.state_operations)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return bool(operation.state_operations)
    found = getattr(type(operation).state_forwards, "__code__", None)
    # Each has such a method. One that names nothing can neither call nor change anything.
    return found is None or bool(found.co_names or found.co_freevars)


def beside_the_state(operation: Any) -> list[Any]:
    """What it does to the database; what it does to the project state is done already."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        found = [beside_the_state(each) for each in operation.database_operations]
        return [each for part in found for each in part]
    if isinstance(operation, migrations.RunSQL) and operation.state_operations:
        return [
            migrations.RunSQL(
                operation.sql,
                operation.reverse_sql,
                hints=operation.hints,
                elidable=operation.elidable,
            )
        ]
    if not is_hand_written(operation) or is_of_state(operation):
        return []
    return [operation]


def is_guard(operation: Any) -> bool:
    code = getattr(operation, "code", None)
    return isinstance(operation, migrations.RunPython) and (
        getattr(code, "__name__", "") in guard.NAMES
    )


def is_one_sided(operation: Any) -> bool:
    """Whether a database and the project state part here, as when a model moves to another app."""
    if not isinstance(operation, migrations.SeparateDatabaseAndState):
        return False
    state, database = operation.state_operations, operation.database_operations
    return bool(state) != bool(database) or _made_or_dropped(state) != _made_or_dropped(database)


def _made_or_dropped(operations: Iterable[Any]) -> set[tuple[str, str]]:
    return {
        (type(each).__name__, each.name.lower())
        for each in operations
        if isinstance(each, (migrations.CreateModel, migrations.DeleteModel))
    }


def is_extension(operation: Any) -> bool:
    return any(
        kind.__name__ in ("CreateExtension", "CreateCollation")
        and kind.__module__ == "django.contrib.postgres.operations"
        for kind in type(operation).__mro__
    )


def changes_what_was_there(operation: Any, after: Iterable[Any]) -> bool:
    """Whether rows that were written before it would not fit the final tables, or the code that
    wrote them the final models."""
    made = {str(each.name).lower() for each in after if isinstance(each, migrations.CreateModel)}
    if isinstance(operation, (migrations.RenameField, migrations.RenameModel)):
        return True
    if isinstance(operation, (migrations.RemoveField, migrations.DeleteModel)):
        name = getattr(operation, "model_name", None) or operation.name
        return str(name).lower() not in made
    if isinstance(operation, migrations.AddField):
        field = operation.field
        given = field.has_default() and operation.preserve_default
        needs = not field.null and not field.many_to_many and not given
        return needs and operation.model_name.lower() not in made
    return False


def described(operation: Any) -> str:
    if isinstance(operation, migrations.RunPython):
        name = getattr(operation.code, "__name__", type(operation.code).__name__)
        return f"RunPython({name})"
    if isinstance(operation, migrations.RunSQL):
        text = operation.sql if isinstance(operation.sql, str) else "…"
        line = " ".join(text.split())
        return f"RunSQL({line[:60]}{'…' if len(line) > 60 else ''})"
    return type(operation).__name__
