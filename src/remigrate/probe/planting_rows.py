"""Makes rows for one table that break no rule of it that can be read.

A part of the probe; see `script` and `planting`.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED

from remigrate.probe import planting_checks, planting_values
from remigrate.probe.planting_tables import Edge
from remigrate.probe.planting_values import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.probe.planting_tables import Row, Table, Unique

ROWS = 2
"""Planted into each table."""
ATTEMPTS = 40
"""Drafts of one row, until one breaks no rule that we can read."""
COMBINATIONS = 4000
"""Of values, tried to satisfy the check constraints of a table."""


class Filler:
    """Makes rows for one table that break no rule we can read."""

    def __init__(
        self,
        table: Table,
        connection: Any,
        seed: int,
        existing: Sequence[Row],
        parents: dict[str, list[Any]],
        *,
        keep: frozenset[str] = frozenset(),
        later: frozenset[str] = frozenset(),
        plain: bool = False,
    ) -> None:
        """parents: what each foreign key may hold. keep: attnames that others refer to. later:
        foreign keys whose parents come later. plain: defaults, NULLs and blanks where possible.
        """
        self.table, self.connection, self.parents = table, connection, parents
        self.later, self.plain = later, plain
        # Not for secrets: the same seed has to give the same rows.
        self.random = random.Random(f"{seed} {table.name}")  # noqa: S311
        self.start = self.random.randrange(1000, 9000)
        self.key = self._first_key(existing)
        self.kept = keep.union(*(unique.attnames for unique in table.uniques))
        self.names = {f.name: f.attname for f in table.fields}
        self.names.update({f.attname: f.attname for f in table.fields})
        self.names["pk"] = table.model._meta.pk.attname
        self.taken = [
            {values for row in existing if (values := self._values(unique, row)) is not None}
            for unique in table.uniques
        ]
        self.absent = {
            f.attname: self.random.choice((None, 0, 1)) if f.null else None for f in table.fields
        }
        self.blank = {f.attname: self.random.choice((None, None, 0, 1)) for f in table.fields}

    def _first_key(self, existing: Sequence[Row]) -> int:
        keys = (
            [row[self.table.model._meta.pk.attname] for row in existing] if self._counts() else []
        )
        return max([key for key in keys if isinstance(key, int)], default=0) + 1

    def _counts(self) -> bool:
        return isinstance(self.table.model._meta.pk, models.AutoField)

    def rows(self) -> list[Row]:
        made: list[Row] = []
        for index in range(ROWS):
            row = self._fitting(index, made)
            for number, unique in enumerate(self.table.uniques):
                values = self._values(unique, row)
                if values is not None:
                    self.taken[number].add(values)
            made.append(row)
        return made

    def _fitting(self, index: int, made: Sequence[Row]) -> Row:
        """The first draft without a fault; or the best one, and the database has the last word."""
        best: Row = {}
        fewest = None
        for attempt in range(ATTEMPTS):
            row = self._draft(index, attempt, made)
            faults = self._faults(row)
            if faults and self.table.checks:
                row, faults = self._repaired(row, index + attempt)
            if not faults:
                return row
            if fewest is None or faults < fewest:
                best, fewest = row, faults
        return best

    def _draft(self, index: int, attempt: int, made: Sequence[Row]) -> Row:
        row: Row = {}
        own: list[Edge] = []
        for field in self.table.fields:
            if field.attname in self.later and not field.null:
                continue
            if field.remote_field is not None:
                edge = _edge_to_self(field, self.table)
                if edge is not None:
                    own.append(edge)
                else:
                    row[field.attname] = self._parent(field, index, attempt)
            elif not self._by_default(field, index):
                row[field.attname] = self._value(field, index, attempt)
        for edge in own:
            older = [older[edge.attname] for older in made]
            row[edge.field.attname] = self._relative(edge, row, older)
        return row

    def _by_default(self, field: Any, index: int) -> bool:
        """Whether the column is left to the database's default."""
        default = getattr(field, "db_default", NOT_PROVIDED)
        return default is not NOT_PROVIDED and index == 1 and field.attname not in self.kept

    def _value(self, field: Any, index: int, attempt: int) -> Any:
        if field.primary_key and self._counts():
            return self.key + index
        free = field.attname not in self.kept
        if free and (self.absent[field.attname] == index or self.plain and field.null):
            return None
        if free and self.plain and field.has_default() and not callable(field.default):
            return field.default
        n = self.start + index + (self.random.randrange(10_000) if attempt else 0)
        if (
            free
            and (self.blank[field.attname] == index or self.plain)
            and self._may_be_blank(field)
        ):
            return ""
        return planting_values.usable(field, n, self.connection)

    def _may_be_blank(self, field: Any) -> bool:
        textual = isinstance(field, (models.CharField, models.TextField))
        return textual and field.blank and not planting_values.choices(field)

    def _parent(self, field: Any, index: int, attempt: int) -> Any:
        options = self.parents[field.attname]
        if field.attname in self.later:
            return None
        if field.null and (not options or self.plain or self.absent[field.attname] == index):
            return None
        if options:
            position = self.random.randrange(len(options)) if attempt else index
            return options[position % len(options)]
        if not field.db_constraint:
            return planting_values.usable(_root(field), self.start + index, self.connection)
        raise Refused(
            f"{field.name}: no row of {field.target_field.model._meta.db_table} to point to"
        )

    def _relative(self, edge: Edge, row: Row, older: list[Any]) -> Any:
        """For a foreign key to its own table: a row made before, nothing, or the row itself."""
        unique = any(edge.field.attname in rule.attnames for rule in self.table.uniques)
        if older and not unique:
            return older[-1]
        return None if edge.field.null else row[edge.attname]

    def _faults(self, row: Row) -> int:
        faults = 0
        for number, unique in enumerate(self.table.uniques):
            values = self._values(unique, row)
            faults += values is not None and values in self.taken[number]
        return faults + sum(self._breaks(check, row) for check in self.table.checks)

    def _breaks(self, condition: Any, row: Row) -> bool:
        return planting_checks.holds(condition, row, self.names) is False

    def _values(self, unique: Unique, row: Row) -> tuple[Any, ...] | None:
        """What may not be there twice; None when the row is outside of the rule."""
        values = tuple(row.get(attname) for attname in unique.attnames)
        if any(attname not in row for attname in unique.attnames):
            return None
        if None in values and not unique.nulls_equal:
            return None
        if unique.condition is not None and self._breaks(unique.condition, row):
            return None
        return tuple(_frozen(value) for value in values)

    def _repaired(self, row: Row, n: int) -> tuple[Row, int]:
        """The row with other values in the fields of check constraints that it breaks."""
        faults = self._faults(row)
        for check in self.table.checks * 2:
            if self._breaks(check, row):
                row, faults = self._mended(row, faults, self._options(check, row, n))
        return row, faults

    def _mended(self, row: Row, faults: int, options: dict[str, list[Any]]) -> tuple[Row, int]:
        best, fewest = row, faults
        for values in itertools.islice(itertools.product(*options.values()), COMBINATIONS):
            other = {**row, **{name: values[place] for place, name in enumerate(options)}}
            faults = self._faults(other)
            if faults < fewest:
                best, fewest = other, faults
            if not fewest:
                break
        return best, fewest

    def _options(self, broken: Any, row: Row, n: int) -> dict[str, list[Any]]:
        """Values to try in the fields of one check constraint; the others have a say in them."""
        paths = [path for path, _ in planting_checks.comparisons(broken)]
        names = {self.names.get(planting_checks.split(path)[0], "") for path in paths}
        options = {name: self._general(name, row, n) for name in sorted(names & set(row))}
        for check in self.table.checks:
            for path, wanted in planting_checks.comparisons(check):
                name = self.names.get(planting_checks.split(path)[0], "")
                if name in options:
                    options[name] += self._wanted(name, path, wanted, row)
        return options

    def _general(self, attname: str, row: Row, n: int) -> list[Any]:
        field = next(field for field in self.table.fields if field.attname == attname)
        values = [row[attname]]
        if field.null and row[attname] is not None:
            values.append(None)
        if field.remote_field is not None:
            return values + self.parents.get(attname, [])[:2]
        if field.primary_key:
            return values
        is_boolean = planting_values.kind(field, self.connection) == "BooleanField"
        choices = [True, False] if is_boolean else planting_values.choices(field)
        return values + (choices or [planting_values.usable(field, n, self.connection)])

    def _wanted(self, attname: str, path: str, wanted: Any, row: Row) -> list[Any]:
        field = next(field for field in self.table.fields if field.attname == attname)
        value = planting_checks.operand(wanted, row, self.names)
        is_given = field.remote_field is not None or field.primary_key
        if is_given or planting_checks.split(path)[1] == "isnull":
            return []
        if value is planting_checks.UNKNOWN or value is None:
            return []
        return planting_checks.near(value)


def _edge_to_self(field: Any, table: Table) -> Edge | None:
    target = field.target_field
    name = target.model._meta.concrete_model._meta.db_table
    return Edge(field, name, target.attname) if name == table.name else None


def _root(field: Any) -> Any:
    """The field at the end of a chain of foreign keys."""
    while field.remote_field is not None:
        field = field.target_field
    return field


def _frozen(value: Any) -> Any:
    """Something to compare by: MySQL takes no notice of case."""
    if isinstance(value, str):
        return value.casefold()
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
