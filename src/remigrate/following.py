"""Follows the statements of a file as far as what they bind is certain.

That is: literals, lists and tuples, concatenation, names bound in the same file,
`swappable_dependency`, and changes made to ``Migration`` after its definition. All that other
statements may bind or change is left to `doubts`.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from typing import TYPE_CHECKING

from remigrate import doubts
from remigrate.scope import Scope, last_name
from remigrate.values import (
    LISTS,
    Class,
    Item,
    Module,
    Unknown,
    longer,
    module_attribute,
    spoil,
)

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from remigrate.values import Value

_SCOPES = ("globals", "locals", "vars")
_MADE_BY = ("__init__", "__new__", "__getattribute__")
"""Methods that decide which attributes an instance has."""


def follow(data: bytes, tree: ast.Module) -> Scope:
    """The names of a module, with content `data`, once it was imported.

    Raises `RecursionError` for a module that is nested too deeply.
    """
    scope = Scope(_bound_anywhere(data, tree))
    for statement in tree.body:
        _statement(scope, statement)
    return scope


def _bound_anywhere(data: bytes, tree: ast.Module) -> frozenset[str]:
    """Names that an expression or a function may bind: what they stand for is never certain."""
    if b"global" not in data and b":=" not in data and b"nonlocal" not in data:
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
    return frozenset(found)


def _statement(scope: Scope, node: ast.stmt) -> None:
    match node:
        case ast.ImportFrom():
            _import_from(scope, node)
        case ast.Import(names=aliases):
            _import(scope, aliases)
        case ast.ClassDef():
            scope.names[node.name] = _class(scope, node)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            for default in (*node.args.defaults, *node.decorator_list):
                doubts.suspect(scope, default)
            scope.functions[node.name] = node
            scope.names[node.name] = Unknown(node.lineno, f"{node.name}() is called")
        case ast.Expr(value=ast.Call() as call):
            _called(scope, call)
        case ast.Expr(value=expression) | ast.Assert(test=expression):
            doubts.suspect(scope, expression)
        case ast.Delete(targets=targets):
            for target in targets:
                _delete(scope, target)
        case _:
            _binding(scope, node)


def _binding(scope: Scope, node: ast.stmt) -> None:
    match node:
        case ast.Assign(targets=targets, value=expression):
            value = doubts.safely(scope, expression, targets[0])
            if isinstance(value, Unknown) and not isinstance(expression, ast.Call):
                doubts.fear(scope, expression, value)  # it may be another name for what is in it
            for target in targets:
                _assign(scope, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as expression):
            _assign(scope, target, doubts.safely(scope, expression, target))
        case ast.AugAssign(target=target, op=ast.Add(), value=expression):
            more = doubts.safely(scope, expression, target)
            _assign(scope, target, longer(scope.value(target), more, node.lineno))
        case ast.AnnAssign() | ast.Pass():
            return
        case _:
            doubts.may_run(scope, node)


def _import(scope: Scope, aliases: list[ast.alias]) -> None:
    for alias in aliases:
        name = alias.asname or alias.name.split(".")[0]
        scope.names[name] = Module(alias.name if alias.asname else name)


def _import_from(scope: Scope, node: ast.ImportFrom) -> None:
    where = "." * node.level + (node.module or "")
    for alias in node.names:
        name = alias.asname or alias.name
        if name == "*":
            scope.star = Unknown(node.lineno, f"it may come from {where}, of which all is taken")
            doubts.lose(scope, scope.star)
        elif where in ("django", "django.conf", "django.db"):
            scope.names[name] = Module(f"{where}.{alias.name}")
        elif where.startswith("django.db.migrations"):
            scope.names[name] = module_attribute("django.db.migrations", alias.name)
        elif where.startswith("django.apps"):
            scope.names[name] = module_attribute("django.apps", alias.name)
        else:
            scope.names[name] = Unknown(node.lineno, f"{name} is imported from {where}")


def _class(scope: Scope, node: ast.ClassDef) -> Class:
    inherited: list[MutableMapping[str, Value]] = []
    late: dict[str, Value] = {}
    whole, is_config = True, False
    for base in reversed(node.bases):
        found = scope.value(base)
        if isinstance(found, Class):
            inherited.insert(0, found.attributes)
            late.update(found.late)
            whole = whole and found.whole
            is_config = is_config or found.is_config
        else:
            whole = whole and isinstance(base, ast.Name) and base.id == "object"
            is_config = is_config or last_name(base).endswith("Config")
    inner = Scope(scope.bound_anywhere, scope)
    for statement in node.body:
        _statement(inner, statement)
    attributes = ChainMap(inner.names, *inherited)
    late.update(_set_later(inner, node))
    for name in LISTS:
        if name in late:
            spoil(attributes.get(name), late[name])
            attributes[name] = late[name]
    return Class(node, attributes, whole, late, is_config)


def _set_later(body: Scope, node: ast.ClassDef) -> dict[str, Value]:
    """What the class with this `body` gets from code that runs after it."""
    found: dict[str, Value] = {}
    for name in LISTS:
        if name in body.bound_anywhere:
            found[name] = Unknown(node.lineno, "it is bound by an expression or a function")
    if node.decorator_list or node.keywords:
        what = "decorator" if node.decorator_list else "metaclass"
        found |= dict.fromkeys(LISTS, Unknown(node.lineno, f"the class has a {what}"))
    for name in _MADE_BY:
        made = body.functions.get(name)
        if made and name == "__init__":
            inside = Scope()
            doubts.touched_by(inside, made, f"it is set by {name} when Django runs")
            found |= inside.names
        elif name in body.names:
            why = f"it is decided by {name} when Django runs"
            found |= dict.fromkeys(LISTS, Unknown(node.lineno, why))
    return found


def _assign(scope: Scope, target: ast.expr, value: Value) -> None:
    match target:
        case ast.Name(id=name):
            if name in scope.bound_anywhere:
                value = Unknown(target.lineno, "it is bound by an expression or a function")
            scope.names[name] = value
        case ast.Attribute(value=ast.Name() as owner):
            _assign_attribute(scope, owner, target.attr, value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            unknown = Unknown(target.lineno, "it is unpacked from something")
            for item in value if isinstance(value, list) else ():
                spoil(item.value, unknown)
            for part in parts:
                _assign(scope, part, unknown)
        case ast.Starred(value=inner):
            _assign(scope, inner, value)
        case ast.Subscript(value=ast.Call(func=ast.Name(id=name))) if name in _SCOPES:
            why = Unknown(target.lineno, f"it may be changed through {name}()")
            doubts.lose_all(scope, why)
        case ast.Subscript(value=container) | ast.Attribute(value=container):
            doubts.fear(scope, container, Unknown(target.lineno, "entries are changed by code"))
        case _:
            return


def _assign_attribute(scope: Scope, owner: ast.Name, name: str, value: Value) -> None:
    found = scope.find(owner.id)
    if not isinstance(found, Class) or found.node is None:
        return
    found.attributes[name] = found.late.get(name, value)
    if name in found.late:
        spoil(value, found.late[name])
    if name in _MADE_BY:
        spoil(found, Unknown(owner.lineno, f"it is decided by {name} when Django runs"))


def _delete(scope: Scope, target: ast.expr) -> None:
    match target:
        case ast.Name(id=name):
            scope.names.pop(name, None)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                _delete(scope, part)
        case _:
            _assign(scope, target, Unknown(target.lineno, "it is deleted by code"))


def _called(scope: Scope, call: ast.Call) -> None:
    """A call on a line of its own: ``names.append(x)``, or one that may change what it gets."""
    match call:
        case ast.Call(func=ast.Attribute(value=target, attr=attr), args=args) if isinstance(
            known := scope.value(target), list
        ):
            for argument in args:
                doubts.suspect(scope, argument)
            _changed(scope, target, known, attr, args)
        case (
            ast.Call(func=ast.Name(id="exec" | "eval"))
            | ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "locals"))))
        ):
            why = f"{last_name(call.func) or 'something'}() may change it"
            doubts.lose_all(scope, Unknown(call.lineno, why))
        case _:
            doubts.suspect(scope, call)


def _changed(
    scope: Scope, target: ast.expr, known: list[Item], attr: str, args: list[ast.expr]
) -> None:
    """A method of the list `known` is called, to which `target` leads."""
    line = target.lineno
    match attr, args:
        case "append" | "insert", [*_, item]:
            whole = longer(known, [Item(scope.value(item), item.lineno)], line)
        case "extend" | "__iadd__", [items]:
            whole = longer(known, scope.value(items), line)
        case "sort" | "reverse" | "index" | "count" | "copy", _:
            return
        case _:
            doubts.spoil_named(scope, target, Unknown(line, "entries are changed by code"))
            return
    if whole is not known:
        _assign(scope, target, whole)
