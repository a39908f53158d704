"""The names of a file, or of a class body in it, and what expressions made of them stand for.

Nothing is changed by asking. `following` binds the names, `doubts` takes certainty from them.
"""

from __future__ import annotations

import ast

from remigrate.values import (
    Item,
    Setting,
    Swappable,
    Tuple,
    Unknown,
    Value,
    attribute,
    concatenated,
    constant,
    doubt_about,
)


class Scope:
    """Names, as far as they are certain."""

    def __init__(
        self, bound_anywhere: frozenset[str] = frozenset(), outer: Scope | None = None
    ) -> None:
        self.bound_anywhere = bound_anywhere
        """Names that an expression or a function may bind: never certain."""
        self.outer = outer
        self.names: dict[str, Value] = {}
        """What the module, or the class body inside it, has bound so far."""
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.entered: list[ast.stmt] = []
        """Functions that are being looked through."""
        self.star: Unknown | None = None
        """An import of all that another module has."""

    def find(self, name: str) -> Value:
        """What `name` stands for; `Unknown` when nothing in the file binds it for certain."""
        if name in self.names:
            return self.names[name]
        if self.outer:
            return self.outer.find(name)
        return self.star or Unknown(1, f"{name} is not bound in the file")

    def function(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function of the file that is called `name`."""
        return self.functions.get(name) or (self.outer.functions.get(name) if self.outer else None)

    def value(self, node: ast.expr) -> Value:
        """What an expression stands for; `Unknown` when that is not certain."""
        match node:
            case ast.Constant(value=literal):
                return constant(literal, node.lineno)
            case ast.Tuple(elts=parts):
                return Tuple(self._items(parts))
            case ast.List(elts=parts):
                return self._items(parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return concatenated(self.value(left), self.value(right), node.lineno)
            case ast.JoinedStr(values=parts):
                return self._joined(parts, node.lineno)
            case ast.NamedExpr(value=inner):
                return self.value(inner)
            case ast.Name(id=name):
                return self.find(name)
            case ast.Attribute(value=owner, attr=name):
                return attribute(self.value(owner), name, node.lineno)
            case ast.Call(func=func, args=args):
                return self._call(func, args, node.lineno)
            case _:
                return Unknown(node.lineno, "it is computed when Django runs")

    def _items(self, parts: list[ast.expr]) -> list[Item]:
        found: list[Item] = []
        for part in parts:
            if not isinstance(part, ast.Starred):
                found.append(Item(self.value(part), part.lineno))
                continue
            spread = self.value(part.value)
            found += (
                spread
                if isinstance(spread, list)
                else [Item(doubt_about(spread, part.lineno), part.lineno)]
            )
        return found

    def _joined(self, parts: list[ast.expr], line: int) -> Value:
        text = ""
        for part in parts:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            plain = not isinstance(part, ast.FormattedValue) or (
                part.conversion == -1 and part.format_spec is None
            )
            value = self.value(inner)
            if not isinstance(value, str) or not plain:
                return doubt_about(value, line)
            text += value
        return text

    def _call(self, func: ast.expr, args: list[ast.expr], line: int) -> Value:
        name = last_name(func)
        match name, args:
            case "swappable_dependency", [argument]:
                value = self.value(argument)
                if isinstance(value, str | Setting):
                    return Swappable(value)
                return doubt_about(value, line)
            case "getattr", [owner, ast.Constant(value=str() as attr), *_]:
                return attribute(self.value(owner), attr, line)
            case "list" | "tuple", [argument]:
                value = self.value(argument)
                if not isinstance(value, list):
                    return doubt_about(value, line)
                return list(value) if name == "list" else Tuple(value)
            case "list" | "tuple", []:
                return [] if name == "list" else Tuple()
            case _:
                return Unknown(line, f"{name or 'something'}() is called")


def last_name(node: ast.expr) -> str:
    """``name`` of ``name`` and ``a.b.name``; empty for other expressions."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
