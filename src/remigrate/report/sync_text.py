"""What came of ``db sync``, for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.db_text import title
from remigrate.report.escape import visible
from remigrate.report.words import counted, cut, dotted, going_back, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from remigrate.db.alignment import Verdict
    from remigrate.db.sync import Synced

    Paint = Callable[[str, str], str]


_WAYS = (
    "Where the database lacks something, go back to files that build what is there, or let",
    "`migrate` build it. Where it has more, remove it, or step back with the files that made it:",
    "remigrate db status --since REV. --app LABEL leaves other apps out; --accept-differences",
    "writes all the same.",
)


_BY_HAND = (
    "What is lacking: bring it back from a backup, or go back to files that build what is there,",
    "and let `migrate` go on from them. A table that is there too early, as after half a",
    "migration: drop it if its rows are not needed, and `migrate` makes it.",
)


def render(found: Sequence[Synced], paint: Paint, verbose: bool = False, leading: str = "") -> str:
    """A block for each database. `paint(text, colour)` may colour; `leading` is as `call.leading`
    has it."""
    if not found:
        return "the settings name no database\n"
    page = _Page(paint, verbose, leading)
    return "\n".join("".join(f"{line}\n" for line in page.database(each)) for each in found)


class _Page:
    def __init__(self, paint: Paint, verbose: bool, leading: str) -> None:
        self._paint, self._verbose, self._leading = paint, verbose, leading

    def database(self, found: Synced) -> Iterable[str]:
        database = found.database
        yield title(database.alias, database.server, database.place, self._paint)
        if found.state == "missing":
            yield self._line("!", "yellow", "there is no such database yet; `migrate` makes it")
            return
        if found.state == "failed" and not found.verdicts:
            yield self._line("✗", "red", f"it could not be read: {visible(found.why)}")
            return
        if found.why and found.state == "refused":
            why = f"the migrations on disk cannot be run: {visible(found.why)}"
            yield self._line("✗", "red", why)
            return
        for verdict in found.verdicts:
            yield from self._app(verdict)
        yield from self._ending(found)

    def _app(self, verdict: Verdict) -> Iterable[str]:
        names = visible(listed(verdict.labels))
        place = f"is at {visible(dotted(verdict.reached))}" if verdict.reached else "has nothing"
        if verdict.differences:
            yield self._line("✗", "red", f"{names}: the tables are not what its migrations build")
            yield from (f"      {visible(text)}" for text in verdict.differences)
        elif verdict.unlike:
            said = f"{names}: the rows are in order, and the tables are not what they say"
            yield self._line("✗", "red", said)
            yield from (f"      {visible(text)}" for text in verdict.unlike)
        elif verdict.changes or verdict.is_open:
            yield f"  {self._paint(names, 'bold')}  {place}, as the tables show"
        elif verdict.warnings:
            yield self._line("!", "yellow", f"{names}: nothing is changed, but")
        yield from (self._line("✗", "red", visible(text)) for text in verdict.refused)
        for text in verdict.questions:
            what, _, answer = text.partition(". If ")
            yield self._line("?", "yellow", f"{visible(what)}.")
            yield f"      If {visible(answer)}"
        if not verdict.differences:
            yield from self._rows("+", "green", map(dotted, verdict.insert))
            gone = (f"{dotted(row.name)}  (row {row.id})" for row in verdict.delete)
            yield from self._rows("-", "red", gone)
        yield from (f"    ! {visible(text)}" for text in verdict.warnings)

    def _rows(self, sign: str, color: str, names: Iterable[str]) -> Iterable[str]:
        found = [visible(name) for name in names]
        shown, rest = cut(found, self._verbose)
        yield from (f"    {self._paint(f'{sign} {name}', color)}" for name in shown)
        yield from (f"    {sign} {words}" for words in rest)

    def _ending(self, found: Synced) -> Iterable[str]:
        come = sum(len(each.insert) for each in found.verdicts)
        gone = sum(len(each.delete) for each in found.verdicts)
        rows = f"{counted(come, 'row')} to insert, {counted(gone, 'row')} to delete"
        if found.state == "right":
            yield self._line("✓", "green", "the rows say what the tables show")
        elif found.state == "differs":
            yield self._line("✗", "red", "no row would put that right; nothing is changed")
            yield from (f"      {line}" for line in _BY_HAND)
        elif found.state == "planned":
            yield self._line("!", "yellow", f"{rows}; --apply writes them")
        elif found.state == "refused":
            yield self._line("✗", "red", "nothing is written while this is open")
            yield from self._ways_out(found)
        elif found.state == "done":
            yield self._line("✓", "green", "somebody else has just written these rows")
        elif found.state == "failed":
            yield self._line("✗", "red", f"nothing was written: {visible(found.why)}")
            yield "      Run it again."
        elif found.state == "unknown":
            why = f"nobody knows whether it was written: {visible(found.why)}"
            yield self._line("✗", "red", why)
            yield "      All of it was, or nothing. Once the server is back: remigrate db status"
        else:
            yield self._line("✓", "green", f"{counted(come, 'row')} inserted, {gone:,} deleted")
        if found.backup and found.state in ("written", "unknown"):
            yield f"      To undo it: {going_back(found.backup, ['rows'], self._leading)}"

    def _ways_out(self, found: Synced) -> Iterable[str]:
        if any(each.differences for each in found.verdicts):
            yield from (f"      {line}" for line in _WAYS)

    def _line(self, sign: str, color: str, text: str) -> str:
        return f"  {self._paint(sign, color)} {text}"
