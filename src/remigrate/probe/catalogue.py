"""Reads the schema of a database from the database's own catalogues.

Django's introspection is not asked: it forgets what Django did not write. An object is
{"kind", "table", "name", "definition"}. What is not there is not in a definition, either.

    kind        table, column, constraint, index, trigger, view, sequence, function, type,
                extension, schema, policy, event, …
    table       whose it is; null where it belongs to none
    name        empty for a constraint that has none
    definition  never contains the object's own name. "text" is the part that a person reads;
                of a table: "form" and "columns" in their order; of a column: "automatic" where
                the database counts it up; of a constraint: "type", "columns" and, of a foreign
                key, "to" and "to_columns"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remigrate.probe import catalogue_mysql, catalogue_postgresql, catalogue_sqlite

if TYPE_CHECKING:
    Object = dict[str, Any]

BOOKKEEPING = "django_migrations"
"""Django's own list of what is applied: another history has other rows there."""
_READERS = {
    "sqlite": catalogue_sqlite,
    "postgresql": catalogue_postgresql,
    "mysql": catalogue_mysql,
}


def schema(connection: Any) -> dict[str, Any]:
    """Everything in the database of `connection`, but for django_migrations."""
    reader: Any = _READERS[connection.vendor]
    with connection.cursor() as cursor:
        version = reader.version(cursor)
        found = reader.objects(cursor)
    kept = [item for item in found if not _bookkeeping(item)]
    return {"vendor": connection.vendor, "version": version, "objects": kept}


def _bookkeeping(item: Object) -> bool:
    return BOOKKEEPING in (item["table"], item["name"])
