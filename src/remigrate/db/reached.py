"""The project's databases as a backup finds them: rows, and the way that a vendor's tool takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import errors, runtime
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PARTS = ("scratch", "live", "recorded", "reaching")
"""Of the probe, in the order in which they import each other."""

Row = tuple[int, str, str, str | None]
"""(id, app, name, applied) of django_migrations, as the probe's `recorded` has them."""


class Reached(NamedTuple):
    """One alias. Holds a password: it is not to be shown."""

    alias: str
    vendor: str
    version: str
    """Of the server."""
    place: str
    """Where it is, without user and password."""
    missing: bool
    """Whether there is no such SQLite file."""
    rows: tuple[Row, ...] | None
    """None without the table."""
    name: str
    """What the server calls it."""
    path: str
    """Of SQLite's file, where the project's interpreter is."""
    host: str
    port: str
    user: str
    password: str
    options: Mapping[str, Any]
    variables: Mapping[str, str | None]
    """What the project's environment has of all those that lead PostgreSQL's client."""
    encrypted: bool | None
    """Whether the project's own connection is; None where that was not asked."""
    pooled: bool | None
    """Whether a pool such as PgBouncer is between; None where that was not asked."""

    @property
    def is_mariadb(self) -> bool:
        """And not MySQL, which Django calls it."""
        return is_mariadb(self.version)

    @property
    def server(self) -> str:
        """Vendor and version, as in ``postgresql 15.18``."""
        return f"{self.vendor} {self.version}".strip()


def is_mariadb(version: str) -> bool:
    """Whether a server, or a program, that says this of itself is MariaDB's."""
    return "mariadb" in version.lower()


def ask(there: runtime.Place, aliases: Collection[str]) -> tuple[Reached, ...]:
    """How each database is reached; of all aliases when none is named.

    Raises `UsageFailure` for an alias that the settings do not have, and `EnvironmentFailure` where
    one of the databases cannot be read.
    """
    asked = {"aliases": list(aliases)}
    answer = runtime.ask(there, "reach", View(), PARTS, asked, databases="own")
    known, found = runtime.demand_shape(_read, answer)
    demand_known(known, aliases)
    for each, failed in found:
        if failed:
            raise errors.EnvironmentFailure(
                f"the database {each.alias} ({each.place}) cannot be read: {failed}",
                "Have it answer with what the settings say of it, or name the others: --alias.",
            )
    return tuple(each for each, _ in found)


def demand_known(known: Collection[str], aliases: Collection[str]) -> None:
    """Raise `UsageFailure` where one of the aliases is not known."""
    unknown = sorted(set(aliases) - set(known))
    if unknown:
        raise errors.UsageFailure(
            f"the settings have no database {', '.join(unknown)}",
            f"They have: {', '.join(known)}.",
        )


def _read(data: dict[str, Any]) -> tuple[list[str], list[tuple[Reached, str]]]:
    found = [(_reached(each), str(each["failed"])) for each in data["databases"]]
    return [str(each) for each in data["aliases"]], found


def _reached(found: Any) -> Reached:
    words = ("alias", "vendor", "version", "place", "name", "path", "host", "port", "user",
             "password")  # fmt: skip
    rows = found["rows"]
    return Reached(
        **{word: str(found[word]) for word in words},
        missing=bool(found["missing"]),
        rows=None if rows is None else tuple(map(row, rows)),
        options=dict(found["options"]),
        variables={str(name): value and str(value) for name, value in found["variables"].items()},
        encrypted=_known(found["encrypted"]),
        pooled=_known(found["pooled"]),
    )


def _known(found: Any) -> bool | None:
    return None if found is None else bool(found)


def row(found: Any) -> Row:
    """A row out of JSON. Raises `ValueError` or `TypeError` where it is none."""
    id_, app, name, applied = found
    if type(id_) is not int or not all(type(word) is str for word in (app, name)):
        raise TypeError("not a row of django_migrations")
    return id_, app, name, None if applied is None else str(applied)
