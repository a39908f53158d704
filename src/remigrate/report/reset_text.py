"""A reset for a person at a terminal: what became of it, its proof, and what to tell others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report import reset_words as words
from remigrate.report.escape import visible
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from remigrate.outcome import AppReset, Check, HandWritten, Reset, Verdict

    Paint = Callable[[str, str], str]

SIGNS: dict[Verdict, str] = {"proved": "✓", "differs": "✗", "failed": "✗", "skipped": "–"}
_COLORS: dict[Verdict, str] = {
    "proved": "green",
    "differs": "red",
    "failed": "red",
    "skipped": "yellow",
}
_MARKS = {"add": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red")}
MOST_FILES = 20
MOST_DIFFERENCES = 20
MOST_OPERATIONS = 12


def render(reset: Reset, paint: Paint, width: int = 100, verbose: bool = False) -> str:
    """The outcome in blocks, the verdict last. `paint(text, colour)` may colour.

    Long lists and names are cut unless it is to be `verbose`.
    """
    page = _Page(paint, width, verbose)
    blocks = [
        _diff(reset, paint) if reset.dry_run else "",
        _apps(reset, page),
        _files(reset, page),
        _hand_written(reset, page),
        _proof(reset, page),
        _times(reset, page),
        _refused(reset, page),
        _idle(reset, page),
        _warnings(reset, page),
        _instructions(reset, page),
    ]
    return "\n".join([*(block for block in blocks if block), _verdict(reset, paint)])


class _Page:
    """Colours and the width of the lines."""

    def __init__(self, paint: Paint, width: int, verbose: bool) -> None:
        self.paint, self.width, self.verbose = paint, width, verbose

    def wrapped(self, text: str, first: str, others: str) -> list[str]:
        """`text` in lines that begin with `first`, then with `others`."""
        import textwrap

        return textwrap.wrap(
            visible(text), self.width, initial_indent=first, subsequent_indent=others,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def named(self, text: str) -> str:
        """`text` with names that are short enough to be read."""
        return text if self.verbose else words.cut(text)

    def first(self, lines: list[str], most: int, indent: str) -> list[str]:
        """As many lines as there is room for; the rest is counted."""
        left = len(lines) - most
        if self.verbose or left <= 0:
            return lines
        return [*lines[:most], f"{indent}… and {left:,} more (--verbose lists all)"]

    def block(self, title: str, lines: Iterable[str]) -> str:
        """Lines under a title; empty without lines."""
        text = "\n".join(lines)
        return f"{self.paint(title, 'bold')}\n{text}\n" if text else ""


def _verdict(reset: Reset, paint: Paint) -> str:
    outcome, became, proof = words.headline(reset)
    sign = "!" if outcome == "skipped" else SIGNS[outcome]
    how = words.method(reset) + (f" on base {reset.base[: words.SHORT]}" if reset.base else "")
    said = paint(f"{sign} {became}", _COLORS[outcome])
    rest = f"  {proof} " if proof else "  "
    return f"{said}\n{rest}{paint(f'({visible(how)})', 'dim')}\n"


def _diff(reset: Reset, paint: Paint) -> str:
    lines = (visible(line) for line in reset.diff.rstrip("\n").split("\n"))
    text = "\n".join(_diff_line(line, paint) for line in lines)
    return f"{text}\n" if reset.diff else ""


def _diff_line(line: str, paint: Paint) -> str:
    if line.startswith(("diff ", "--- ", "+++ ")):
        return paint(line, "bold")
    color = {"+": "green", "-": "red", "@": "blue"}.get(line[:1])
    return paint(line, color) if color else line


def _apps(reset: Reset, page: _Page) -> str:
    if not reset.apps:
        return ""
    shows = words.shows_how(reset)

    def how(app: AppReset) -> str:
        return f"  {visible(app.how)}" if shows else ""

    names = [visible(app.label) for app in reset.apps]
    wide = max(map(len, [*names, "App"]))
    lines = [
        f"  {name:{wide}}  {app.before:6,}  {app.after:5,}{how(app)}"
        for name, app in zip(names, reset.apps, strict=True)
    ]
    before, after = words.totals(reset.apps)
    if len(reset.apps) > 1:
        lines.append(page.paint(f"  {'':{wide}}  {before:6,}  {after:5,}", "dim"))
    if shows:
        used = {app.how for app in reset.apps}
        said = [f"  {way}: {text}" for way, text in words.HOWS.items() if way in used]
        lines += ["", *(page.paint(line, "dim") for line in said)]
    return page.block(f"  {'App':{wide}}  Before  After{'  How' * shows}", lines)


def _files(reset: Reset, page: _Page) -> str:
    in_order = sorted(reset.files, key=lambda file: list(_MARKS).index(file.action))
    lines = []
    for file in in_order:
        sign, color = _MARKS[file.action]
        lines.append(page.paint(f"  {sign} {visible(file.path)}", color))
    return page.block(words.files(reset), page.first(lines, MOST_FILES, "  "))


def _hand_written(reset: Reset, page: _Page) -> str:
    def lines(operations: tuple[HandWritten, ...], became: str) -> list[str]:
        if not operations:
            return []
        head = f"  {counted(len(operations), 'operation')} {became}:"
        shown = [
            f"    {visible(page.named(f'{one.app}.{one.migration}'))}  {visible(one.operation)}"
            for one in operations
        ]
        return [head, *page.first(shown, MOST_OPERATIONS, "    ")]

    return page.block(
        "Hand-written operations",
        [
            *lines(reset.carried, "carried over"),
            *lines(reset.left_out, "left out for doing nothing on an empty database"),
        ],
    )


def _proof(reset: Reset, page: _Page) -> str:
    wide = max((len(visible(entry.check)) for entry in reset.proof), default=0)
    databases = max((len(visible(entry.database or "")) for entry in reset.proof), default=0)
    times = max((len(_time(entry)) for entry in reset.proof), default=0)
    lines: list[str] = []
    for entry in reset.proof:
        database = f"{visible(entry.database or ''):{databases}}  " if databases else ""
        mark = f"{SIGNS[entry.result]} {visible(entry.check):{wide}}"
        applies = words.applies(reset, entry)
        lines += _check(entry, page, applies, mark, f"{database}{_time(entry):>{times}}")
    return page.block("Proof", lines)


def _time(entry: Check) -> str:
    """Empty for a check that is about what another one ran."""
    if entry.result == "skipped" or not entry.seconds:
        return ""
    return words.took(entry.seconds) if entry.seconds >= 0.05 else "<0.1 s"


def _check(entry: Check, page: _Page, applies: bool, mark: str, columns: str) -> list[str]:
    start = f"  {mark}  {columns}  "
    said = page.named(words.said(entry, applies))
    first, *others = page.wrapped(said, start, "      ") or [start.rstrip()]
    painted = page.paint(mark, _COLORS[entry.result])
    lines = [first.replace(mark, painted, 1), *others]
    differences = []
    for difference in entry.differences:
        wrapped = page.wrapped(difference, "      ", "        ")
        differences.append("\n".join(page.paint(line, "red") for line in wrapped))
    lines += page.first(differences, MOST_DIFFERENCES, "      ")
    for note in entry.notes:
        lines += [page.paint(line, "dim") for line in page.wrapped(note, "      ", "        ")]
    return lines


def _times(reset: Reset, page: _Page) -> str:
    return page.block(
        "A fresh migrate, in processor time",
        (
            f"  {visible(time.database)}  {words.took(time.before)} before, "
            f"{words.took(time.after)} after ({words.faster(time.before, time.after)})"
            for time in reset.times
        ),
    )


def _refused(reset: Reset, page: _Page) -> str:
    lines: list[str] = []
    for refused in reset.refused:
        lines += page.wrapped(f"✗ {refused.app}: {refused.why}", "  ", "    ")
    return page.block("Refused, left as they are", lines)


def _idle(reset: Reset, page: _Page) -> str:
    if not reset.idle:
        return ""
    said = f"Nothing to shorten: {', '.join(reset.idle)}"
    lines = page.first(page.wrapped(said, "", "  "), MOST_OPERATIONS, "  ")
    return "".join(f"{page.paint(line, 'dim')}\n" for line in lines)


def _warnings(reset: Reset, page: _Page) -> str:
    lines: list[str] = []
    for warning in reset.warnings:
        lines += [page.paint(line, "yellow") for line in page.wrapped(warning, "  ! ", "    ")]
    return page.block("Warnings", lines)


def _instructions(reset: Reset, page: _Page) -> str:
    lines: list[str] = []
    who = ""
    for told in words.instructions(reset):
        if told.who != who:
            lines.append(f"  {told.who}")
            who = told.who
        lines += page.wrapped(told.text, "    → ", "      ")
        lines += [page.paint(f"        {visible(command)}", "bold") for command in told.commands]
    return page.block("What to tell others", lines)
