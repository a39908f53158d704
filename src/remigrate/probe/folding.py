"""Lets harmless changes of models pass hand-written code, so that fewer operations are left.

A part of the probe; see `script`. Django's optimizer takes every `RunPython` as a wall. But what
code writes is the same whether a label or an index was changed before it or after it. Whether that
was so in truth is for the proof to say; what is let through here is only what rows cannot tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.models import NOT_PROVIDED

from remigrate.probe import sight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WORDS = {
    *("blank", "choices", "editable", "error_messages", "help_text", "limit_choices_to"),
    *("validators", "verbose_name"),
}
"""Of what a field is made of, that no database has."""
_WIDER = {"max_length", "null"}
"""Of which there may be more afterwards, but not less."""
_UNSEEN = {"db_index", *_WIDER}
"""What code that only writes rows does not notice."""
_MOVING = (migrations.AlterField, migrations.AddField, migrations.AlterModelOptions)
_LABELS = {"verbose_name", "verbose_name_plural", "permissions", "default_permissions"}


class Passable(Operation):  # type: ignore[misc]
    """A hand-written operation that lets harmless ones pass to its left."""

    def __init__(self, operation: Any, models: Mapping[Any, Any]) -> None:
        """`models`: the states of models, as its code sees them."""
        self.operation = operation
        self._models = models
        self._far = sight.far(operation.code)

    def reduce(self, operation: Any, app_label: str) -> bool:
        """As the optimizer asks it."""
        name = str(getattr(operation, "model_name", None) or getattr(operation, "name", ""))
        model = self._models.get((app_label, name.lower()))
        if model is None or self._far == sight.NOTHING_KNOWN:
            return False
        return _is_of_words(operation, model) or (
            self._far == sight.ROWS and _is_of_room(operation, model)
        )


def gathered(operations: Iterable[Any], label: str) -> list[Any]:
    """The operations, each as far to the left as it may pass the others.

    The optimizer gives a model up at the first change of it that cannot reach it.
    """
    found: list[Any] = []
    for each in operations:
        at = len(found)
        if type(each) in _MOVING:
            while at and found[at - 1].reduce(each, label) is True:
                at -= 1
        found.insert(at, each)
    return found


def plain(operations: Iterable[Any]) -> list[Any]:
    """The operations as they were, without what lets others pass."""
    return [each.operation if isinstance(each, Passable) else each for each in operations]


def _is_of_words(operation: Any, model: Any) -> bool:
    """Whether no database notices the operation, and nothing but words and permissions change."""
    if type(operation) is migrations.AlterField:
        before = _fields(model).get(operation.name.lower())
        return before is not None and _is_alike(before, operation.field, _WORDS)
    return type(operation) is migrations.AlterModelOptions and _is_relabelled(
        model.options, operation
    )


def _is_of_room(operation: Any, model: Any) -> bool:
    """Whether there is only more room: code that writes rows of `model` writes the same then."""
    kind = type(operation)
    if kind is migrations.AlterField:
        before = _fields(model).get(operation.name.lower())
        return before is not None and _is_wider(before, operation.field)
    if kind is migrations.AddField:
        return operation.name.lower() not in _fields(model) and fills_itself(operation)
    return kind in (migrations.AddIndex, migrations.RemoveIndex)


def _fields(model: Any) -> dict[str, Any]:
    return {name.lower(): field for name, field in dict(model.fields).items()}


def fills_itself(operation: Any) -> bool:
    """Whether a row that says nothing of the field gets what an old row would have got."""
    field = operation.field
    if field.many_to_many:
        return True
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return False
    if getattr(field, "db_default", None) is not None and "db_default" in field.deconstruct()[3]:
        return False
    if field.has_default():
        return bool(operation.preserve_default) and not callable(field.default)
    return bool(field.null)


def _is_wider(before: Any, after: Any) -> bool:
    """Whether all rows that fit the earlier field fit the later one, and are written alike."""
    if not _is_alike(before, after, _WORDS | _UNSEEN):
        return False
    longest = (before.max_length, after.max_length)
    shortened = longest[1] is not None and (longest[0] is None or longest[0] > longest[1])
    return not shortened and (after.null or not before.null)


def _is_alike(before: Any, after: Any, apart_from: set[str]) -> bool:
    (_, *old), (_, *new) = before.deconstruct(), after.deconstruct()
    seen = [
        {key: value for key, value in part[2].items() if key not in apart_from}
        for part in (old, new)
    ]
    return bool(old[:2] == new[:2] and seen[0] == seen[1])


def _is_relabelled(before: Mapping[str, Any], operation: Any) -> bool:
    """Whether nothing but words and permissions would be other."""
    after = operation.options
    return all(
        before.get(key) == after.get(key)
        for key in operation.ALTER_OPTION_KEYS
        if key not in _LABELS
    )


def optimized(operations: list[Any], label: str) -> list[Any]:
    """As ``squashmigrations`` does; but nothing goes because it is called elidable."""
    flagged = [each for each in operations if getattr(each, "elidable", False)]
    passing = [each.field for each in operations if not getattr(each, "preserve_default", True)]
    # Django takes an index that is renamed out of them, also where code in between forbids it.
    options = [(each, dict(each.options)) for each in operations if hasattr(each, "options")]
    for each in flagged:
        each.elidable = False
    try:
        found = MigrationOptimizer().optimize(operations, label)
    finally:
        for each in flagged:
            each.elidable = True
        for each, own in options:
            each.options = own
    return [_without_passing_defaults(each, passing) for each in found]


def _without_passing_defaults(operation: Any, passing: Sequence[Any]) -> Any:
    """The optimizer forgets that a default was for existing rows only, and would keep it."""
    if isinstance(operation, migrations.CreateModel):
        if any(field is each for _, field in operation.fields for each in passing):
            fields = [
                (name, _no_default(field) if any(field is each for each in passing) else field)
                for name, field in operation.fields
            ]
            _, _, options = operation.deconstruct()
            return type(operation)(**{**options, "name": operation.name, "fields": fields})
    elif isinstance(operation, (migrations.AddField, migrations.AlterField)):
        forgotten = operation.preserve_default and any(operation.field is each for each in passing)
        if forgotten:
            return type(operation)(operation.model_name, operation.name, operation.field, False)
    return operation


def _no_default(field: Any) -> Any:
    clone = field.clone()
    clone.default = NOT_PROVIDED
    return clone
