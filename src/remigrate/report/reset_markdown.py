"""A reset as GitHub Markdown, for the body of a pull request.

Everything that may come from the repository goes through `escape`. Parts are chosen by how much
they help, and put in the order in which they are read; what finds no room is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report import reset_words as words
from remigrate.report.escape import cell, code, cut, fence, in_cell, prose, visible, visible_lines
from remigrate.report.markdown import LONGEST_CELL, LONGEST_NAME, RESERVE, Part, Room
from remigrate.report.words import counted

if TYPE_CHECKING:
    from remigrate.outcome import Check, HandWritten, Reset, Verdict

SIGNS: dict[Verdict, str] = {"proved": "✅", "differs": "❌", "failed": "❌", "skipped": "⚠️"}
FOLDED = 15
"""A list longer than this is folded away."""
LONGEST_DIFF = 20_000


def render(reset: Reset, limit: int = 60_000) -> str:
    """Markdown in at most `limit` characters; `limit` is 2,000 or more."""
    top = _top(reset)
    room = Room(limit - RESERVE - len(top))
    # Who may merge it decides by these, in this order.
    proof = room.fill(_proof(reset))
    told = room.fill(_instructions(reset))
    warnings = room.fill(_warnings(reset))
    refused = room.fill(_refused(reset))
    differences = "".join(room.fill(_differences(entry)) for entry in reset.proof)
    apps = room.fill(_apps(reset))
    times = room.fill(_times(reset))
    rest = [_hand_written(reset.left_out, "left out for doing nothing on an empty database"),
            _hand_written(reset.carried, "carried over"), _notes(reset), _idle(reset),
            _files(reset), _diff(reset)]  # fmt: skip
    folded = "".join(map(room.fill, rest))
    read = top + apps + warnings + proof + differences + times + told + refused + folded
    return read + room.told(limit, "remigrate reset --dry-run")


def _top(reset: Reset) -> str:
    outcome, became, proof = words.headline(reset)
    on = f" on base {code(reset.base[: words.SHORT])}" if reset.base else ""
    told = f", {proof}" if proof else ""
    named = code(words.method(reset))
    return f"### {SIGNS[outcome]} {became}\n\nStrategy {named}{on}{told}.\n\n"


def _apps(reset: Reset) -> Part:
    head, how = "| App | Before | After |\n|---|--:|--:|\n", words.shows_how(reset)
    if how:
        head = "| App | Before | After | How |\n|---|--:|--:|---|\n"
    rows = [
        f"| {_name(app.label)} | {app.before:,} | {app.after:,} |"
        + (f" {in_cell(code(app.how))} |\n" if how else "\n")
        for app in reset.apps
    ]
    if not _long(rows):
        return Part("app", head, tuple(rows))
    before, after = words.totals(reset.apps)
    title = f"{counted(len(rows), 'app')}, {before:,} migrations before and {after:,} after"
    return Part("app", _fold(title) + head, tuple(rows), _UNFOLD)


def _name(text: str) -> str:
    return in_cell(code(_short(text, LONGEST_NAME)))


def _short(text: str, limit: int) -> str:
    return cut(visible_lines(text), limit)


def _proof(reset: Reset) -> Part:
    head = "#### Proof\n\n| | Check | Database | Seconds | What was seen |\n|---|---|---|--:|---|\n"
    return Part("check", head, tuple(_check(reset, entry) for entry in reset.proof))


def _check(reset: Reset, entry: Check) -> str:
    cells = (
        SIGNS[entry.result],
        _name(entry.check),
        _name(entry.database or ""),
        f"{entry.seconds:,.1f}" if entry.seconds else "",
        cell(_short(words.said(entry, words.applies(reset, entry)), LONGEST_CELL)),
    )
    return f"| {' | '.join(cells)} |\n"


def _differences(entry: Check) -> Part:
    items = tuple(
        f"- {code(_short(difference, LONGEST_CELL))}\n" for difference in entry.differences
    )
    where = f" on {_short(entry.database, LONGEST_NAME)}" if entry.database else ""
    title = f"{counted(len(items), 'difference')} of {entry.check}"
    named = prose(f"Found by {entry.check}{where}")
    return Part("difference", f"{_fold(title)}{named}:\n\n", items, _UNFOLD)


def _item(text: str) -> str:
    return prose(_short(text, LONGEST_CELL)) or "(empty)"


def _instructions(reset: Reset) -> Part:
    items: list[str] = []
    for told in words.instructions(reset):
        commands = fence(
            "\n".join(cut(visible(line), LONGEST_CELL) for line in told.commands), "sh"
        )
        item = f"- **{told.who}**: {_item(told.text)}\n"
        if told.commands:
            item += "".join(f"  {line}\n" for line in ["", *commands.split("\n")])
        items.append(item)
    return Part("instruction", "#### What to do elsewhere\n\n", tuple(items))


def _warnings(reset: Reset) -> Part:
    items = tuple(f"> - {_item(warning)}\n" for warning in reset.warnings)
    return Part("warning", "> [!WARNING]\n", items)


def _refused(reset: Reset) -> Part:
    head = "#### Refused, left as they are\n\n| App | Why |\n|---|---|\n"
    rows = tuple(
        f"| {_name(refused.app)} | {cell(_short(refused.why, LONGEST_CELL))} |\n"
        for refused in reset.refused
    )
    return Part("refused app", head, rows)


def _idle(reset: Reset) -> Part:
    items = tuple(f"- {code(_short(label, LONGEST_NAME))}\n" for label in reset.idle)
    title = f"Nothing to shorten in {counted(len(items), 'app')}"
    return Part("idle app", _fold(title), items, _UNFOLD)


def _times(reset: Reset) -> Part:
    title = "#### A fresh migrate, in processor time"
    head = f"{title}\n\n| Database | Before | After | |\n|---|--:|--:|---|\n"
    rows = tuple(
        f"| {_name(time.database)} | {words.took(time.before)} | {words.took(time.after)} "
        f"| {words.faster(time.before, time.after)} |\n"
        for time in reset.times
    )
    return Part("time", head, rows)


def _hand_written(operations: tuple[HandWritten, ...], became: str) -> Part:
    items = tuple(
        f"- {code(_short(f'{one.app}.{one.migration}', LONGEST_NAME))} "
        f"{code(_short(one.operation, LONGEST_NAME))}\n"
        for one in operations
    )
    title = f"{counted(len(items), 'hand-written operation')} {became}"
    return Part("hand-written operation", _fold(title), items, _UNFOLD)


def _notes(reset: Reset) -> Part:
    said = dict.fromkeys(
        f"{entry.database or entry.check}: {note}" for entry in reset.proof for note in entry.notes
    )
    items = tuple(f"- {_item(note)}\n" for note in said)
    return Part("note", _fold(f"{counted(len(items), 'thing')} put aside"), items, _UNFOLD)


def _files(reset: Reset) -> Part:
    items = tuple(
        f"- {file.action} {code(_short(file.path, LONGEST_NAME))}\n" for file in reset.files
    )
    return Part("file", _fold(words.files(reset)), items, _UNFOLD)


def _diff(reset: Reset) -> Part:
    diff = reset.diff.rstrip("\n")
    if not diff or not reset.dry_run:
        return Part("diff", "", ())
    if len(diff) > LONGEST_DIFF:
        diff = diff[:LONGEST_DIFF].rpartition("\n")[0] + "\n…"
    return Part("diff", _fold("The diff"), (fence(diff, "diff") + "\n",), _UNFOLD)


def _long(items: list[str]) -> bool:
    return len(items) > FOLDED


def _fold(title: str) -> str:
    return f"<details><summary>{title}</summary>\n\n"


_UNFOLD = "\n</details>\n\n"
