"""Lets hand-written code wait for all that an empty database shows it nothing of.

A part of the probe; see `script`. What has landed will only ever run on databases that are made
anew. There, code that filled no row of a table does not care how that table looks, as long as it
names nothing that is not there. So it may run later, and the changes of models before it come
together, where Django's optimizer makes one of them. Whether that was right is for the proof to
say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations

from remigrate.probe import folding, sight, states

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_ADDED = (migrations.AddIndex, migrations.AddConstraint)
_OF_INDEXES = (*_ADDED, migrations.RemoveIndex, migrations.RemoveConstraint)
_OF_TABLES = (migrations.RenameModel, migrations.DeleteModel, migrations.AlterModelTable)
_TAKING = (migrations.RenameField, migrations.RemoveField)
_GIVING = (migrations.AddField, migrations.AlterField)
_OF_WORDS = (migrations.AlterModelOptions, migrations.AlterModelManagers)
_MOVING = (
    *(migrations.CreateModel, migrations.AlterUniqueTogether),
    *(*_OF_INDEXES, *_OF_TABLES, *_TAKING, *_GIVING, *_OF_WORDS),
)


class Waiting(folding.Passable):
    """A hand-written operation that lets pass what an empty database shows it nothing of."""

    def __init__(self, operation: Any, models: Mapping[Any, Any], tables: Collection[str]) -> None:
        """`tables`: those that it wrote to when an empty database was migrated."""
        super().__init__(operation, models)
        self._tables = {table.lower() for table in tables}
        self._words = set() if self._far == sight.NOTHING_KNOWN else sight.words(operation.code)

    def reduce(self, operation: Any, app_label: str) -> bool:
        """As the optimizer asks it."""
        if type(operation) not in _MOVING:
            return False
        model = self._models.get((app_label, _model(operation)))
        if model is None or self._far == sight.NOTHING_KNOWN:
            return model is None
        table = states.table(app_label, model.name, model.options)
        named = bool(self._words & {model.name.lower(), table})
        return super().reduce(operation, app_label) or self._lets(
            operation, named, table in self._tables
        )

    def _lets(self, operation: Any, named: bool, wrote: bool) -> bool:
        """`named`: the code knows the model; `wrote`: it wrote rows of it."""
        kind = type(operation)
        if kind in _OF_TABLES or kind in _OF_WORDS:
            return not named and not wrote
        if kind in _TAKING:
            return not (named and _name(operation) in self._words)
        if kind is migrations.AddField:
            return not wrote or folding.fills_itself(operation)
        if kind is migrations.AlterField:
            # SQL may stand there for a database of another kind.
            in_sql = self._far == sight.DATABASE and named and _name(operation) in self._words
            return not wrote and not in_sql
        return kind in _OF_INDEXES or kind is migrations.AlterUniqueTogether


def gathered(operations: Iterable[Any], label: str) -> list[Any]:
    """The operations, each of Django's own beside the one that it can become a part of, or else
    before the first code that waits for it."""
    found: list[Any] = []
    for each in operations:
        at = place = len(found)
        while at and _may_pass(each, found[at - 1], label):
            at -= 1
            if isinstance(found[at], Waiting):
                place = at
        if at and isinstance(found[at - 1].reduce(each, label), list):
            place = at
        found.insert(place, each)
    return found


def _may_pass(operation: Any, other: Any, label: str) -> bool:
    """Whether one of Django's own operations may come before the `other` that it follows."""
    kind, before = type(operation), type(other)
    if kind not in _MOVING:
        return False
    if before not in _MOVING:
        return other.reduce(operation, label) is True
    if before in _OF_INDEXES:  # the optimizer looks through these nowhere
        return _may_pass_index(operation, other, label)
    if kind in _OF_INDEXES:
        return not other.references_model(_model(operation), label)
    if _model(operation) == _model(other) and (kind in _OF_WORDS) != (before in _OF_WORDS):
        return kind in (*_TAKING, *_GIVING) or before in (*_TAKING, *_GIVING)
    if kind in _OF_TABLES and other.references_model(_model(operation), label):
        return False
    if kind in _TAKING and other.references_field(_model(operation), _name(operation), label):
        return False
    return other.reduce(operation, label) is True


def _may_pass_index(operation: Any, other: Any, label: str) -> bool:
    same = _model(operation) == _model(other)
    if type(operation) in _OF_INDEXES:
        return not same or _index(operation) != _index(other)
    if same:
        return type(operation) in _GIVING and type(other) in _ADDED
    return not operation.references_model(other.model_name, label)


def _index(operation: Any) -> str:
    """The name of the index or constraint that it adds or removes."""
    made = getattr(operation, "index", None) or getattr(operation, "constraint", operation)
    return str(made.name)


def _model(operation: Any) -> str:
    """The model that it changes, by the name that this had before."""
    return str(getattr(operation, "model_name", None) or _name(operation)).lower()


def _name(operation: Any) -> str:
    """What it changes, by the name that this had before."""
    return str(getattr(operation, "old_name", None) or getattr(operation, "name", "")).lower()
