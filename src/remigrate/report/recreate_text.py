"""What would become of a database that is made anew, and what has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.db_text import on_alias, title
from remigrate.report.escape import visible
from remigrate.report.words import counted, cut, going_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from remigrate.db.recreate import Done, Found

    Paint = Callable[[str, str], str]

SHOWN = 5
"""Tables that are named: those with the most rows."""


def would(found: Found, paint: Paint, verbose: bool = False) -> str:
    """What would go, and how to have it done."""
    lines = [_head(found, paint), *_contents(found, paint, verbose)]
    first = "It would be made" if found.missing else "It would be dropped and made anew"
    lines.append(f"  {first}, and then: migrate ({counted(found.plan, 'migration')})")
    lines += ["", f"{paint('Nothing was done.', 'bold')} To do it, add --apply"]
    return "".join(f"{line}\n" for line in lines)


def done(found: Found, what: Done, paint: Paint, cwd: str, leading: str = "") -> str:
    """What was done, and what comes next for somebody in the folder `cwd`; `leading` is as
    `call.leading` has it."""
    made = "made" if found.missing else "dropped and made anew"
    lines = [_head(found, paint), f"  {paint('✓', 'green')} {made}, and migrated:"]
    lines += [f"  {paint('|', 'dim')} {line}" for line in what.said.splitlines()]
    if what.backup:
        lines.append(f"What was there before: {going_back(what.backup, ['dump'], leading)}")
    if found.has_users:
        command = found.place.typed("createsuperuser", *on_alias(found.alias))
        words = visible(" && ".join([*found.place.entered(cwd), command]))
        lines.append(f"Its users are gone, too. Next: {words}")
    return "".join(f"{line}\n" for line in lines)


def _head(found: Found, paint: Paint) -> str:
    return title(found.alias, found.server, found.where, paint)


def _contents(found: Found, paint: Paint, verbose: bool) -> Iterable[str]:
    if found.missing:
        yield "  there is no such database yet"
        return
    if found.tables is None:
        yield f"  {paint('!', 'yellow')} what is in it could not be read, and would be gone"
        return
    tables = sorted(found.tables, key=lambda each: (-each[1], each[0]))
    rows = sum(rows for _, rows in tables)
    about = f"more than {rows:,} rows" if found.is_more else counted(rows, "row")
    noun = counted(len(tables), "table")
    yield f"  {paint('!', 'yellow')} {noun} with {about} would be gone" + ":" * bool(rows)
    filled = [f"{visible(name)}  {count:,}" for name, count in tables if count]
    shown, rest = cut(filled, verbose, SHOWN)
    yield from (f"      {line}" for line in (*shown, *rest))
