"""Reads a migration file without running it.

Python's own parser reads the whole file, so what it accepts is what Django's import would accept.
From the syntax tree only that is followed which is certain (`following`). Everything else becomes
an `Unread` that says why.
"""

from __future__ import annotations

import ast
import sys
import warnings

from remigrate.following import follow
from remigrate.model import MAX_BYTES, Broken, Header, Operation, Reference, Unread
from remigrate.scope import last_name
from remigrate.values import (
    LISTS,
    Class,
    Item,
    Setting,
    Swappable,
    Unknown,
    Value,
    doubt_about,
    is_plain,
)

_TOO_LARGE = f"it is larger than {MAX_BYTES // 2**20} MiB"


def read(data: bytes) -> Header | Broken:
    """What the migration file with content `data` says about itself.

    Python would import a file beyond `MAX_BYTES` as well, so that it is not broken but unread.
    """
    if len(data) > MAX_BYTES:
        return _nothing_read(Unknown(1, _TOO_LARGE))
    tree = parse(data)
    if isinstance(tree, Broken):
        return tree
    try:
        return _header(_migration(data, tree))
    except RecursionError:
        return _nothing_read(Unknown(1, "it is nested too deeply"))


def parse(data: bytes) -> ast.Module | Broken:
    """The syntax tree of a Python file, or where and why Python would refuse it.

    What is larger than `MAX_BYTES` is refused too: its tree could take gigabytes.
    """
    if len(data) > MAX_BYTES:
        return Broken(1, 0, _TOO_LARGE)
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


def _migration(data: bytes, tree: ast.Module) -> Value:
    """The value of the module's name ``Migration``; None when it has none."""
    scope = follow(data, tree)
    if scope.star and "migration" in scope.star.why:
        return scope.names.get("Migration", scope.star)
    return scope.names.get("Migration")


def _header(migration: Value) -> Header:
    if migration is None:
        return Header(1, is_migration=False)
    if not isinstance(migration, Class) or migration.node is None:
        return _nothing_read(doubt_about(migration, 1))
    unread: list[Unread] = []
    dependencies, run_before, replaces = (_references(migration, n, unread) for n in LISTS)
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


def _nothing_read(doubt: Unknown) -> Header:
    unread = Unread("dependencies", doubt.line, doubt.why)
    return Header(doubt.line, atomic=None, unread=(unread,))


def _references(migration: Class, name: str, unread: list[Unread]) -> tuple[Reference, ...]:
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
        doubt = Unknown(line, "it is not a list") if is_plain(value) else doubt_about(value, line)
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


def _reference(item: Item) -> Reference | Unknown:
    match item.value:
        case [Item(value=str() as label), Item(value=str() as name)]:
            return Reference(label, name, item.line)
        case Swappable(to=str() as model):
            return Reference(model.split(".", 1)[0], "__first__", item.line)
        case Swappable(to=Setting(name=setting)):
            return Reference(setting, "__first__", item.line, swappable=True)
        case Unknown() as doubt:
            return doubt
        case list() as parts if any(not is_plain(part.value) for part in parts):
            return next(
                doubt_about(part.value, item.line) for part in parts if not is_plain(part.value)
            )
        case value if is_plain(value) or isinstance(value, list):
            return Unknown(item.line, "it is not an (app, name) pair")
        case value:
            return doubt_about(value, item.line)


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
    name = last_name(call.func)
    return Operation(name, call.lineno, elidable, _forward_code(name, call))


def _forward_code(name: str, call: ast.Call) -> str:
    if name not in ("RunPython", "RunWithoutModels"):
        return ""
    code = [k.value for k in call.keywords if k.arg == "code"] or call.args[:1]
    return last_name(code[0]) if code else ""
