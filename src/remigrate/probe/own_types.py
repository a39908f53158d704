"""Which hand-written SQL makes a type that columns have later.

A part of the probe; see `script`. Such SQL names no table, and can stand nowhere but before them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAKING = re.compile(
    r'\bCREATE\s+(?:TYPE|DOMAIN|EXTENSION)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:"?\w+"?\.)?"?(\w+)"?',
    re.IGNORECASE,
)


def maker(operations: Sequence[Any], connection: Any) -> int | None:
    """Position of the first operation that makes a type of a column after it; None without."""
    for at, each in enumerate(operations):
        made = {name.lower() for text in _texts(each) for name in _MAKING.findall(text)}
        if made and any(made & _types(later, connection) for later in operations[at + 1 :]):
            return at
    return None


def _texts(operation: Any) -> Iterator[str]:
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for each in operation.database_operations:
            yield from _texts(each)
    elif isinstance(operation, migrations.RunSQL):
        statements = operation.sql
        for each in [statements] if isinstance(statements, str) else statements:
            yield each if isinstance(each, str) else str(each[0])


def _types(operation: Any, connection: Any) -> set[str]:
    """Words in the types of the columns that it makes or changes; what points to another column is
    of that one's type."""
    fields: list[Any] = []
    if isinstance(operation, migrations.CreateModel):
        fields = [field for _, field in operation.fields]
    elif isinstance(operation, (migrations.AddField, migrations.AlterField)):
        fields = [operation.field]
    found = [field.db_type(connection) or "" for field in fields if not field.remote_field]
    return {word.lower() for text in found for word in re.findall(r"\w+", text)}
