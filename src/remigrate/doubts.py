"""What code that is not followed may have changed: functions that take certainty from names.

A loop, a condition, a call: whatever they could reach is `Unknown` afterwards. It is better to
call something uncertain that is not than the other way round.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from remigrate.scope import last_name
from remigrate.values import LISTS, Class, Module, Unknown, is_certain, spoil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.scope import Scope
    from remigrate.values import Value

_ATTRIBUTES = (*LISTS, "initial", "atomic", "operations")
_HARMLESS = (
    *("list", "tuple", "set", "dict", "sorted", "len", "str", "isinstance", "print", "getattr"),
    *("format", "join", "split", "copy", "index", "count", "swappable_dependency"),
)
"""Names of calls that leave what they are given as it is."""


def safely(scope: Scope, expression: ast.expr, target: ast.expr) -> Value:
    """The value of an expression, after which nothing that its calls may change is certain."""
    value = scope.value(expression)
    if not is_certain(value):
        suspect(scope, expression, target)
    return value


def lose(scope: Scope, why: Unknown) -> None:
    """Any name may have got another value."""
    for name, value in scope.names.items():
        if not isinstance(value, Module):
            scope.names[name] = why


def lose_all(scope: Scope, why: Unknown) -> None:
    """Any name may have got another value, and new ones may have come."""
    lose(scope, why)
    scope.names.update(dict.fromkeys(("Migration", *LISTS), why))


def may_run(scope: Scope, node: ast.stmt) -> None:
    """A statement that may or may not bind names: what it binds is no longer certain."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            scope.names[inner.name] = Unknown(
                inner.lineno, f"{inner.name} stands under a condition"
            )
    touched_by(scope, node, "it depends on a condition")


def touched_by(scope: Scope, node: ast.stmt, why: str) -> None:
    """Whatever is bound or changed anywhere in `node` is uncertain."""
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                scope.names[name] = Unknown(inner.lineno, why)
            case ast.alias(name=name):
                name = inner.asname or name.split(".")[0]
                scope.names[name] = Unknown(inner.lineno, why)
            case (
                ast.MatchAs(name=str() as name)
                | ast.MatchStar(name=str() as name)
                | ast.ExceptHandler(name=str() as name)
            ):
                scope.names[name] = Unknown(inner.lineno, why)
            case ast.Attribute(attr=attr) if attr in _ATTRIBUTES:
                _forget(scope, inner, why)
            case (
                ast.AugAssign(target=target)
                | ast.Subscript(value=target, ctx=ast.Store() | ast.Del())
            ):
                fear(scope, target, Unknown(inner.lineno, why))
            case ast.Call():
                _fear_call(scope, inner, why)
            case ast.For(iter=given) | ast.Match(subject=given) | ast.Assign(value=given):
                fear(scope, given, Unknown(given.lineno, why))
            case _:
                pass


def _forget(scope: Scope, attribute: ast.Attribute, why: str) -> None:
    if not isinstance(attribute.value, ast.Name):
        return
    owner = scope.find(attribute.value.id)
    unknown = Unknown(attribute.lineno, why)
    if isinstance(owner, Class) and owner.node is not None:
        spoil_named(scope, attribute, unknown)
        owner.attributes[attribute.attr] = unknown
    elif attribute.value.id in ("self", "cls"):
        scope.names[attribute.attr] = unknown


def spoil_named(scope: Scope, node: ast.expr, why: Unknown) -> None:
    """The list or class that `node` stands for, under whatever names, is no longer certain."""
    if isinstance(node, ast.Name | ast.Attribute):
        spoil(scope.value(node), why)


def fear(scope: Scope, node: ast.expr, why: Unknown) -> None:
    """Whatever stands in `node` may be changed."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            spoil_named(scope, inner, why)
    spoil_named(scope, node, why)


def _fear_call(scope: Scope, call: ast.Call, why: str) -> None:
    """A call may change what it is given, and what it knows."""
    name = last_name(call.func)
    if name in _HARMLESS:
        return
    unknown = Unknown(call.lineno, why)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    for node in (*given, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])):
        fear(scope, node, unknown)
    called = scope.function(name)
    if called and isinstance(call.func, ast.Name):
        _enter(scope, called, why)


def _enter(scope: Scope, function: ast.stmt, why: str) -> None:
    """`function` is called, unless we are inside it already."""
    if function not in scope.entered:
        scope.entered.append(function)
        touched_by(scope, function, why)
        scope.entered.pop()


def suspect(scope: Scope, node: ast.expr, target: ast.expr | None = None) -> None:
    """Calls inside an expression may change lists, except where operations are made."""
    if isinstance(node, ast.Constant):
        return
    parts: Iterable[ast.AST] = ast.walk(node)
    if isinstance(target, ast.Name) and target.id == "operations":
        parts = [part for part in ast.iter_child_nodes(node) if _is_method_of_name(part)]
    for inner in parts:
        if isinstance(inner, ast.Call):
            _fear_call(scope, inner, f"{last_name(inner.func) or 'something'}() may change it")
        elif isinstance(inner, ast.NamedExpr):
            fear(scope, inner.value, Unknown(inner.lineno, "another name is given to it"))


def _is_method_of_name(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name != "migrations"
        case _:
            return False
