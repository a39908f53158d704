"""A backup that was made, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from remigrate.db.backup import Backup
    from remigrate.db.manifest import Kept, Manifest

    Paint = Callable[[str, str], str]

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def render(found: Backup, paint: Paint, leading: str = "") -> str:
    """What is in it, and how to go back to it. `paint(text, colour)` may colour; `leading` is as
    `call.leading` has it."""
    kept = found.manifest
    lines = [f"{paint(found.folder, 'bold')}  {sized(sum(file.size for file in kept.files))}"]
    for database in kept.databases:
        lines.append(f"  {paint('✓', 'green')} {_database(database, kept)}")
    if kept.folders is not None:
        folders = counted(len(kept.folders), "folder")
        lines.append(f"  {paint('✓', 'green')} migration files of {folders}")
    lines.append(f"To go back to it: remigrate db restore {found.folder}{visible(leading)}")
    return "".join(f"{line}\n" for line in lines)


def _database(found: Kept, kept: Manifest) -> str:
    parts = ", ".join(_parts(found, kept)) or "no table django_migrations"
    return f"{visible(found.alias)}  {visible(found.place)}: {parts}"


def _parts(found: Kept, kept: Manifest) -> Iterable[str]:
    sizes = {file.path: file.size for file in kept.files}
    if found.rows:
        yield "rows of django_migrations"
    if found.dump:
        yield f"dump of {sized(sizes[found.dump])} by {visible(found.tool or '')}"


def sized(size: int) -> str:
    """As in ``1.4 MiB``."""
    number, unit = float(size), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {_UNITS[unit]}" if unit else f"{size:,} bytes"
