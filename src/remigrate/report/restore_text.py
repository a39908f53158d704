"""What restoring a backup did, or would do, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted, cut, going_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from remigrate.db.reached import Row
    from remigrate.db.restore import Change, Restored

    Paint = Callable[[str, str], str]

_SIGNS = {"add": "+", "change": "~", "delete": "-"}


def render(found: Restored, paint: Paint, verbose: bool = False, leading: str = "") -> str:
    """What changes, by database, then by file. `paint(text, colour)` may colour; `leading` is as
    `call.leading` has it."""
    title = f"{visible(found.folder)}  made {found.manifest.made}, every checksum is right"
    lines = [paint(title, "bold")]
    for database in found.databases:
        lines += _database(database, verbose)
    if found.files is not None:
        lines += _section("migration files", [f"{_SIGNS[each.action]} {visible(each.path)}"
                                              for each in found.files], verbose)  # fmt: skip
    lines += _ending(found, leading)
    return "".join(f"{line}\n" for line in lines)


def _database(found: Change, verbose: bool) -> Iterable[str]:
    name = f"{visible(found.alias)}  {visible(found.place)}"
    if found.dump:
        yield f"  {name}: all of it is what the dump holds; what came later is lost"
    if found.rows:
        rows = [*_rows("-", found.deleted), *_rows("+", found.inserted)]
        yield from _section(f"{name}: rows of django_migrations", rows, verbose)


def _rows(sign: str, rows: Sequence[Row]) -> Iterable[str]:
    for id_, app, name, applied in rows:
        yield f"{sign} {visible(app)}.{visible(name)}  (row {id_}, {visible((applied or '')[:19])})"


def _section(title: str, listed: Sequence[str], verbose: bool) -> Iterable[str]:
    if not listed:
        yield f"  {title}: as they were"
        return
    yield f"  {title}: {counted(len(listed), 'change')}"
    shown, rest = cut(listed, verbose)
    yield from (f"      {each}" for each in (*shown, *rest))


def _ending(found: Restored, leading: str) -> Iterable[str]:
    if found.is_nothing:
        yield "Nothing to do: all is as it was."
    elif not found.applied:
        yield "Nothing was changed: --apply does it, after a backup of what is there."
    elif found.undo is None:
        yield "Done. There was nothing there before."
    else:
        parts = ["rows", *(["files"] if found.files else []), "dump"]
        is_dumped = any(each.dump for each in found.databases)
        yield "Done. To go back to what was there before:"
        yield f"  {going_back(found.undo, parts if is_dumped else (), leading)}"
