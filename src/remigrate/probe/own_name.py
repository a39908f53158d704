"""What code says of the module it stands in, once it stands in another one.

A part of the probe: Python 3.8, standard library only.
"""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.probe import scopes, statements

_LOGGERS = {"getLogger", "get_logger"}
_ASKING = {
    *("import_module", "__import__", "find_spec", "find_loader", "get_data", "getmodule"),
    *("files", "open_text", "open_binary", "read_text", "read_binary", "contents", "is_resource"),
    *("resource_string", "resource_filename", "resource_stream", "resource_exists"),
    *("resource_listdir", "resource_isdir"),
}
"""Functions that look the module up. The old one will be gone."""


def meant(module: statements.Module, package: str, ref: scopes.Ref) -> str | None:
    """The old module's value of a name that the new file, in `package`, would read as its own.

    None where the new file's serves as well, or better.
    """
    if ref.name == "__package__":
        return module.package if module.package != package else None
    if ref.name == "__name__" and id(ref.node) not in _looked_up(module):
        return module.name
    return None


@functools.lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8
def _looked_up(module: statements.Module) -> set[int]:
    """Nodes that stand where the module itself is wanted, or its logger, or whether it is run."""
    found = (part for node in ast.walk(module.tree) for part in _wanted(node))
    return {id(each) for each in found}


def _wanted(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Subscript) and _last_name(node.value) == "modules":
        yield from ast.walk(node.slice)
    elif isinstance(node, ast.Call):
        called = _last_name(node.func)
        in_modules = isinstance(node.func, ast.Attribute) and (
            _last_name(node.func.value) == "modules"
        )
        if in_modules or called in _ASKING | _LOGGERS:
            yield from node.args
            yield from (each.value for each in node.keywords)
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(getattr(each, "value", None) == "__main__" for each in sides):
            yield from sides


def _last_name(node: ast.AST) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


@functools.lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8
def in_strings(module: statements.Module) -> set[int]:
    """Nodes inside formatted strings, where quotes may not be written before Python 3.12."""
    strings = (
        node
        for node in ast.walk(module.tree)
        if type(node).__name__ in ("JoinedStr", "TemplateStr")
    )
    return {id(part) for each in strings for part in ast.walk(each)}
