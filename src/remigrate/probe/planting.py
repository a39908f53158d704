"""Puts rows into every table of a database, so that an upgrade check sees real rows.

``plant(connection, apps, seed)`` asks the models of a historical project state (``state.apps``) and
nothing else of the project. Two rows go into each table of a managed model and into each automatic
table of a many-to-many field: parents first, each table in a savepoint of its own. What the
database or a field refuses is left alone, and said. No ``save()``, no signal, no storage is asked.
"""

from __future__ import annotations

import itertools
import types
from typing import TYPE_CHECKING, Any

from django.core.management.color import no_style
from django.db import Error, models, transaction
from django.db.models import sql
from django.db.models.query import QuerySet

from remigrate.probe import planting_rows, planting_tables, planting_values
from remigrate.probe.planting_values import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from remigrate.probe.planting_tables import Edge, Row

READ = 1000
"""Existing rows of a table that are looked at, the newest first."""
TOGETHER = 100
"""Tables asked about in one query: SQLite takes 500, shorter statements are read faster."""


def plant(
    connection: Any, apps: Any, seed: int = 0, sparing: str = ""
) -> dict[str, dict[str, Any]]:
    """Two different rows for every table: how many each one got, and why others got none.

    The same seed gives the same rows. Rows that are there already are left as they are, and serve
    as parents. `sparing`: why tables that have rows get no others. Everything is in one
    transaction.
    """
    with transaction.atomic(using=connection.alias):
        planting = _Planting(connection, apps, seed)
        planting.run(sparing)
    return {"planted": planting.planted, "left": planting.left}


class _Planting:
    """One run over a database."""

    def __init__(self, connection: Any, apps: Any, seed: int) -> None:
        self.connection, self.seed = connection, seed
        self.planted: dict[str, int] = {}
        self.left: dict[str, str] = {}
        self.present = set(connection.introspection.table_names())
        self.tables = planting_tables.tables(connection, apps)
        self.edges = {name: planting_tables.edges(table) for name, table in self.tables.items()}
        self.referred: dict[str, set[str]] = {}
        for edge in itertools.chain.from_iterable(self.edges.values()):
            self.referred.setdefault(edge.table, set()).add(edge.attname)
        self.models = {
            edge.table: edge.field.target_field.model._meta.concrete_model
            for edge in itertools.chain.from_iterable(self.edges.values())
        }
        self.known: dict[str, list[Row]] = {}
        self.existing: dict[str, list[Row]] = {}
        self.filled: set[str] = set()

    def run(self, sparing: str) -> None:
        self._leave_absent()
        self.filled = self._with_rows()
        if sparing:
            self.left.update(dict.fromkeys(self.filled & set(self.tables), sparing))
        if self.connection.vendor == "postgresql":
            # Else a row that points nowhere would only be refused at the end, with all the others.
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        wanted = [name for name in self.tables if name not in self.left]
        for names in planting_tables.order(wanted, self.edges):
            self._plant(names)
        self._point_later()
        self._move_sequences()
        for name in sorted(self.present - set(self.tables) - {"django_migrations"}):
            self.left[name] = "no managed model of this state has this table"

    def _leave_absent(self) -> None:
        for name in self.tables:
            # A quoted name may hold a schema; the insertion will tell.
            if name not in self.present and '"' not in name and "." not in name:
                self.left[name] = "the database has no such table"

    def _execute(self, statement: str, values: Sequence[Any] | None = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _with_rows(self) -> set[str]:
        """Tables that are not empty."""
        names = sorted(self.present & (set(self.tables) | set(self.models)))
        quote = self.connection.ops.quote_name
        found: set[str] = set()
        for first in range(0, len(names), TOGETHER):
            asked = names[first : first + TOGETHER]
            statement = " UNION ALL ".join(
                f"SELECT {number}, EXISTS(SELECT 1 FROM {quote(name)})"  # noqa: S608 # names, quoted
                for number, name in enumerate(asked)
            )
            found.update(asked[number] for number, some in self._execute(statement) if some)
        return found

    def _existing(self, name: str, model: Any, attnames: Iterable[str]) -> list[Row]:
        if name not in self.filled:
            return []
        columns = sorted({*planting_tables.key(model), *attnames})
        rows = QuerySet(model, using=self.connection.alias).order_by("-pk")
        return [
            {attname: values[place] for place, attname in enumerate(columns)}
            for values in rows.values_list(*columns)[:READ]
        ]

    def _rows_of(self, name: str) -> list[Row]:
        """Rows to point to: those planted, then those that were there."""
        if name not in self.known:
            model = self.models[name]
            self.known[name] = self._existing(name, model, self.referred[name])
        return self.known[name]

    def _plant(self, names: list[str]) -> None:
        """One table, or several that cannot be without each other. Twice, and the second time with
        plainer rows; then row by row, for where there is room for one only.
        """
        reason = ""
        for plain, single in ((False, False), (True, False), (False, True)):
            try:
                with transaction.atomic(using=self.connection.alias):
                    made = self._made(names, plain=plain)
                    if single:
                        made = {name: rows[:1] for name, rows in made.items()}
                    self._insert(made)
            except Exception as error:  # noqa: BLE001 # also what the project's fields raise
                reason = reason or planting_values.reason(error)
            else:
                for name, rows in made.items():
                    self.planted[name] = len(rows)
                    self.known[name] = rows + self.existing[name]
                return
        self.left.update(dict.fromkeys(names, reason))

    def _made(self, names: list[str], *, plain: bool) -> dict[str, list[Row]]:
        if len(names) > 1 and not self.connection.features.can_defer_constraint_checks:
            raise Refused(
                f"foreign keys in a circle ({', '.join(names)}), and this database checks them"
                " row by row"
            )
        self.existing.clear()
        made = {name: self._filler(name, names, plain=plain).rows() for name in names}
        for name in names:
            for edge in self.edges[name]:
                if edge.table in names and edge.table != name and not edge.soft:
                    for index, row in enumerate(made[name]):
                        row[edge.field.attname] = made[edge.table][index][edge.attname]
        return made

    def _filler(self, name: str, names: list[str], *, plain: bool) -> planting_rows.Filler:
        table = self.tables[name]
        kept = frozenset(self.referred.get(name, ()))
        ruled = itertools.chain.from_iterable(unique.attnames for unique in table.uniques)
        self.existing[name] = self._existing(name, table.model, {*kept, *ruled})
        parents: dict[str, list[Any]] = {}
        later = set()
        for edge in self.edges[name]:
            if edge.table == name:
                continue
            if self._is_pending(edge) and (edge.field.null or edge.table in names):
                later.add(edge.field.attname)
            parents[edge.field.attname] = self._values_of(edge)
        return planting_rows.Filler(
            table,
            self.connection,
            self.seed,
            self.existing[name],
            parents,
            keep=kept,
            later=frozenset(later),
            plain=plain,
        )

    def _is_pending(self, edge: Edge) -> bool:
        done = edge.table in self.planted or edge.table in self.left
        return edge.table in self.tables and not done

    def _values_of(self, edge: Edge) -> list[Any]:
        values = [row.get(edge.attname) for row in self._rows_of(edge.table)]
        return [value for value in values if value is not None]

    def _insert(self, made: dict[str, list[Row]]) -> None:
        postgresql = self.connection.vendor == "postgresql"
        before = {name: self._violations(name) for name in made if name in self.filled}
        if postgresql and len(made) > 1:
            self._execute("SET CONSTRAINTS ALL DEFERRED")
        for name, rows in made.items():
            for fields, batch in itertools.groupby(rows, self._filled_in(name)):
                self._insert_rows(self.tables[name].model, fields, list(batch))
        if postgresql and len(made) > 1:
            self._execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in made:
            if self._violations(name) > before.get(name, 0):
                raise Refused("a foreign key that the state does not know points to no row")

    def _filled_in(self, name: str) -> Callable[[Row], tuple[Any, ...]]:
        """The fields of a table that a row gives a value to."""
        fields = self.tables[name].fields
        return lambda row: tuple(field for field in fields if field.attname in row)

    def _insert_rows(self, model: Any, fields: Sequence[Any], rows: list[Row]) -> None:
        # Not through instances: those send signals, and a project's receivers listen to any model.
        values = [types.SimpleNamespace(**row) for row in rows]
        size = max(1, self.connection.ops.bulk_batch_size(fields, values))
        for first in range(0, len(values), size):
            query = sql.InsertQuery(model)
            query.insert_values(fields, values[first : first + size], raw=True)
            query.get_compiler(connection=self.connection).execute_sql()

    def _violations(self, name: str) -> int:
        """Foreign keys of a table that point nowhere. SQLite would tell at the commit only."""
        if self.connection.vendor != "sqlite":
            return 0
        quoted = self.connection.ops.quote_name(name)
        return len(self._execute(f"PRAGMA foreign_key_check({quoted})"))

    def _point_later(self) -> None:
        """Fill the foreign keys whose parents came later, in one of the rows."""
        for name, edges in self.edges.items():
            for edge in edges:
                if name in self.planted and edge.field.null and edge.table in self.planted:
                    self._point(name, edge)

    def _point(self, name: str, edge: Edge) -> None:
        rows = self.known[name][: self.planted[name]]
        parents = self._values_of(edge)
        if not parents or any(row.get(edge.field.attname) is not None for row in rows):
            return
        try:
            with transaction.atomic(using=self.connection.alias):
                self._update(name, rows[-1], edge.field, parents[(len(rows) - 1) % len(parents)])
        except Error:
            return  # A rule of the table wants the NULL that is there.

    def _update(self, name: str, row: Row, field: Any, value: Any) -> None:
        quote = self.connection.ops.quote_name
        model = self.tables[name].model
        key = [model._meta.get_field(attname) for attname in planting_tables.key(model)]
        prepared = [
            each.get_db_prep_save(found, connection=self.connection)
            for each, found in [(field, value), *((part, row[part.attname]) for part in key)]
        ]
        where = " AND ".join(f"{quote(part.column)} = %s" for part in key)
        self._execute(
            f"UPDATE {quote(name)} SET {quote(field.column)} = %s WHERE {where}",  # noqa: S608
            prepared,
        )

    def _move_sequences(self) -> None:
        """Automatic keys were given: the database's own counters go on after them."""
        counted = [
            table.model
            for name, table in self.tables.items()
            if name in self.planted and isinstance(table.model._meta.pk, models.AutoField)
        ]
        statements = self.connection.ops.sequence_reset_sql(no_style(), counted)
        if statements:
            self._execute("\n".join(statements))
