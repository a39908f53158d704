"""Migrations that are more than a list of operations, and so cannot be written anew.

What a file decides while it is imported (``if connection.vendor == …: operations = …``) holds for
the database that we happen to see. A squash would carry that one answer to all others.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeGuard

from remigrate import reader
from remigrate.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

_METHODS = {"__init__", "__init_subclass__", "apply", "unapply", "mutate_state"}
_DECIDING = (ast.If, ast.Try, ast.For, ast.While, ast.With, ast.Match)


def why(source: bytes) -> tuple[int, str] | None:
    """Line and reason, when the operations of a migration are not fixed by its text."""
    tree = reader.parse(source)
    if isinstance(tree, Broken):
        return None
    return next((found for kind in _classes(tree) for found in _reasons(kind)), None)


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            yield node


def _reasons(kind: ast.ClassDef) -> Iterator[tuple[int, str]]:
    for node in kind.body:
        if isinstance(node, _DECIDING) and _names_operations(node):
            yield node.lineno, "its operations are chosen while the file is imported"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in _METHODS:
            yield node.lineno, f"it has a method {node.name} of its own"
        elif _is_of_operations(node) and _decides(node.value):
            yield node.lineno, "its operations are computed while the file is imported"


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
