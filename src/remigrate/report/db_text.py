"""How databases stand to their migrations, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted, cut, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from remigrate.db.flow import Database, Return
    from remigrate.db.standing import Lag, Name, Row

    Paint = Callable[[str, str], str]


def render(databases: Sequence[Database], paint: Paint, verbose: bool = False) -> str:
    """A block for each database, what is wrong first. `paint(text, colour)` may colour."""
    if not databases:
        return "the settings name no database\n"
    page = _Page(paint, verbose)
    return "\n".join("".join(f"{line}\n" for line in page.database(each)) for each in databases)


def title(alias: str, server: str, place: str, paint: Paint) -> str:
    """Which database it is."""
    kind = f"{server}, " if server else ""
    return f"{paint(visible(alias), 'bold')}  {kind}{visible(place)}"


def on_alias(alias: str) -> tuple[str, ...]:
    """The words for it that Django's commands know."""
    return () if alias == "default" else ("--database", alias)


def way_back(found: Return | None, paint: Paint, cwd: str) -> str:
    """The commands that unapply what has no file any more, for somebody in that folder; empty where
    there is nothing to do."""
    if found is None:
        return ""
    lines = [f"git switch --detach {found.commit[:12]}", *map(visible, found.there.entered(cwd))]
    for alias, step in found.steps:
        words = ["migrate", step.label, step.target, *on_alias(alias)]
        lines.append(visible(found.there.typed(*words)))
    lines += ["git switch -", visible(found.there.typed("migrate"))]
    title = paint("To step back from the ghosts, where their files still are", "bold")
    return f"\n{title}\n" + "".join(f"  {line}\n" for line in lines)


class _Page:
    def __init__(self, paint: Paint, verbose: bool) -> None:
        self._paint, self._verbose = paint, verbose

    def database(self, found: Database) -> Iterable[str]:
        yield title(found.alias, found.server, found.place, self._paint)
        if found.missing:
            yield self._line("!", "yellow", "there is no such database yet; `migrate` makes it")
            return
        if found.failed:
            yield self._line("✗", "red", f"it could not be read: {visible(found.failed)}")
            return
        yield from self._wrong(found)
        yield from self._rest(found)

    def _wrong(self, found: Database) -> Iterable[str]:
        standing = found.standing
        yield from self._kind(
            "✗", "red", "out of order", map(_before, standing.out_of_order),
            "applied before what it depends on; Django calls it InconsistentMigrationHistory. "
            "remigrate db sync tells which rows are wrong",
        )  # fmt: skip
        yield from self._kind(
            "✗", "red", "ghost", map(_row, standing.ghosts),
            "applied, and its file is gone: get it back, step back with it (--since REV says how), "
            "or where its work is to stay: remigrate db sync",
        )  # fmt: skip
        stuck = [lag for lag in standing.lagging if lag.gone]
        yield from self._kind(
            "✗", "red", "lagging squash", map(_lag, stuck),
            "deploy the commit first that still has the files of what is missing",
        )  # fmt: skip
        if found.conflict and not standing.out_of_order:
            yield self._line("✗", "red", f"`migrate` does not start: {visible(found.conflict)}")

    def _rest(self, found: Database) -> Iterable[str]:
        standing = found.standing
        going_on = [lag for lag in standing.lagging if not lag.gone]
        yield from self._kind(
            "!", "yellow", "squash in part", map(_lag, going_on),
            "`migrate` goes through what it replaces",
        )  # fmt: skip
        yield from self._kind("!", "yellow", "pending", map(dotted, found.pending), "`migrate`")
        if not found.is_wrong:
            yield self._line("✓", "green", f"{len(standing.applied):,} applied")
        else:
            yield self._line(" ", "dim", f"{len(standing.applied):,} applied")
        for words, rows in (
            ("replaced by a squash that is applied", standing.replaced),
            ("of apps that are not installed", standing.foreign),
        ):
            if rows:
                said = f"{counted(len(rows), 'row')} {words}: in nobody's way"
                yield self._line(" ", "dim", said)
                if self._verbose:
                    yield from (f"      {_row(row)}" for row in rows)

    def _kind(
        self, sign: str, color: str, noun: str, names: Iterable[str], way: str
    ) -> Iterable[str]:
        listed = [visible(name) for name in names]
        if not listed:
            return
        plural = noun if noun in ("pending", "out of order") else ""
        title = f"{len(listed):,} {plural}" if plural else counted(len(listed), noun)
        yield self._line(sign, color, f"{title}: {way}")
        shown, rest = cut(listed, self._verbose)
        yield from (f"      {name}" for name in (*shown, *rest))

    def _line(self, sign: str, color: str, text: str) -> str:
        return f"  {self._paint(sign, color)} {text}"


def _row(row: Row) -> str:
    return f"{dotted(row.name)}  (row {row.id}, {row.applied[:19]})"


def _before(pair: tuple[Name, Name]) -> str:
    applied, needed = map(dotted, pair)
    return f"{applied} is applied, {needed} is not"


def _lag(lag: Lag) -> str:
    more = f" and {len(lag.missing) - 1} more" if len(lag.missing) > 1 else ""
    return f"{dotted(lag.squash)} lacks {dotted(lag.missing[0])}{more}"
