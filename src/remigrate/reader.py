"""Reads a migration file without running it.

Python's own parser reads the whole file, so what it accepts is what Django's import would accept.
From the syntax tree only that is followed which is certain: literals, lists and tuples,
concatenation, names bound once in the same file, `swappable_dependency`, and changes made to
``Migration`` after its definition. Everything else becomes an `Unread` that says why.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from typing import NamedTuple, TypeGuard

from remigrate.model import MAX_BYTES, Broken, Header, Operation, Reference, Unread

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


class _Class(NamedTuple):
    node: ast.ClassDef | None
    """None for Django's own ``Migration``."""
    attributes: dict[str, _Value]
    whole: bool
    """False when a base stands in another file, so that an absent attribute says nothing."""


_Value = str | bool | int | None | list[_Item] | _Unknown | _Setting | _Swappable | _Module | _Class

_DJANGO = _Class(
    None,
    {"dependencies": [], "run_before": [], "replaces": [], "initial": None, "atomic": True},
    whole=True,
)


def read(data: bytes) -> Header | Broken:
    """What the migration file with content `data` says about itself."""
    if len(data) > MAX_BYTES:
        return Broken(1, 0, f"it is larger than {MAX_BYTES // 2**20} MiB")
    tree = parse(data)
    if isinstance(tree, Broken):
        return tree
    return _header(_Reading().module(tree))


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
    for number, row in enumerate(data.split(b"\n"), 1):
        if row.startswith((b"<<<<<<< ", b">>>>>>> ")):
            return Broken(number, 1, "conflict markers were left in it")
    line, column = error.lineno or 1, error.offset or 0
    if b"\0" in data:
        return Broken(data[: data.find(b"\0")].count(b"\n") + 1, 0, "it holds a null byte")
    if "codec can't decode" in str(error) or "encoding" in str(error):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as undecodable:
            before = data[: undecodable.start]
            line, column = before.count(b"\n") + 1, undecodable.start - before.rfind(b"\n")
        return Broken(line, column, "its bytes cannot be decoded")
    version = "{}.{}".format(*sys.version_info)
    return Broken(line, column, f"Python {version} says: {error.msg}")


class _Reading:
    """The names of one file, as far as they are certain."""

    def __init__(self, outer: _Reading | None = None) -> None:
        self.outer = outer
        self.names: dict[str, _Value] = {}
        """What the module, or the class body inside it, has bound so far."""

    def find(self, name: str) -> _Value:
        """What `name` stands for; `_Unknown` when nothing in the file binds it for certain."""
        if name in self.names:
            return self.names[name]
        return (
            self.outer.find(name) if self.outer else _Unknown(1, f"{name} is not bound in the file")
        )

    def module(self, tree: ast.Module) -> _Value:
        """The value of the module's name ``Migration``; None when it has none."""
        for statement in tree.body:
            self.statement(statement)
        return self.names.get("Migration")

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.ImportFrom():
                self.import_from(node)
            case ast.Import():
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    self.names[name] = _Module(alias.name if alias.asname else name)
            case ast.ClassDef():
                self.names[node.name] = self.class_(node)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.assign(target, self.value(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value))
            case ast.AugAssign(target=target, op=ast.Add(), value=value):
                self.extend(target, self.value(value), node.lineno)
            case ast.Expr(value=ast.Call() as call):
                self.method(call)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.names[node.name] = _Unknown(node.lineno, f"{node.name}() is called")
            case _:
                self.compound(node)

    def import_from(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            name = alias.asname or alias.name
            if node.module == "django.conf" and alias.name == "settings":
                self.names[name] = _Module("django.conf.settings")
            elif node.module == "django.db" and alias.name == "migrations":
                self.names[name] = _Module("django.db.migrations")
            elif (node.module or "").startswith("django.db.migrations") and not node.level:
                self.names[name] = _module_attribute("django.db.migrations", alias.name)
            else:
                where = "." * node.level + (node.module or "")
                self.names[name] = _Unknown(node.lineno, f"{name} is imported from {where}")

    def class_(self, node: ast.ClassDef) -> _Class:
        attributes: dict[str, _Value] = {}
        whole = True
        for base in reversed(node.bases):
            found = self.value(base)
            if isinstance(found, _Class):
                attributes.update(found.attributes)
                whole = whole and found.whole
            else:
                whole = whole and isinstance(base, ast.Name) and base.id == "object"
        inner = _Reading(self)
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                inner.touched_by(statement, "it is set by __init__ when Django runs")
            else:
                inner.statement(statement)
        attributes.update(inner.names)
        if node.decorator_list:
            unknown = _Unknown(node.lineno, "the class has a decorator")
            attributes.update(dict.fromkeys(_LISTS, unknown))
        return _Class(node, attributes, whole)

    def compound(self, node: ast.stmt) -> None:
        """A statement that may or may not bind names: what it binds is no longer certain."""
        if isinstance(node, ast.Pass | ast.Expr | ast.Assert | ast.Delete):
            return
        for inner in ast.walk(node):
            if isinstance(inner, ast.ClassDef | ast.FunctionDef):
                self.names[inner.name] = _Unknown(
                    inner.lineno, f"{inner.name} stands under a condition"
                )
        self.touched_by(node, "it depends on a condition")

    def touched_by(self, node: ast.stmt, why: str) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self.names[inner.id] = _Unknown(inner.lineno, why)
            elif isinstance(inner, ast.Attribute) and inner.attr in _ATTRIBUTES:
                self.forget(inner, why)
            elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                if isinstance(inner.func.value, ast.Name) and inner.func.value.id in _LISTS:
                    self.names[inner.func.value.id] = _Unknown(inner.lineno, why)

    def forget(self, attribute: ast.Attribute, why: str) -> None:
        if not isinstance(attribute.value, ast.Name):
            return
        owner = self.find(attribute.value.id)
        unknown = _Unknown(attribute.lineno, why)
        if isinstance(owner, _Class) and owner.node is not None:
            owner.attributes[attribute.attr] = unknown
        elif attribute.value.id in ("self", "cls"):
            self.names[attribute.attr] = unknown

    def assign(self, target: ast.expr, value: _Value) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                found = self.find(owner)
                if isinstance(found, _Class) and found.node is not None:
                    found.attributes[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    self.assign(part, _Unknown(part.lineno, "it is unpacked from something"))
            case _:
                return

    def extend(self, target: ast.expr, more: _Value, line: int) -> None:
        self.assign(target, _concatenated(self.value(target), more, line))

    def method(self, call: ast.Call) -> None:
        """``names.append(x)`` and its like, as a statement."""
        match call:
            case ast.Call(
                func=ast.Attribute(value=target, attr="append" | "insert"), args=[*_, item]
            ):
                addition: _Value = [_Item(self.value(item), item.lineno)]
            case ast.Call(func=ast.Attribute(value=target, attr="extend"), args=[items]):
                addition = self.value(items)
            case ast.Call(func=ast.Attribute(value=target, attr="remove" | "pop" | "clear")):
                addition = _Unknown(call.lineno, "entries are removed by code")
            case _:
                return
        if isinstance(self.value(target), list):
            self.extend(target, addition, call.lineno)

    def value(self, node: ast.expr) -> _Value:
        """What an expression stands for; `_Unknown` when that is not certain."""
        match node:
            case ast.Constant(value=constant):
                return _constant(constant, node.lineno)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return self.items(parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _concatenated(self.value(left), self.value(right), node.lineno)
            case ast.JoinedStr(values=parts):
                return self.joined(parts, node.lineno)
            case ast.Name(id=name):
                return self.find(name)
            case ast.Attribute(value=owner, attr=name):
                return _attribute(self.value(owner), name, node.lineno)
            case ast.Call(func=func, args=args):
                return self.call(func, args, node.lineno)
            case _:
                return _Unknown(node.lineno, "it is computed when Django runs")

    def items(self, parts: list[ast.expr]) -> _Value:
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
                return self.value(argument)
            case _:
                return _Unknown(line, f"{name or 'something'}() is called")


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
    if module == "django.db.migrations" and name == "Migration":
        return _DJANGO
    return _Module(f"{module}.{name}")


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
    return parts[0] + parts[1]


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
        doubt = _doubt(migration, 1)
        return Header(doubt.line, unread=(Unread("dependencies", doubt.line, doubt.why),))
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
        doubt = _doubt(value, migration.node.lineno)
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
        case list() as parts:
            doubts = [part.value for part in parts if isinstance(part.value, _Unknown)]
            return doubts[0] if doubts else _Unknown(item.line, "it is not an (app, name) pair")
        case value:
            return _doubt(value, item.line)


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
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [operation for part in parts for operation in _operations(part)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _operations(left) + _operations(right)
        case ast.Call(func=func, keywords=keywords):
            elidable = any(
                k.arg == "elidable" and isinstance(k.value, ast.Constant) and k.value.value is True
                for k in keywords
            )
            name = _last_name(func)
            return [Operation(name, node.lineno, elidable, _forward_code(name, node))]
        case _:
            return [Operation("", node.lineno)]


def _forward_code(name: str, call: ast.Call) -> str:
    if name != "RunPython":
        return ""
    code = [k.value for k in call.keywords if k.arg == "code"] or call.args[:1]
    return _last_name(code[0]) if code else ""


def read_config(data: bytes) -> str | None:
    """The app label that an ``apps.py`` gives its app; None when the file does not say for certain.

    Django takes the only `AppConfig` of the module, or the only one with ``default = True``
    (``AppConfig.create``).
    """
    tree = parse(data)
    if isinstance(tree, Broken):
        return None
    reading = _Reading()
    reading.module(tree)
    configs = [value for value in reading.names.values() if _is_config(value)]
    if len(configs) > 1:
        chosen = [config for config in configs if config.attributes.get("default") is True]
        configs = chosen or [c for c in configs if c.attributes.get("default") is not False]
    labels = {_label(config) for config in configs}
    return labels.pop() if len(labels) == 1 else None


def _is_config(value: _Value) -> TypeGuard[_Class]:
    return (
        isinstance(value, _Class)
        and value.node is not None
        and any(_last_name(base).endswith("Config") for base in value.node.bases)
    )


def _label(config: _Class) -> str | None:
    label, name = config.attributes.get("label"), config.attributes.get("name")
    if isinstance(label, str):
        return label
    assert config.node is not None
    direct = any(_last_name(base) == "AppConfig" for base in config.node.bases)
    if label is None and direct and isinstance(name, str):
        return name.rpartition(".")[2]
    return None


_MODEL_SETTING = re.compile(
    rb"""^[ \t]*([A-Z][A-Z0-9_]*MODEL[A-Z0-9_]*)[ \t]*(?::[^=\n]*)?=(?!=)[ \t]*"""
    rb"""(?:["'](\w+\.\w+)["'][ \t]*(?:\#.*)?$)?""",
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
