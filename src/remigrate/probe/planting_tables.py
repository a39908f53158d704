"""The tables of a historical project state, and the order in which rows can be planted.

A part of the probe; see `script` and `planting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models, router

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Row = dict[str, Any]
    """Values by the attname of their field; what is missing is left to the database."""


class Unique(NamedTuple):
    """Fields that may not hold the same values twice."""

    attnames: tuple[str, ...]
    condition: Any = None
    nulls_equal: bool = False


class Table(NamedTuple):
    """A table to plant, as its historical model describes it."""

    name: str
    model: Any
    fields: tuple[Any, ...]
    uniques: tuple[Unique, ...]
    checks: tuple[Any, ...]


class Edge(NamedTuple):
    """A foreign key, and the table and field it points to."""

    field: Any
    table: str
    attname: str

    @property
    def soft(self) -> bool:
        """Whether a row can do without the other one."""
        return bool(self.field.null or not self.field.db_constraint)


def tables(connection: Any, apps: Any) -> dict[str, Table]:
    found: dict[str, Table] = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.can_migrate(connection) and router.allow_migrate_model(
            connection.alias, model
        ):
            found.setdefault(model._meta.db_table, _table(model))
    return found


def _table(model: Any) -> Table:
    options = model._meta
    fields = tuple(f for f in options.local_concrete_fields if not getattr(f, "generated", False))
    checks = [
        # `check` until Django 5.0.
        getattr(constraint, "condition", None) or getattr(constraint, "check", None)
        for constraint in options.constraints
        if isinstance(constraint, models.CheckConstraint)
    ]
    return Table(options.db_table, model, fields, tuple(_uniques(options)), tuple(checks))


def _uniques(options: Any) -> Iterator[Unique]:
    yield Unique(key(options.model))
    for field in options.local_concrete_fields:
        if field.unique and not field.primary_key:
            yield Unique((field.attname,))
    together = [(names, None, False) for names in options.unique_together]
    together += [
        (constraint.fields, constraint.condition, getattr(constraint, "nulls_distinct", 1) is False)
        for constraint in options.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.fields
    ]
    for names, condition, nulls_equal in together:
        attnames = tuple(options.get_field(name).attname for name in names)
        yield Unique(attnames, condition, nulls_equal)


def key(model: Any) -> tuple[str, ...]:
    """The primary key's attnames: several since Django 5.2."""
    fields = getattr(model._meta, "pk_fields", None) or [model._meta.pk]
    return tuple(field.attname for field in fields)


def edges(table: Table) -> list[Edge]:
    edges = []
    for field in table.fields:
        if field.remote_field is not None:
            target = field.target_field
            concrete = target.model._meta.concrete_model
            edges.append(Edge(field, concrete._meta.db_table, target.attname))
    return edges


def order(tables: Iterable[str], edges: dict[str, list[Edge]]) -> list[list[str]]:
    """Tables in groups, parents first. Only tables whose rows cannot do without each other share
    a group; circles are cut at foreign keys that can wait.
    """
    group = {name: [name] for name in tables}
    waits = {
        name: {
            edge.table: edge.soft for edge in sorted(edges[name], key=lambda edge: not edge.soft)
        }
        for name in group
    }
    order: list[list[str]] = []
    done: set[str] = set()
    while len(done) < len(group):
        ready = [
            members
            for name, members in group.items()
            if name == members[0] and name not in done and not _unmet(members, waits, group, done)
        ]
        if not ready:
            _cut(group, waits, done)
        for members in ready:
            order.append(members)
            done.update(members)
    return order


def _unmet(
    members: Sequence[str],
    waits: dict[str, dict[str, bool]],
    group: dict[str, list[str]],
    done: set[str],
) -> list[tuple[str, str]]:
    return [
        (name, target)
        for name in members
        for target in waits[name]
        if target in group and target not in done and target not in members
    ]


def _cut(group: dict[str, list[str]], waits: dict[str, dict[str, bool]], done: set[str]) -> None:
    """Find a circle among what is not done; drop a soft edge of it, or else make it one group."""
    members = next(members for name, members in group.items() if name not in done)
    path: list[list[str]] = []
    steps: list[tuple[str, str]] = []
    while members not in path:
        path.append(members)
        unmet = _unmet(members, waits, group, done)
        # Hard edges first: a circle of hard ones is found while there is any on the way.
        step = min(unmet, key=lambda edge: waits[edge[0]][edge[1]])
        steps.append(step)
        members = group[step[1]]
    start = path.index(members)
    soft = [(name, target) for name, target in steps[start:] if waits[name][target]]
    if soft:
        del waits[soft[0][0]][soft[0][1]]
        return
    merged = [name for members in path[start:] for name in members]
    for name in merged:
        group[name] = merged
