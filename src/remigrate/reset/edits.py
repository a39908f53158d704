"""The smallest edits of a migration file's header: bytes in, bytes out, by the syntax tree.

What the edited file says is read again; an edit that says anything else than meant is not given
back. What cannot be edited for certain is `Uneditable`.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from remigrate import reader
from remigrate.model import Broken, Header
from remigrate.reset.page import Literal, Page, Uneditable, assigns
from remigrate.values import LISTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from remigrate.model import Reference
    from remigrate.reset.page import Entry, Ref

_ORDERS = ("dependencies", "run_before")


def repointed(
    source: bytes, moves: Mapping[Ref, Ref | None], attributes: Collection[str] = _ORDERS
) -> bytes:
    """`source` with every reference in `attributes` moved; None takes the reference out.

    An entry that would then stand twice is taken out as well, where it stands in a list.
    Raises `Uneditable`.
    """
    page = Page(source)
    moves = {old: new for old, new in moves.items() if old != new}
    entries = {name: page.entries[name] for name in attributes}
    if not any(entry and entry.ref in moves for found in entries.values() for entry in found):
        _nothing_hidden(page, moves, attributes)
        return source
    for name in attributes:
        for index in reversed(_superfluous(entries[name], moves)):
            source = _without_entry(source, name, index, moves)
    edited = _with_literals(source, moves, attributes)
    _check_moved(page.header, edited, moves, attributes)
    return edited


def with_dependencies(source: bytes, label: str, entries: Iterable[Ref]) -> bytes:
    """`source` with `entries` in the place of all that it depends on in the app `label`.

    Raises `Uneditable`.
    """
    page, wanted = Page(source), list(dict.fromkeys(entries))
    for unread in page.header.unread:
        if unread.what == "dependencies":
            raise Uneditable(unread.why, unread.line)
    old = [ref for ref in _pairs(page.header.dependencies) if _is_named(ref, label)]
    going = [ref for ref in dict.fromkeys(old) if ref not in wanted]
    coming = [ref for ref in wanted if ref not in old]
    moves: dict[Ref, Ref | None] = dict.fromkeys(going)
    moves.update(zip(going, coming, strict=False))
    edited = repointed(source, moves, ("dependencies",))
    for ref in coming[len(going) :]:
        edited = _with_entry(edited, ref)
    rest = {ref for ref in _pairs(page.header.dependencies) if not _is_named(ref, label)}
    _check(page.header, edited, {"dependencies": rest | set(wanted)})
    return edited


def without_replaces(source: bytes) -> bytes:
    """`source` without any ``replaces``. Raises `Uneditable`."""
    page = Page(source)
    body = page.migration.body
    doomed = [node for node in body if assigns(node, "replaces")]
    spots = [page.statement_span(node) for node in doomed]
    if doomed and len(doomed) == len(body):
        raise Uneditable("nothing else stands in the class", doomed[0].lineno)
    edited = page.spliced([(start, end, b"") for start, end in spots]) if spots else source
    _check(page.header, edited, {"replaces": set()})
    return edited


def _is_named(ref: Ref, label: str) -> bool:
    """Whether it counts as a dependency on the app: Django skips ``__first__`` of the own app."""
    return ref[0] == label and ref[1] != "__first__"


def _pairs(references: Iterable[Reference]) -> list[Ref]:
    return [(r.label, r.name) for r in references if not r.swappable]


# What is checked afterwards


def _check_moved(
    before: Header,
    edited: bytes,
    moves: Mapping[Ref, Ref | None],
    attributes: Collection[str],
) -> None:
    meant: dict[str, set[Ref]] = {}
    for name in attributes:
        moved = [moves.get(ref, ref) for ref in _pairs(getattr(before, name))]
        meant[name] = {ref for ref in moved if ref is not None}
    _check(before, edited, meant)
    _nothing_hidden(Page(edited), moves, attributes)


def _check(before: Header, edited: bytes, meant: Mapping[str, set[Ref]]) -> None:
    """Raise unless the edited file says what was meant, and all else as before."""
    after = reader.read(edited)
    if isinstance(after, Broken):
        raise Uneditable(f"the edit would break the file: {after.why}", after.line)
    for name in LISTS:
        old, new = _pairs(getattr(before, name)), _pairs(getattr(after, name))
        if set(new) != meant[name] if name in meant else new != old:
            raise Uneditable(f"the edit would not give the {name} that were meant", after.line)
        if _swappable(before, name) != _swappable(after, name):
            raise Uneditable(f"the edit would change a setting in {name}", after.line)
    same = (before.initial, before.atomic) == (after.initial, after.atomic)
    doubts = [unread.what for unread in after.unread]
    known = [unread.what for unread in before.unread if unread.what != "replaces"]
    if not same or [what for what in doubts if what != "replaces"] != known:
        raise Uneditable("the edit would change more than was meant", after.line)
    if meant.get("replaces") == set() and "replaces" in doubts:
        raise Uneditable("replaces is set by other code as well", after.line)


def _swappable(header: Header, name: str) -> list[str]:
    references: tuple[Reference, ...] = getattr(header, name)
    return [reference.label for reference in references if reference.swappable]


def _nothing_hidden(
    page: Page, moves: Mapping[Ref, Ref | None], attributes: Collection[str]
) -> None:
    """Raise when a moved name stands in the file, and what could not be read may use it."""
    unread = next((u for u in page.header.unread if u.what in attributes), None)
    if unread is None:
        return
    names = {old[1] for old in moves}
    if any(str(literal) in names for literal in page.literals):
        raise Uneditable(unread.why, unread.line)


# How an entry is moved, taken out, put in


def _superfluous(entries: list[Entry | None], moves: Mapping[Ref, Ref | None]) -> list[int]:
    """Positions of entries that go: those moved to nowhere, or to where another one is already."""
    there = {entry.ref for entry in entries if entry and entry.ref not in moves}
    found: list[int] = []
    for index, entry in enumerate(entries):
        if entry is None or entry.ref not in moves:
            continue
        target = moves[entry.ref]
        if target is None or target in there:
            found.append(index)
        else:
            there.add(target)
    return found


def _without_entry(source: bytes, name: str, index: int, moves: Mapping[Ref, Ref | None]) -> bytes:
    """Without one entry of the attribute `name`; a mere duplicate may have to stay."""
    page = Page(source)
    entry = page.entries[name][index]
    assert entry is not None
    pair = page.pair(entry)
    display = page.parents[id(pair)] if pair else None
    if pair is None or not isinstance(display, ast.List | ast.Tuple):
        if moves[entry.ref] is not None:
            return source
        raise Uneditable("the entry does not stand in a list of its own", entry.line)
    page.only_for_header(pair)
    return page.spliced(_removal(page, display, pair))


def _removal(
    page: Page, display: ast.List | ast.Tuple, pair: ast.expr
) -> list[tuple[int, int, bytes]]:
    """The edits that take `pair` out of the list it stands in, with its comma and its lines."""
    place = display.elts.index(pair)
    start, end = page.span(pair)
    after = page.comma(end)
    indent, next_line = page.indentation(start), page.line_end(after or end)
    edits: list[tuple[int, int, bytes]] = []
    if len(display.elts) == 1 and (emptied := _emptied(page, display, start, after or end)):
        edits = [emptied]
    elif indent is not None and next_line is not None:
        edits = [(start - len(indent), next_line, b"")]
    elif len(display.elts) == 1:
        edits = [(start, after or end, b"")]
    elif place == 0 or _goes_on(page, display, place):
        edits = [(start, page.span(display.elts[place + 1])[0], b"")]
    else:
        edits = [(page.span(display.elts[place - 1])[1], end, b"")]
    left = [other for other in display.elts if other is not pair]
    if isinstance(display, ast.Tuple) and len(left) == 1:
        edits += _keep_tuple(page, left[0], edits[0])
    return edits


def _emptied(
    page: Page, display: ast.List | ast.Tuple, start: int, end: int
) -> tuple[int, int, bytes] | None:
    """The edit that leaves nothing between the brackets; None when more than space stands there."""
    first, last = page.span(display)
    around = page.body[first + 1 : start] + page.body[end : last - 1]
    return None if around.strip() else (first + 1, last - 1, b"")


def _goes_on(page: Page, display: ast.List | ast.Tuple, place: int) -> bool:
    """Whether the next entry stands on the line on which this one ends."""
    if place + 1 == len(display.elts):
        return False
    return display.elts[place + 1].lineno == display.elts[place].end_lineno


def _keep_tuple(
    page: Page, last: ast.expr, removed: tuple[int, int, bytes]
) -> list[tuple[int, int, bytes]]:
    """A comma for the only entry that is left of a tuple, unless it keeps one."""
    _, end = page.span(last)
    comma = page.comma(end if removed[0] > end or removed[1] <= end else removed[1])
    kept = comma is not None and not removed[0] < comma <= removed[1]
    return [] if kept else [(end, end, b",")]


def _with_literals(
    source: bytes, moves: Mapping[Ref, Ref | None], attributes: Collection[str]
) -> bytes:
    """With other text in the literals of all entries that move."""
    page = Page(source)
    wanted: dict[int, tuple[Literal, str]] = {}
    for name, entries in page.entries.items():
        for entry in filter(None, entries):
            target = moves.get(entry.ref, entry.ref) if name in attributes else entry.ref
            for old, new in zip(entry[:2], target or entry.ref, strict=True):
                _want(page, wanted, old, new, entry.line)
    changed = [(old, new) for old, new in wanted.values() if old != new]
    for old, _ in changed:
        page.only_for_header(old.node)
    return page.spliced([(*page.span(old.node), _written(page, old, new)) for old, new in changed])


def _want(
    page: Page, wanted: dict[int, tuple[Literal, str]], old: str, new: str, line: int
) -> None:
    if not isinstance(old, Literal):
        if old != new:
            raise Uneditable("the name is put together from pieces", line)
        return
    _, known = wanted.setdefault(id(old.node), (old, new))
    if known != new:
        raise Uneditable("one text stands for several references", old.node.lineno)


_QUOTE = re.compile(rb"[uUrR]?([\'\"])")
_QUOTED = re.compile(rb"([uUrR]?)(\'{3}|\"{3}|\'|\")(.*)\2\Z", re.DOTALL)


def _written(page: Page, old: Literal, new: str) -> bytes:
    """The literal `new` in the way that `old` was written."""
    start, end = page.span(old.node)
    text = page.body[start:end]
    first = _QUOTE.match(text)
    if first is None or b"#" in text:
        raise Uneditable("the name is put together from pieces", old.node.lineno)
    match = _QUOTED.match(text)
    if match is None or match[3] != old.encode() or not _is_plain(new):
        return _quoted(new, first[1])  # it has escapes, or is several literals in a row
    return match[1] + match[2] + new.encode() + match[2]


def _is_plain(text: str) -> bool:
    return text.isprintable() and not set(text) & set("'\"\\")


def _quoted(text: str, quote: bytes) -> bytes:
    if not _is_plain(text):
        return repr(text).encode()
    return quote + text.encode() + quote


def _with_entry(source: bytes, ref: Ref) -> bytes:
    """With one more entry at the end of ``dependencies``, in the style of its neighbours."""
    page = Page(source)
    text = b"(" + b", ".join(_quoted(part, page.quote) for part in ref) + b")"
    statement = next(
        (node for node in reversed(page.migration.body) if assigns(node, "dependencies")), None
    )
    if statement is None:
        return page.spliced([_new_statement(page, text)])
    display = _display(statement)
    if display is None:
        raise Uneditable("dependencies is not written as a list", statement.lineno)
    page.only_for_header(display)
    if display.elts:
        return page.spliced(_behind(page, display, text))
    return page.spliced([_first_entry(page, display, text)])


def _display(statement: ast.stmt) -> ast.List | ast.Tuple | None:
    value = getattr(statement, "value", None)
    while isinstance(value, ast.BinOp):
        value = value.left
    return value if isinstance(value, ast.List | ast.Tuple) else None


def _behind(page: Page, display: ast.List | ast.Tuple, text: bytes) -> list[tuple[int, int, bytes]]:
    start, end = page.span(display.elts[-1])
    comma = page.comma(end)
    indent, next_line = page.indentation(start), page.line_end(comma or end)
    if indent is None or next_line is None:
        return [(end, end, b", " + text)]
    line = (next_line, next_line, indent + text + b"," + page.newline)
    return [line] if comma else [(end, end, b","), line]


def _first_entry(page: Page, display: ast.List | ast.Tuple, text: bytes) -> tuple[int, int, bytes]:
    start, end = page.span(display)
    indent = page.indentation(page.span(page.statement(display))[0]) or b""
    line = page.newline + indent + b"    " + text + b","
    if page.body[start + 1 : end - 1].strip():  # a comment
        return start + 1, start + 1, line
    return start + 1, end - 1, line + page.newline + indent


def _new_statement(page: Page, text: bytes) -> tuple[int, int, bytes]:
    body = page.migration.body
    first = body[1] if ast.get_docstring(page.migration) and len(body) > 1 else body[0]
    start, _ = page.span(first)
    indent = page.indentation(start)
    if not indent:
        raise Uneditable("another statement stands on its line", first.lineno)
    lines = (b"dependencies = [", indent + b"    " + text + b",", indent + b"]", b"", indent)
    return start, start, page.newline.join(lines)
