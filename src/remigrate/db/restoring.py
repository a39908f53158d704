"""Has the probe write into one of the project's databases, and says readably why it did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remigrate import runtime
from remigrate.errors import EnvironmentFailure
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.db.reached import Reached, Row
    from remigrate.db.tools import Ground

PARTS = ("scratch", "live", "recorded", "swapping", "restoring")
"""Of the probe, in the order in which they import each other."""
_WAYS = {
    "busy": "Nothing was changed. Run it again when whoever holds it (a migrate, an open "
    "transaction, a dump) is done.",
    "other": "Nothing was changed, unless the server went away while it was asked to keep it: "
    "without --apply the same command tells.",
}


def rows(on: Ground, database: Reached, wanted: Sequence[Row]) -> tuple[int, int]:
    """Have django_migrations hold these rows; how many were deleted, and how many inserted."""
    found = _ask(on, "rows", database, {"rows": wanted})
    return int(found["deleted"]), int(found["inserted"])


def make_room(on: Ground, database: Reached, name: str, way: str) -> None:
    """Make an empty database beside it, of MySQL or MariaDB; `way` is another way."""
    _ask(on, "room", database, {"name": name}, way)


def swap(on: Ground, database: Reached, name: str, way: str) -> None:
    """Put the tables of that one in the place of all that are here."""
    _ask(on, "swap", database, {"name": name}, way)


def drop_room(on: Ground, database: Reached, name: str) -> None:
    """Drop what `make_room` made."""
    _ask(on, "drop", database, {"name": name})


def _ask(
    on: Ground,
    command: str,
    database: Reached,
    about: dict[str, Any],
    way: str = "Nothing was changed.",
) -> dict[str, Any]:
    """Raises `EnvironmentFailure` where it was not done."""
    asked = {"alias": database.alias, "patience": on.patience, **about}
    found = runtime.ask(on.there, command, View(), PARTS, asked, databases="own")
    if found.get("failed"):
        raise EnvironmentFailure(
            f"the database {database.alias} ({database.place}) was not restored: {found['failed']}",
            {**_WAYS, "refused": way}.get(str(found.get("kind")), _WAYS["other"]),
        )
    return found
