"""Reads a migration file without running it.

Python's own parser reads the whole file, so what it accepts is what Django's import would accept.
From the syntax tree only that is followed which is certain: literals, lists and tuples,
concatenation, names bound in the same file, `swappable_dependency`, and changes made to
``Migration`` after its definition. Everything else becomes an `Unread` that says why. Lists are
shared between the names that share them when Python runs, so that a change is seen under all.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections import ChainMap
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from remigrate.model import MAX_BYTES, Broken, Header, Operation, Reference, Unread

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

_ATTRIBUTES = ("dependencies", "run_before", "replaces", "initial", "atomic", "operations")
_LISTS = ("dependencies", "run_before", "replaces")


class _Unknown(NamedTuple):
    line: int
    why: str


class _Setting(NamedTuple):
    name: str


class _Swappable(NamedTuple):
    to: str | _Setting


class _Module(NamedTuple):
    name: str


class _Item(NamedTuple):
    value: _Value
    line: int


class _Tuple(list[_Item]):
    """A tuple: what is added to it makes another one, where a list would grow."""


class _Class(NamedTuple):
    node: ast.ClassDef | None
    """None for Django's own classes."""
    attributes: MutableMapping[str, _Value]
    """Its own before those of its bases; what is written goes to its own."""
    whole: bool
    """False when a base stands in another file, so that an absent attribute says nothing."""
    late: dict[str, _Value]
    """Attributes that every instance is given anew."""
    is_config: bool = False


_Value = str | bool | int | None | list[_Item] | _Unknown | _Setting | _Swappable | _Module | _Class

_DJANGO: dict[str, _Value] = {
    "django.db.migrations.Migration": _Class(
        None,
        {**{name: _Tuple() for name in _LISTS}, "initial": None, "atomic": True},
        whole=True,
        late={},
    ),
    "django.apps.AppConfig": _Class(None, {}, whole=True, late={}, is_config=True),
}
_SCOPES = ("globals", "locals", "vars")
_HARMLESS = (
    *("list", "tuple", "set", "dict", "sorted", "len", "str", "isinstance", "print", "getattr"),
    *("format", "join", "split", "copy", "index", "count", "swappable_dependency"),
)
"""Names of calls that leave what they are given as it is."""
_MADE_BY = ("__init__", "__new__", "__getattribute__")
"""Methods that decide which attributes an instance has."""


def read(data: bytes) -> Header | Broken:
    """What the migration file with content `data` says about itself."""
    if len(data) > MAX_BYTES:
        return Broken(1, 0, f"it is larger than {MAX_BYTES // 2**20} MiB")
    tree = parse(data)
    if isinstance(tree, Broken):
        return tree
    try:
        return _header(_Reading(_bound_anywhere(data, tree)).module(tree))
    except RecursionError:
        return _nothing_read(_Unknown(1, "it is nested too deeply"))


def parse(data: bytes) -> ast.Module | Broken:
    """The syntax tree of a Python file, or where and why Python would refuse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        return _syntax_error(data, error)
    except ValueError:
        return Broken(data[: data.find(b"\0")].count(b"\n") + 1, 0, "it holds a null byte")
    except (RecursionError, MemoryError):
        return Broken(1, 0, "it is nested too deeply")


def _syntax_error(data: bytes, error: SyntaxError) -> Broken:
    for number, row in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if row.startswith((b"<<<<<<< ", b">>>>>>> ")):
            return Broken(number, 1, "conflict markers were left in it")
    line, column = error.lineno or 1, max(error.offset or 0, 0)
    if b"\0" in data:
        return Broken(data[: data.find(b"\0")].count(b"\n") + 1, 0, "it holds a null byte")
    said = error.msg
    if ("codec" in said or "encoding" in said) and "unicodeescape" not in said:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as undecodable:
            before = data[: undecodable.start]
            line, column = before.count(b"\n") + 1, undecodable.start - before.rfind(b"\n")
        return Broken(line, column, "its bytes cannot be decoded")
    version = "{}.{}".format(*sys.version_info)
    return Broken(line, column, f"Python {version} says: {error.msg}")


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


class _Reading:
    """The names of one file, as far as they are certain."""

    def __init__(
        self, bound_anywhere: frozenset[str] = frozenset(), outer: _Reading | None = None
    ) -> None:
        self.bound_anywhere = bound_anywhere
        self.outer = outer
        self.names: dict[str, _Value] = {}
        """What the module, or the class body inside it, has bound so far."""
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.following: list[ast.stmt] = []
        self.star: _Unknown | None = None
        """An import of all that another module has."""

    def find(self, name: str) -> _Value:
        """What `name` stands for; `_Unknown` when nothing in the file binds it for certain."""
        if name in self.names:
            return self.names[name]
        if self.outer:
            return self.outer.find(name)
        return self.star or _Unknown(1, f"{name} is not bound in the file")

    def module(self, tree: ast.Module) -> _Value:
        """The value of the module's name ``Migration``; None when it has none."""
        for statement in tree.body:
            self.statement(statement)
        if self.star and "migration" in self.star.why:
            return self.names.get("Migration", self.star)
        return self.names.get("Migration")

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom():
                self.import_from(node)
            case ast.Import(names=aliases):
                self.import_(aliases)
            case ast.ClassDef():
                self.names[node.name] = self.class_(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for default in (*node.args.defaults, *node.decorator_list):
                    self.suspect(default)
                self.functions[node.name] = node
                self.names[node.name] = _Unknown(node.lineno, f"{node.name}() is called")
            case ast.Expr(value=ast.Call() as call):
                self.called(call)
            case ast.Expr(value=expression) | ast.Assert(test=expression):
                self.suspect(expression)
            case ast.Delete(targets=targets):
                for target in targets:
                    self.delete(target)
            case _:
                self.binding(node)

    def binding(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=expression):
                value = self.safely(expression, targets[0])
                if isinstance(value, _Unknown) and not isinstance(expression, ast.Call):
                    self.fear(expression, value)  # it may be another name for what is in it
                for target in targets:
                    self.assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as expression):
                self.assign(target, self.safely(expression, target))
            case ast.AugAssign(target=target, op=ast.Add(), value=expression):
                more = self.safely(expression, target)
                self.assign(target, self.longer(self.value(target), more, node.lineno))
            case ast.AnnAssign() | ast.Pass():
                return
            case _:
                self.compound(node)

    def safely(self, expression: ast.expr, target: ast.expr) -> _Value:
        """The value of an expression, after which nothing that its calls may change is certain."""
        value = self.value(expression)
        if not _is_certain(value):
            self.suspect(expression, target)
        return value

    def import_(self, aliases: list[ast.alias]) -> None:
        for alias in aliases:
            name = alias.asname or alias.name.split(".")[0]
            self.names[name] = _Module(alias.name if alias.asname else name)

    def import_from(self, node: ast.ImportFrom) -> None:
        where = "." * node.level + (node.module or "")
        for alias in node.names:
            name = alias.asname or alias.name
            if name == "*":
                self.star = _Unknown(
                    node.lineno, f"it may come from {where}, of which all is taken"
                )
                self.lose(self.star)
            elif where in ("django", "django.conf", "django.db"):
                self.names[name] = _Module(f"{where}.{alias.name}")
            elif where.startswith("django.db.migrations"):
                self.names[name] = _module_attribute("django.db.migrations", alias.name)
            elif where.startswith("django.apps"):
                self.names[name] = _module_attribute("django.apps", alias.name)
            else:
                self.names[name] = _Unknown(node.lineno, f"{name} is imported from {where}")

    def lose(self, why: _Unknown) -> None:
        """Any name may have got another value."""
        for name, value in self.names.items():
            if not isinstance(value, _Module):
                self.names[name] = why

    def class_(self, node: ast.ClassDef) -> _Class:
        inherited: list[MutableMapping[str, _Value]] = []
        late: dict[str, _Value] = {}
        whole, is_config = True, False
        for base in reversed(node.bases):
            found = self.value(base)
            if isinstance(found, _Class):
                inherited.insert(0, found.attributes)
                late.update(found.late)
                whole = whole and found.whole
                is_config = is_config or found.is_config
            else:
                whole = whole and isinstance(base, ast.Name) and base.id == "object"
                is_config = is_config or _last_name(base).endswith("Config")
        inner = _Reading(self.bound_anywhere, self)
        for statement in node.body:
            inner.statement(statement)
        attributes = ChainMap(inner.names, *inherited)
        late.update(inner.set_later(node))
        for name in _LISTS:
            if name in late:
                _spoil(attributes.get(name), late[name])
                attributes[name] = late[name]
        return _Class(node, attributes, whole, late, is_config)

    def set_later(self, node: ast.ClassDef) -> dict[str, _Value]:
        """What the class whose body this is gets from code that runs after its body."""
        found: dict[str, _Value] = {}
        for name in _LISTS:
            if name in self.bound_anywhere:
                found[name] = _Unknown(node.lineno, "it is bound by an expression or a function")
        if node.decorator_list or node.keywords:
            what = "decorator" if node.decorator_list else "metaclass"
            found |= dict.fromkeys(_LISTS, _Unknown(node.lineno, f"the class has a {what}"))
        for name in _MADE_BY:
            made = self.functions.get(name)
            if made and name == "__init__":
                inside = _Reading()
                inside.touched_by(made, f"it is set by {name} when Django runs")
                found |= inside.names
            elif name in self.names:
                why = f"it is decided by {name} when Django runs"
                found |= dict.fromkeys(_LISTS, _Unknown(node.lineno, why))
        return found

    def compound(self, node: ast.stmt) -> None:
        """A statement that may or may not bind names: what it binds is no longer certain."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                self.names[inner.name] = _Unknown(
                    inner.lineno, f"{inner.name} stands under a condition"
                )
        self.touched_by(node, "it depends on a condition")

    def touched_by(self, node: ast.stmt, why: str) -> None:
        for inner in ast.walk(node):
            match inner:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    self.names[name] = _Unknown(inner.lineno, why)
                case ast.alias(name=name):
                    name = inner.asname or name.split(".")[0]
                    self.names[name] = _Unknown(inner.lineno, why)
                case (
                    ast.MatchAs(name=str() as name)
                    | ast.MatchStar(name=str() as name)
                    | ast.ExceptHandler(name=str() as name)
                ):
                    self.names[name] = _Unknown(inner.lineno, why)
                case ast.Attribute(attr=attr) if attr in _ATTRIBUTES:
                    self.forget(inner, why)
                case (
                    ast.AugAssign(target=target)
                    | ast.Subscript(value=target, ctx=ast.Store() | ast.Del())
                ):
                    self.fear(target, _Unknown(inner.lineno, why))
                case ast.Call():
                    self.fear_call(inner, why)
                case ast.For(iter=given) | ast.Match(subject=given) | ast.Assign(value=given):
                    self.fear(given, _Unknown(given.lineno, why))
                case _:
                    pass

    def forget(self, attribute: ast.Attribute, why: str) -> None:
        if not isinstance(attribute.value, ast.Name):
            return
        owner = self.find(attribute.value.id)
        unknown = _Unknown(attribute.lineno, why)
        if isinstance(owner, _Class) and owner.node is not None:
            self.spoil(attribute, unknown)
            owner.attributes[attribute.attr] = unknown
        elif attribute.value.id in ("self", "cls"):
            self.names[attribute.attr] = unknown

    def spoil(self, node: ast.expr, why: _Unknown) -> None:
        """The list or class that `node` stands for, under whatever names, is no longer certain."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return
        _spoil(self.value(node), why)

    def fear(self, node: ast.expr, why: _Unknown) -> None:
        """Whatever stands in `node` may be changed."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                self.spoil(inner, why)
        self.spoil(node, why)

    def fear_call(self, call: ast.Call, why: str) -> None:
        """A call may change what it is given, and what it knows."""
        name = _last_name(call.func)
        if name in _HARMLESS:
            return
        unknown = _Unknown(call.lineno, why)
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        for node in (*given, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])):
            self.fear(node, unknown)
        called = self.functions.get(name) or (self.outer and self.outer.functions.get(name))
        if called and isinstance(call.func, ast.Name):
            self.follow(called, why)

    def follow(self, function: ast.stmt, why: str) -> None:
        """`function` is called, unless we are inside it already."""
        if function not in self.following:
            self.following.append(function)
            self.touched_by(function, why)
            self.following.pop()

    def suspect(self, node: ast.expr, target: ast.expr | None = None) -> None:
        """Calls inside an expression may change lists, except where operations are made."""
        if isinstance(node, ast.Constant):
            return
        parts: Iterable[ast.AST] = ast.walk(node)
        if isinstance(target, ast.Name) and target.id == "operations":
            parts = [part for part in ast.iter_child_nodes(node) if _is_method_of_name(part)]
        for inner in parts:
            if isinstance(inner, ast.Call):
                self.fear_call(inner, f"{_last_name(inner.func) or 'something'}() may change it")
            elif isinstance(inner, ast.NamedExpr):
                self.fear(inner.value, _Unknown(inner.lineno, "another name is given to it"))

    def assign(self, target: ast.expr, value: _Value) -> None:
        match target:
            case ast.Name(id=name):
                if name in self.bound_anywhere:
                    value = _Unknown(target.lineno, "it is bound by an expression or a function")
                self.names[name] = value
            case ast.Attribute(value=ast.Name() as owner):
                self.assign_attribute(owner, target.attr, value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                unknown = _Unknown(target.lineno, "it is unpacked from something")
                for item in value if isinstance(value, list) else ():
                    _spoil(item.value, unknown)
                for part in parts:
                    self.assign(part, unknown)
            case ast.Starred(value=inner):
                self.assign(inner, value)
            case ast.Subscript(value=ast.Call(func=ast.Name(id=name))) if name in _SCOPES:
                self.lose_all(_Unknown(target.lineno, f"it may be changed through {name}()"))
            case ast.Subscript(value=container) | ast.Attribute(value=container):
                self.fear(container, _Unknown(target.lineno, "entries are changed by code"))
            case _:
                return

    def assign_attribute(self, owner: ast.Name, name: str, value: _Value) -> None:
        found = self.find(owner.id)
        if not isinstance(found, _Class) or found.node is None:
            return
        found.attributes[name] = found.late.get(name, value)
        if name in found.late:
            _spoil(value, found.late[name])
        if name in _MADE_BY:
            _spoil(found, _Unknown(owner.lineno, f"it is decided by {name} when Django runs"))

    def delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self.names.pop(name, None)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self.delete(part)
            case _:
                self.assign(target, _Unknown(target.lineno, "it is deleted by code"))

    def lose_all(self, why: _Unknown) -> None:
        """Any name may have got another value, and new ones may have come."""
        self.lose(why)
        self.names.update(dict.fromkeys(("Migration", *_LISTS), why))

    def longer(self, known: _Value, more: _Value, line: int) -> _Value:
        """`known` with something added to it: the same list, where Python keeps it the same."""
        whole = _concatenated(known, more, line)
        if isinstance(known, list) and isinstance(whole, list) and not isinstance(known, _Tuple):
            known[:] = whole
            return known
        return whole

    def called(self, call: ast.Call) -> None:
        """A call on a line of its own: ``names.append(x)``, or one that may change what it gets."""
        why = f"{_last_name(call.func) or 'something'}() may change it"
        match call:
            case ast.Call(func=ast.Attribute(value=target, attr=attr), args=args) if isinstance(
                known := self.value(target), list
            ):
                for argument in args:
                    self.suspect(argument)
                self.changed(target, known, attr, args)
            case (
                ast.Call(func=ast.Name(id="exec" | "eval"))
                | ast.Call(
                    func=ast.Attribute(value=ast.Call(func=ast.Name(id="globals" | "locals")))
                )
            ):
                self.lose_all(_Unknown(call.lineno, why))
            case _:
                self.suspect(call)

    def changed(
        self, target: ast.expr, known: list[_Item], attr: str, args: list[ast.expr]
    ) -> None:
        """A method of a list is called."""
        line = target.lineno
        match attr, args:
            case "append" | "insert", [*_, item]:
                whole = self.longer(known, [_Item(self.value(item), item.lineno)], line)
            case "extend" | "__iadd__", [items]:
                whole = self.longer(known, self.value(items), line)
            case "sort" | "reverse" | "index" | "count" | "copy", _:
                return
            case _:
                self.spoil(target, _Unknown(line, "entries are changed by code"))
                return
        if whole is not known:
            self.assign(target, whole)

    def value(self, node: ast.expr) -> _Value:
        """What an expression stands for; `_Unknown` when that is not certain."""
        match node:
            case ast.Constant(value=constant):
                return _constant(constant, node.lineno)
            case ast.Tuple(elts=parts):
                return _Tuple(self.items(parts))
            case ast.List(elts=parts):
                return self.items(parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _concatenated(self.value(left), self.value(right), node.lineno)
            case ast.JoinedStr(values=parts):
                return self.joined(parts, node.lineno)
            case ast.NamedExpr(value=inner):
                return self.value(inner)
            case ast.Name(id=name):
                return self.find(name)
            case ast.Attribute(value=owner, attr=name):
                return _attribute(self.value(owner), name, node.lineno)
            case ast.Call(func=func, args=args):
                return self.call(func, args, node.lineno)
            case _:
                return _Unknown(node.lineno, "it is computed when Django runs")

    def items(self, parts: list[ast.expr]) -> list[_Item]:
        found: list[_Item] = []
        for part in parts:
            if not isinstance(part, ast.Starred):
                found.append(_Item(self.value(part), part.lineno))
                continue
            spread = self.value(part.value)
            found += (
                spread
                if isinstance(spread, list)
                else [_Item(_doubt(spread, part.lineno), part.lineno)]
            )
        return found

    def joined(self, parts: list[ast.expr], line: int) -> _Value:
        text = ""
        for part in parts:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            plain = not isinstance(part, ast.FormattedValue) or (
                part.conversion == -1 and part.format_spec is None
            )
            value = self.value(inner)
            if not isinstance(value, str) or not plain:
                return _doubt(value, line)
            text += value
        return text

    def call(self, func: ast.expr, args: list[ast.expr], line: int) -> _Value:
        name = _last_name(func)
        match name, args:
            case "swappable_dependency", [argument]:
                value = self.value(argument)
                if isinstance(value, str | _Setting):
                    return _Swappable(value)
                return _doubt(value, line)
            case "getattr", [owner, ast.Constant(value=str() as attribute), *_]:
                return _attribute(self.value(owner), attribute, line)
            case "list" | "tuple", [argument]:
                value = self.value(argument)
                if not isinstance(value, list):
                    return _doubt(value, line)
                return list(value) if name == "list" else _Tuple(value)
            case "list" | "tuple", []:
                return [] if name == "list" else _Tuple()
            case _:
                return _Unknown(line, f"{name or 'something'}() is called")


def _is_certain(value: _Value) -> bool:
    if isinstance(value, list):
        return all(_is_certain(item.value) for item in value)
    return not isinstance(value, _Unknown)


def _is_method_of_name(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name != "migrations"
        case _:
            return False


def _spoil(value: _Value, why: _Value) -> None:
    """Make a list, or all lists of a class, uncertain. Whoever shares them sees it."""
    if isinstance(value, list):
        inside = list(value)
        if not isinstance(value, _Tuple):
            value[:] = [_Item(why, why.line if isinstance(why, _Unknown) else 1)]
        for item in inside:
            _spoil(item.value, why)
    elif isinstance(value, _Class) and value.node is not None:
        for name in _LISTS:
            _spoil(value.attributes.get(name), why)
            value.attributes[name] = why


def _constant(constant: object, line: int) -> _Value:
    if isinstance(constant, bytes):  # Python 2 wrote text that way
        return constant.decode("ascii", "replace")
    if constant is None or isinstance(constant, str | bool | int):
        return constant
    return _Unknown(line, "it is not text")


def _doubt(value: _Value, line: int) -> _Unknown:
    return (
        value if isinstance(value, _Unknown) else _Unknown(line, "it is computed when Django runs")
    )


def _module_attribute(module: str, name: str) -> _Value:
    return _DJANGO.get(f"{module}.{name}", _Module(f"{module}.{name}"))


def _attribute(owner: _Value, name: str, line: int) -> _Value:
    match owner:
        case _Module(name="django.conf.settings"):
            return _Setting(name)
        case _Module(name=module):
            return _module_attribute(module, name)
        case _Class(attributes=attributes) if name in attributes:
            return attributes[name]
        case _Unknown():
            return owner
        case _:
            return _Unknown(line, f".{name} is looked up when Django runs")


def _concatenated(left: _Value, right: _Value, line: int) -> _Value:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if not isinstance(left, list) and not isinstance(right, list):
        return _doubt(left if isinstance(left, _Unknown) else right, line)
    parts = [
        part if isinstance(part, list) else [_Item(_doubt(part, line), line)]
        for part in (left, right)
    ]
    whole = parts[0] + parts[1]
    return _Tuple(whole) if isinstance(left, _Tuple) else whole


def _last_name(func: ast.expr) -> str:
    match func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _header(migration: _Value) -> Header:
    if migration is None:
        return Header(1, is_migration=False)
    if not isinstance(migration, _Class) or migration.node is None:
        return _nothing_read(_doubt(migration, 1))
    unread: list[Unread] = []
    dependencies, run_before, replaces = (_references(migration, n, unread) for n in _LISTS)
    initial, atomic = migration.attributes.get("initial"), migration.attributes.get("atomic")
    return Header(
        line=migration.node.lineno,
        dependencies=dependencies,
        run_before=run_before,
        replaces=replaces,
        initial=initial if isinstance(initial, bool) else None,
        atomic=atomic if isinstance(atomic, bool) else None,
        unread=tuple(unread),
    )


def _nothing_read(doubt: _Unknown) -> Header:
    unread = Unread("dependencies", doubt.line, doubt.why)
    return Header(doubt.line, atomic=None, unread=(unread,))


def _references(migration: _Class, name: str, unread: list[Unread]) -> tuple[Reference, ...]:
    assert migration.node is not None
    value = migration.attributes.get(name)
    if name not in migration.attributes:
        if name == "dependencies" and not migration.whole:
            unread.append(
                Unread(name, migration.node.lineno, "a base class in another file has it")
            )
        return ()
    if not isinstance(value, list):
        line = migration.node.lineno
        doubt = _Unknown(line, "it is not a list") if _is_plain(value) else _doubt(value, line)
        unread.append(Unread(name, doubt.line, doubt.why))
        return ()
    found: list[Reference] = []
    for item in value:
        reference = _reference(item)
        if isinstance(reference, Reference):
            found.append(reference)
        else:
            unread.append(Unread(name, reference.line, reference.why))
    return tuple(found)


def _reference(item: _Item) -> Reference | _Unknown:
    match item.value:
        case [_Item(value=str() as label), _Item(value=str() as name)]:
            return Reference(label, name, item.line)
        case _Swappable(to=str() as model):
            return Reference(model.split(".", 1)[0], "__first__", item.line)
        case _Swappable(to=_Setting(name=setting)):
            return Reference(setting, "__first__", item.line, swappable=True)
        case _Unknown() as doubt:
            return doubt
        case list() as parts if any(not _is_plain(part.value) for part in parts):
            return next(
                _doubt(part.value, item.line) for part in parts if not _is_plain(part.value)
            )
        case value if _is_plain(value) or isinstance(value, list):
            return _Unknown(item.line, "it is not an (app, name) pair")
        case value:
            return _doubt(value, item.line)


def _is_plain(value: _Value) -> bool:
    return value is None or isinstance(value, str | bool | int)


def operations(tree: ast.Module) -> tuple[Operation, ...]:
    """The entries of ``Migration.operations``, as they stand in the file."""
    found: list[Operation] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            for statement in node.body:
                match statement:
                    case (
                        ast.Assign(targets=[ast.Name(id="operations")], value=value)
                        | ast.AnnAssign(target=ast.Name(id="operations"), value=ast.expr() as value)
                    ):
                        found = _operations(value)
                    case ast.AugAssign(target=ast.Name(id="operations"), value=value):
                        found = found + _operations(value)
    return tuple(found)


def _operations(node: ast.expr) -> list[Operation]:
    found: list[Operation] = []
    rest = [node]
    while rest:
        match rest.pop():
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                rest += reversed(parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                rest += [right, left]
            case ast.Call() as call:
                found.append(_operation(call))
            case other:
                found.append(Operation("", other.lineno))
    return found


def _operation(call: ast.Call) -> Operation:
    elidable = any(
        k.arg == "elidable" and isinstance(k.value, ast.Constant) and k.value.value is True
        for k in call.keywords
    )
    name = _last_name(call.func)
    return Operation(name, call.lineno, elidable, _forward_code(name, call))


def _forward_code(name: str, call: ast.Call) -> str:
    if name != "RunPython":
        return ""
    code = [k.value for k in call.keywords if k.arg == "code"] or call.args[:1]
    return _last_name(code[0]) if code else ""


def read_config(data: bytes) -> str | None:
    """The app label that an ``apps.py`` gives its app; None when the file does not say for certain.

    Django takes the only `AppConfig` of the module that is not ``default = False``, else the only
    one with ``default = True`` (``AppConfig.create``). Where it would take none, its user has to
    name one in INSTALLED_APPS, and all of them have to agree.
    """
    tree = parse(data)
    if isinstance(tree, Broken):
        return None
    reading = _Reading(_bound_anywhere(data, tree))
    try:
        reading.module(tree)
    except RecursionError:
        return None
    configs = [value for value in reading.names.values() if _is_config(value)]
    defaults = [config.attributes.get("default", True) for config in configs]
    if not all(isinstance(default, bool | None) for default in defaults):
        return None
    configs = [config for config, default in zip(configs, defaults, strict=True) if default]
    if len(configs) > 1:
        configs = [c for c in configs if "default" in c.attributes] or configs
    labels = {_label(config) for config in configs}
    return labels.pop() if len(labels) == 1 else None


def _is_config(value: _Value) -> TypeGuard[_Class]:
    return isinstance(value, _Class) and value.node is not None and value.is_config


def _label(config: _Class) -> str | None:
    label, name = config.attributes.get("label"), config.attributes.get("name")
    if name is None and config.whole:  # Django would refuse it
        return None
    if isinstance(label, str):
        return label
    if label is None and config.whole and isinstance(name, str):
        return name.rpartition(".")[2]
    return None


_MODEL_SETTING = re.compile(
    rb"""^[ \t]*([A-Z][A-Z0-9_]*MODEL[A-Z0-9_]*)[ \t]*(?::[^=\n]*)?=(?!=)[ \t]*"""
    rb"""(?:["'](\w+\.\w+)["'][ \t\r]*(?:\#.*)?$)?""",
    re.MULTILINE,
)


def read_settings(data: bytes) -> dict[str, str | None]:
    """Settings that name a model, as in ``AUTH_USER_MODEL = "users.User"``.

    None for one that is computed, or given two different values.
    """
    found: dict[str, str | None] = {}
    for match in _MODEL_SETTING.finditer(data):
        name = match[1].decode()
        value = match[2].decode("utf-8", "replace") if match[2] else None
        found[name] = value if found.get(name, value) == value else None
    return found
