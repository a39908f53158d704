"""Puts the guard into migrations that stay: landed ones that depend on a squash.

On a database that is behind, Django drops the squash and would run such a migration without what
it depends on. At base it has run already and never will again, so the guard changes nothing there.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from remigrate.model import Broken
from remigrate.probe import guard
from remigrate.reset.page import Page, Uneditable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from remigrate.reset.page import Ref

    Edit = tuple[int, int, bytes]

_SET_OR_NOT = b'locals().get("operations", ())'
"""In a class where what sets them may not run."""


def is_guard_alone(tree: ast.Module | Broken) -> bool:
    """Whether a migration does nothing but to guard."""
    from remigrate.reader import operations

    found = () if isinstance(tree, Broken) else operations(tree)
    return len(found) == 1 and found[0].code == guard.NAME


def guarded(source: bytes, squashes: Collection[Ref], message: str, gone: Collection[Ref]) -> bytes:
    """The migration with a guard for `squashes` before its first operation.

    One that it has already is kept, but for squashes that are `gone`. Raises `Uneditable` where the
    list of operations is not written out.
    """
    page = Page(source)
    old = _function(page)
    kept = [] if old is None else [ref for ref in _asked(old) if ref not in gone]
    wanted = sorted({*kept, *squashes})
    function = guard.source(wanted, message).rstrip("\n")
    if old is not None:
        return page.spliced([(*page.span(old), _encoded(page, function))])
    call = guard.call(_module(page) or "migrations").encode()
    return page.spliced([_above(page, function), _first(page, call)])


def marked(source: bytes, squash: Ref) -> bytes:
    """The migration with an operation that marks, for a later `squash`, where it runs.

    It comes behind a guard. Raises `Uneditable` where the list of operations is not written out.
    """
    page = Page(source)
    functions = guard.mark(squash).rstrip("\n")
    old = _function(page, guard.MARK), _function(page, guard.UNMARK)
    if old[0] is not None and old[1] is not None:  # of an earlier reset
        texts = functions.split("\n\n\n")
        edits = zip(old, texts, strict=True)
        return page.spliced(
            (*page.span(each), _encoded(page, text)) for each, text in edits if each
        )
    return page.spliced([_above(page, functions), _behind_guard(page, guard.marking().encode())])


def _above(page: Page, functions: str) -> Edit:
    """The edit that puts functions before the class, with that of the operation if need be."""
    module = _module(page) or "migrations"
    kinds = [each.name for each in page.tree.body if isinstance(each, ast.ClassDef)]
    if guard.OPERATION not in kinds:
        functions = f"{functions}\n\n\n{guard.operation(module)}".rstrip("\n")
    text = _encoded(page, functions)
    before = b"" if _module(page) else b"from django.db import migrations" + page.newline * 3
    start = page.span(page.migration)[0]
    if page.migration.decorator_list:
        start = page.span(page.migration.decorator_list[0])[0] - 1
    return start, start, before + text + page.newline * 3


def _encoded(page: Page, text: str) -> bytes:
    return page.newline.join(line.encode() for line in text.split("\n"))


def _function(page: Page, name: str = guard.NAME) -> ast.FunctionDef | None:
    found = (each for each in page.tree.body if isinstance(each, ast.FunctionDef))
    return next((each for each in found if each.name == name), None)


def _asked(function: ast.FunctionDef) -> Iterable[Ref]:
    for node in ast.walk(function):
        if isinstance(node, ast.For):
            return [(str(label), str(name)) for label, name in ast.literal_eval(node.iter)]
    return []


def _module(page: Page) -> str:
    """What the file calls ``django.db.migrations``; empty when it does not."""
    for node in page.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "django.db" and not node.level:
            for alias in node.names:
                if alias.name == "migrations":
                    return alias.asname or alias.name
    return ""


def _behind_guard(page: Page, call: bytes) -> Edit:
    """The edit that makes `call` the first operation, but for a guard."""
    node = next(filter(_sets_operations, reversed(page.migration.body)), None)
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    first = value.elts[0] if isinstance(value, ast.List) and value.elts else None
    if isinstance(first, ast.Call) and any(
        isinstance(each, ast.Name) and each.id == guard.NAME for each in first.args
    ):
        start, end = page.span(first)
        indent = page.indentation(start)
        return end, end, b", " + call if indent is None else b"," + page.newline + indent + call
    return _first(page, call)


def _first(page: Page, call: bytes) -> Edit:
    """The edit that makes `call` the first operation."""
    node = next(filter(_sets_operations, reversed(page.migration.body)), None)
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if node is None:
        raise Uneditable("it has no operations of its own", page.migration.lineno)
    if not isinstance(value, ast.List):
        return _in_front(page, call, b"operations" if value else _SET_OR_NOT)
    if not value.elts:
        place = page.span(value)[0] + 1
        return place, place, call
    first = page.span(value.elts[0])[0]
    indent = page.indentation(first)
    if indent is None:
        return first, first, call + b", "
    return first, first, call + b"," + page.newline + indent


def _in_front(page: Page, call: bytes, rest: bytes) -> Edit:
    """The edit that puts it before a list that is not written out: below all that makes it."""
    start, _ = page.span(page.migration.body[0])
    end = page.span(page.migration.body[-1])[1]
    indent = page.indentation(start)
    if indent is None:
        raise Uneditable("its body stands on the line of the class", page.migration.lineno)
    line = indent + b"operations = [" + call + b", *" + rest + b"]"
    below = page.line_end(end)
    if below is None:
        return end, end, page.newline * 2 + line
    return below, below, page.newline + line + page.newline


def _sets_operations(node: ast.stmt) -> bool:
    """Adding to them is no matter: the first one stays."""
    return not isinstance(node, ast.AugAssign) and any(
        isinstance(each, ast.Name) and each.id == "operations" and isinstance(each.ctx, ast.Store)
        for each in ast.walk(node)
    )
