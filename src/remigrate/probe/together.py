"""Makes what a segment takes away again findable: ``unique_together`` and ``index_together``.

A part of the probe; see `script`. Django makes those of a new model when its migration ends, and
looks for one that is to go in the database: in the same migration it finds none. An operation of
its own makes it at once, so that it is there as long as it was when there were two migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations
from django.db.models.options import normalize_together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAKING = {
    "unique_together": migrations.AlterUniqueTogether,
    "index_together": migrations.AlterIndexTogether,
}


def made_at_once(operations: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The operations that do it, each with the one that it was or is a part of."""
    return [
        (part, each)
        for at, each in enumerate(operations)
        for part in (
            _parts(each, operations[at + 1 :])
            if isinstance(each, migrations.CreateModel)
            else [each]
        )
    ]


def _parts(create: Any, later: Sequence[Any]) -> list[Any]:
    gone = [option for option in _MAKING if _is_taken_away(option, create, later)]
    if not gone:
        return [create]
    _, _, arguments = create.deconstruct()
    options = {name: value for name, value in create.options.items() if name not in gone}
    made = type(create)(**{**arguments, "options": options})
    return [made, *(_MAKING[each](create.name, create.options[each]) for each in gone)]


def _is_taken_away(option: str, create: Any, later: Sequence[Any]) -> bool:
    """Whether something of it is looked for in the database, whatever it is called by then."""
    name = create.name_lower
    sets = set(normalize_together(create.options.get(option)))
    for each in _flat(later):
        if isinstance(each, migrations.RenameModel) and each.old_name_lower == name:
            name = each.new_name_lower
        elif isinstance(each, migrations.DeleteModel) and each.name_lower == name:
            return False
        elif isinstance(each, migrations.RenameField) and each.model_name_lower == name:
            names = {each.old_name: each.new_name}
            sets = {tuple(names.get(field, field) for field in fields) for fields in sets}
        elif _named(each) == name and sets & _sought(each, option, sets):
            return True
    return False


def _named(operation: Any) -> str:
    return str(getattr(operation, "model_name", None) or getattr(operation, "name", "")).lower()


def _sought(operation: Any, option: str, sets: set[Any]) -> set[Any]:
    """Those of `sets` that it takes away, or gives a name."""
    if isinstance(operation, _MAKING[option]):
        return sets - set(normalize_together(operation.option_value))
    # RenameIndex has them, where there is no name yet.
    return {tuple(getattr(operation, "old_fields", None) or ())}


def _flat(operations: Iterable[Any]) -> Iterator[Any]:
    for each in operations:
        if isinstance(each, migrations.SeparateDatabaseAndState):
            yield from _flat(each.database_operations)
        else:
            yield each
