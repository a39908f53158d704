"""The code of a migration that has landed was changed.

Why it hurts: databases at base have run the old code and will never run the new one. From now on a
fresh database is built differently from those that exist.

How to fix: undo the change, and say what is different in a new migration. Formatting, comments,
docstrings, the order of imports, pointing a dependency at a squash, and the guard and the mark that
a reset puts in front of the operations are not changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import GUARD, GUARD_OPERATION, MARK, UNMARK
from remigrate.model import Broken, Finding, Header, Key, Severity

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from remigrate.facts import Facts
    from remigrate.model import Migration

CODE = "RM203"
NAME = "landed-edited"
SEVERITY: Severity = "warning"

_PUT = (GUARD, MARK)
"""Functions whose operations a reset puts into migrations that stay."""
_GRAPH = ("dependencies", "replaces", "run_before")


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each landed migration that does something else now."""
    if facts.landed is None:
        return
    for key, old in facts.landed.files.items():
        now = facts.graph.files.get(key)
        if now is None or now.blob == old.blob or isinstance(now.header, Broken):
            continue
        line = _first_difference(facts, key, old, now)
        if line:
            yield _finding(facts, key, now, line)


def _first_difference(facts: Facts, key: Key, old: Migration, now: Migration) -> int:
    """The line in `now` where it first says something else than `old`; 0 when it does not."""
    from remigrate.reader import parse

    before, after = parse(facts.read(old)), parse(facts.read(now))
    if isinstance(before, Broken) or isinstance(after, Broken):
        return 0
    ours, theirs = _statements(before), _statements(after)
    if _has_guard(after):  # which needs them
        ours, theirs = _without_migrations(ours), _without_migrations(theirs)
    if [text for text, _ in ours] != [text for text, _ in theirs]:
        for at, (text, line) in enumerate(theirs):
            if at >= len(ours) or ours[at][0] != text:
                return line
        return now.header.line
    if _edges(facts, key, old) != _edges(facts, key, now):
        return now.header.line
    return 0


def _statements(tree: ast.Module) -> list[tuple[str, int]]:
    """What a module does, statement by statement, and where.

    The class is taken apart, so that the line is that of the attribute or operation that differs.
    """
    import ast

    guarded = _has_guard(tree)
    imports: list[tuple[str, int]] = []
    found: list[tuple[str, int]] = []
    for node in _without_docstring(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += [(f"{_origin(node)} {ast.dump(alias)}", node.lineno) for alias in node.names]
        elif guarded and getattr(node, "name", "") in (*_PUT, UNMARK, GUARD_OPERATION):
            continue
        elif isinstance(node, ast.ClassDef):
            head = [ast.dump(part) for part in (*node.bases, *node.keywords, *node.decorator_list)]
            found.append((f"class {node.name}({head})", node.lineno))
            found += [part for inner in _without_docstring(node.body) for part in _parts(inner)]
        else:
            found.append((_dumped(node), node.lineno))
    return sorted(imports) + found


def _has_guard(tree: ast.Module) -> bool:
    return any(getattr(node, "name", "") in _PUT for node in tree.body)


def _without_migrations(found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [each for each in found if each[0] != "django.db alias(name='migrations')"]


def _origin(node: ast.Import | ast.ImportFrom) -> str:
    return f"{'.' * getattr(node, 'level', 0)}{getattr(node, 'module', None)}"


def _parts(node: ast.stmt) -> list[tuple[str, int]]:
    import ast

    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = target.id if isinstance(target, ast.Name) else ""
        if name in _GRAPH:
            return []
        if _only_adds_guards(node):
            return []
        if name and isinstance(node.value, ast.List | ast.Tuple):
            return [(f"{name}[]", node.lineno)] + [
                (ast.dump(item), item.lineno) for item in node.value.elts if not _guards(item)
            ]
    return [(_dumped(node), node.lineno)]


def _only_adds_guards(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether it is ``operations = [guard, *operations]``."""
    import ast

    parts = node.value.elts if isinstance(node.value, ast.List) else []
    rest = [part for part in parts if not _guards(part)]
    return len(rest) < len(parts) and [ast.unparse(part) for part in rest] == ["*operations"]


def _guards(operation: ast.expr) -> bool:
    import ast

    return isinstance(operation, ast.Call) and any(
        isinstance(each, ast.Name) and each.id in _PUT for each in operation.args
    )


def _dumped(node: ast.stmt) -> str:
    import ast

    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner.body = _without_docstring(inner.body) or [ast.Pass()]
    return ast.dump(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    import ast

    first = body[0] if body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if is_text else body


def _edges(facts: Facts, key: Key, migration: Migration) -> set[tuple[str, str]]:
    """Dependencies, with each replaced migration standing for the squash that took its place."""
    graph = facts.graph
    found: set[tuple[str, str]] = set()
    if isinstance(migration.header, Header):
        for ref in migration.header.dependencies + migration.header.run_before:
            target = graph.labels.key(ref.label, ref.name, key[0])
            while target in graph.replaced_by:
                target = graph.replaced_by[target]
            found.add(target)
    return found


def _finding(facts: Facts, key: Key, now: Migration, line: int) -> Finding:
    name = facts.graph.name(key)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        facts.graph.apps[key[0]].label,
        now.path,
        line,
        line,
        f"{name} has landed and does something else now: databases at base keep what the old "
        "code did, "
        "fresh ones get the new.",
        "Undo the change, and make it in a new migration.",
        (name,),
    )
