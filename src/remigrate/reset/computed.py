"""Migrations that are more than a list of operations.

What a file decides while it is imported holds for what we happen to see. Where it looks at the
database (``if connection.vendor == …: operations = …``) a squash would carry that one answer to all
others, so it cannot be written. Settings are the project's own, as they are for `makemigrations`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from remigrate import reader
from remigrate.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_METHODS = {"__init__", "__init_subclass__", "apply", "unapply", "mutate_state"}
_DATABASE = {"connection", "connections", "vendor", "DATABASES", "features", "schema_editor"}
_CHOSEN = "its operations are chosen while the file is imported"
_DECIDING = (ast.If, ast.Try, ast.For, ast.While, ast.With, ast.Match)


class Doubt(NamedTuple):
    """Why the operations of a migration are not fixed by its text."""

    line: int
    why: str
    serious: bool
    """Whether another database may get other operations, or nobody can tell."""


def doubts(source: bytes) -> list[Doubt]:
    """All of them, in the order of the file."""
    tree = reader.parse(source)
    if isinstance(tree, Broken):
        return []
    outside = [
        Doubt(node.lineno, _CHOSEN, serious=True)
        for node in tree.body
        if not isinstance(node, _LATER) and _looks_at_database(node)
    ]
    return outside + [found for kind in _classes(tree) for found in _doubts(kind)]


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            yield node


def _doubts(kind: ast.ClassDef) -> Iterator[Doubt]:
    for node in kind.body:
        if isinstance(node, _DECIDING) and _names_operations(node):
            yield Doubt(node.lineno, _CHOSEN, _looks_at_database(node))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in _METHODS:
            yield Doubt(node.lineno, f"it has a method {node.name} of its own", serious=True)
        elif _is_of_operations(node) and _decides(node.value):
            yield Doubt(node.lineno, _CHOSEN, _looks_at_database(node))


def _looks_at_database(node: ast.AST) -> bool:
    """Whether it does so while the file is imported."""
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, (*_LATER, ast.Lambda)) and each is not node:
            continue  # that runs later, on whatever database it is
        if isinstance(each, ast.Name) and each.id in _DATABASE:
            return True
        if isinstance(each, ast.Attribute) and each.attr in _DATABASE:
            return True
        stack += ast.iter_child_nodes(each)
    return False


def _names_operations(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "operations" for each in ast.walk(node))


def _is_of_operations(node: ast.stmt) -> TypeGuard[ast.Assign | ast.AnnAssign]:
    if not isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(each, ast.Name) and each.id == "operations" for each in targets)


def _decides(value: ast.expr | None) -> bool:
    """Whether the list itself depends on more than its text; arguments of operations may."""
    if isinstance(value, (ast.List, ast.Tuple)):
        return any(_decides(each) for each in value.elts)
    if isinstance(value, ast.Starred):
        return _decides(value.value)
    if isinstance(value, ast.BinOp):
        return _decides(value.left) or _decides(value.right)
    if isinstance(value, ast.IfExp):
        return True
    if isinstance(value, (ast.ListComp, ast.GeneratorExp)):
        return any(each.ifs for each in value.generators)
    return False
