"""The file of a new migration, with the code of the old ones that it needs copied into it.

A part of the probe: Python 3.8, Django 3.2 or newer.

    write(migration, gone, package=None) -> str

migration   an instance of Django's Migration. Nothing in it is changed.
gone        dotted name to source of the migration modules that will be deleted, in the order of
            the plan. They are still loaded: their objects are looked at.
package     dotted name of the package that the new file goes to; that of the app's migrations

The text is what Django's MigrationWriter writes without its header, with what the writer leaves
out: `atomic`, `run_before`, an operation's `elidable`, arguments of custom operations by keyword
only. What comes from `gone` stands between the imports and the class, with all that it needs
there, each module's statements in their old order. A name that is taken is changed to
`name_0005`, after the number of its old file. What the old operations wrote as an expression
(a lambda, a call that makes a function) is written so again.

Code that reads files beside `__file__` works on, as the new file is in the same folder; where it is
not, that is refused. `__name__` becomes the new module's. When one old module has
``from __future__ import annotations``, the new file has it for all.

Uncarriable is raised, with file and line, for what cannot be copied: names that come from
``import *``, imports of a module that will be gone in other forms than ``from it import name``,
uses of the old ``class Migration``, values that stand nowhere in the source.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import io
import itertools
import re
import sys
import tokenize
import types
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.migrations import serializer, writer
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from remigrate.probe import closure, scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Uncarriable = closure.Uncarriable

_PLACEHOLDER = "_carried_{}_"
_PLAIN = (str, bytes, int, float, complex, bool, type(None), tuple, list, dict, set, frozenset)
_LOCAL = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.For, ast.While),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_HEAD = "class Migration(migrations.Migration):\n"


def write(migration: Any, gone: Mapping[str, str], package: str | None = None) -> str:
    """The text of the migration's file, which needs none of the modules that are gone."""
    if package is None:
        package = MigrationLoader.migrations_module(migration.app_label)[0] or ""
    finder = Finder(gone, package)
    with _serializing(finder):
        text = writer.MigrationWriter(migration, include_header=False).as_string()
    text = _with_attributes(text, migration)
    whole = closure.Closure(finder.modules, package)
    for piece in finder.pieces:
        whole.add(piece)
    whole.settle(_bound_by_imports(text))
    text = _compose(text, whole, [whole.text_of(piece) for piece in finder.pieces])
    _check(text, gone)
    return text


# --- what an object of an old module is called ----------------------------------------------------


class Walked:
    """Which name, or which expression, of an old module stands for which object."""

    def __init__(self, name: str, source: str, loaded: types.ModuleType) -> None:
        self.parsed = closure.module(name, source)
        self.named: dict[int, closure.Piece] = {}
        self.expressions: dict[int, closure.Piece] = {}
        self.listed: dict[int, closure.Piece] = {}
        # What is known by its id must live on.
        self._alive: list[Any] = []
        self._walk(loaded)

    def _walk(self, loaded: types.ModuleType) -> None:
        name, main = self.parsed.name, vars(loaded).get(scopes.MIGRATION)
        self._name_all(loaded, self.parsed.bound(scopes.MODULE) - {scopes.MIGRATION}, "")
        if self.parsed.main is None or not isinstance(main, type):
            return
        own = self.parsed.bound(scopes.MIGRATION) - closure.DJANGO
        self._name_all(main, own, f"{scopes.MIGRATION}.")
        operations = vars(main).get("operations", [])
        assigned = list(_assigned(self.parsed.main, "operations"))
        nodes = [each for node in assigned for each in _elements(node)]
        for value, node in _aligned(operations, nodes):
            self._pair(value, node)
        if len(assigned) == 1:
            key = closure.Key(name, scopes.MIGRATION, "operations")
            for at, each in enumerate(operations):
                self.listed[id(each)] = closure.Piece(name, key, f"[{at}]", assigned[0])

    def _name_all(self, holder: Any, names: set[str], before: str) -> None:
        for each in sorted(names):
            value = vars(holder).get(each)
            if not isinstance(value, (*_PLAIN, types.ModuleType)):
                self._alive.append(value)
                self.named.setdefault(id(value), at(self.parsed.name, before + each))

    def _pair(self, value: Any, node: ast.expr) -> None:
        """Note which expression made which object, as deep as both can be followed."""
        if isinstance(value, (list, tuple)) and isinstance(node, (ast.List, ast.Tuple)):
            for each, part in _aligned(value, node.elts):
                self._pair(each, part)
        elif isinstance(value, dict) and isinstance(node, ast.Dict):
            if len(value) == len(node.values) and None not in node.keys:
                for each, part in _zip(list(value.values()), node.values):
                    self._pair(each, part)
        elif not isinstance(value, _PLAIN):
            self._alive.append(value)
            piece = closure.Piece(self.parsed.name, None, "", node)
            self.expressions.setdefault(id(value), piece)
            if isinstance(node, ast.Call):
                for each, part in _arguments(value, node):
                    self._pair(each, part)


@functools.lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8
def _walked(name: str, source: str, loaded: types.ModuleType) -> Walked:
    return Walked(name, source, loaded)


def at(name: str, path: str) -> closure.Piece:
    """What stands at this path in an old module."""
    first, _, rest = path.partition(".")
    layer = scopes.MODULE
    if first == scopes.MIGRATION and rest:
        layer = scopes.MIGRATION
        first, _, rest = rest.partition(".")
    return closure.Piece(name, closure.Key(name, layer, first), f".{rest}" if rest else "", None)


class Finder:
    """Finds what stands for an object in the sources of the old modules; hands out placeholders."""

    def __init__(self, gone: Mapping[str, str], package: str) -> None:
        self.pieces: list[closure.Piece] = []
        self.modules = closure.Sources(gone)
        # The migrations of the same app are the likely ones; often no other need be read.
        near = sorted(gone, key=lambda name: name.rpartition(".")[0] != package)
        self._gone = {name: gone[name] for name in near}

    def placeholder(self, piece: closure.Piece) -> str:
        """A name that the writer may write for this piece."""
        if piece not in self.pieces:
            self.pieces.append(piece)
        return _PLACEHOLDER.format(self.pieces.index(piece))

    def is_gone(self, path: str) -> tuple[str, str] | None:
        """A dotted path as (old module, path in it), if it leads there."""
        parts = path.split(".")
        for size in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:size])
            if name in self._gone:
                return name, ".".join(parts[size:])
        return None

    def defined(self, value: Any) -> closure.Piece | None:
        """A function or class by the path that it has in an old module."""
        name, path = getattr(value, "__module__", None), getattr(value, "__qualname__", "<")
        if not isinstance(name, str) or name not in self._gone or "<" in path:
            return None
        parts = path.split(".")
        # A function may come from a module that nobody registered.
        names = vars(sys.modules[name]) if name in sys.modules else _globals(value)
        around: Any = None
        found = names.get(parts[0])
        for each in parts[1:]:
            around, found = found, getattr(found, each, None)
        if found != value:
            return None
        held = vars(around).get(parts[-1]) if around is not None else value
        return self._out_of_migration(at(name, path), held, value)

    def _out_of_migration(self, piece: closure.Piece, held: Any, value: Any) -> closure.Piece:
        """In the body of a class, a static method is something else than from outside."""
        assert piece.key is not None
        if piece.key.layer != scopes.MIGRATION or piece.rest:
            return piece
        if isinstance(held, classmethod):
            raise Uncarriable(f"{piece.module}: {value.__qualname__} is a method of the class")
        if isinstance(held, staticmethod) and held is not value:
            return piece._replace(rest=".__func__")
        return piece

    def written(self, value: Any) -> closure.Piece | None:
        """An object by a name of an old module, or by the expression that made it there."""
        if isinstance(value, _PLAIN):
            return None
        for walked in self._all_walked():
            for found in (walked.named, walked.expressions):
                if id(value) in found:
                    return found[id(value)]
        return self._lambda(value)

    def listed(self, operation: Any) -> closure.Piece | None:
        """An operation by its place in the list of its old migration, as a last resort."""
        found = (each.listed.get(id(operation)) for each in self._all_walked())
        return next((each for each in found if each is not None), None)

    def _all_walked(self) -> Iterator[Walked]:
        for name, source in self._gone.items():
            if name in sys.modules:
                yield _walked(name, source, sys.modules[name])

    # --- lambdas by their position ---------------------------------------------------------------

    def _lambda(self, value: Any) -> closure.Piece | None:
        code: Any = getattr(value, "__code__", None)
        name: Any = getattr(value, "__module__", None)
        if code is None or name not in self._gone or value.__name__ != "<lambda>":
            return None
        if value.__closure__ or "<locals>" in value.__qualname__:
            return None
        module = self.modules[name]
        found = [each for each in _free_lambdas(module.tree) if each.lineno == code.co_firstlineno]
        same = [each for each in found if len(found) == 1 or _compiles_to(each, code)]
        if not found:
            return None
        if len({ast.dump(each) for each in same}) != 1:
            where = f"{name.replace('.', '/')}.py:{code.co_firstlineno}"
            raise Uncarriable(f"{where} has several lambdas, and which is meant cannot be told")
        return closure.Piece(name, None, "", same[0])


def _globals(value: Any) -> dict[str, Any]:
    """The names that a function sees."""
    found: dict[str, Any] = getattr(inspect.unwrap(value), "__globals__", {})
    return found


def _free_lambdas(node: ast.AST) -> Iterator[ast.Lambda]:
    """Lambdas that run once and see nothing but the names of the module."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.Lambda):
            yield each
        local = isinstance(each, ast.ClassDef) and each.name != scopes.MIGRATION
        if not local and not isinstance(each, _LOCAL):
            yield from _free_lambdas(each)


def _compiles_to(node: ast.Lambda, code: types.CodeType) -> bool:
    compiled = compile(ast.Expression(node), "<lambda>", "eval")
    inner = next(each for each in compiled.co_consts if isinstance(each, types.CodeType))
    return _essence(inner) == _essence(code)


def _essence(code: types.CodeType) -> tuple[Any, ...]:
    constants = [
        _essence(each) if isinstance(each, types.CodeType) else (type(each), each)
        for each in code.co_consts
    ]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)


def _assigned(node: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    """The values that are bound or added to a name in a class."""
    for each in node.body:
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(each, "value", None)
            if value is not None:
                yield value


def _elements(node: ast.expr) -> list[ast.expr]:
    """The elements of a list that is written out; what is not is one starred element."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_elements(node.left), *_elements(node.right)]
    return [ast.Starred(node, ast.Load())]


def _aligned(values: Sequence[Any], nodes: Sequence[ast.expr]) -> Iterator[tuple[Any, ast.expr]]:
    """Values and their expressions, up to the first starred one and from the end to the last."""
    starred = [at for at, each in enumerate(nodes) if isinstance(each, ast.Starred)]
    if not starred:
        if len(values) == len(nodes):
            yield from _zip(values, nodes)
        return
    yield from _zip(values, nodes[: starred[0]])
    after = nodes[starred[-1] + 1 :]
    yield from _zip(values[len(values) - len(after) :], after)


def _zip(one: Sequence[Any], other: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return ((one[at], other[at]) for at in range(min(len(one), len(other))))


def _arguments(value: Any, node: ast.Call) -> Iterator[tuple[Any, ast.expr]]:
    """The arguments that an object was made with, and their expressions."""
    if isinstance(value, (functools.partial, functools.partialmethod)):
        given: Sequence[Any] = (value.func, *value.args)
        named: Mapping[str, Any] = value.keywords
    elif isinstance(value, models.Field):
        given, named = (), value.deconstruct()[3]
    else:
        given, named = getattr(value, "_constructor_args", ((), {}))
    plain = itertools.takewhile(lambda each: not isinstance(each, ast.Starred), node.args)
    yield from _zip(given, list(plain))
    for each in node.keywords:
        if each.arg is not None and each.arg in named:
            yield named[each.arg], each.value


# --- the writer -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _serializing(finder: Finder) -> Iterator[None]:
    """Django's writer, with placeholders for what comes from the old modules."""
    original, operations = serializer.serializer_factory, writer.OperationWriter

    class Carrying(operations):  # type: ignore[misc, valid-type]
        def serialize(self) -> tuple[str, set[str]]:
            return _operation(finder, self, super().serialize)

    def factory(value: Any) -> Any:
        return _Serializer(finder, value, original)

    serializer.serializer_factory = writer.serializer_factory = factory
    writer.OperationWriter = Carrying
    try:
        yield
    finally:
        serializer.serializer_factory = writer.serializer_factory = original
        writer.OperationWriter = operations


class _Serializer(serializer.BaseSerializer):  # type: ignore[misc]
    """Django's serializer of a value, unless the value stands in an old module."""

    def __init__(self, finder: Finder, value: Any, original: Any) -> None:
        super().__init__(value)
        self._finder = finder
        self._original = original

    def serialize(self) -> tuple[str, set[str]]:
        value, finder = self.value, self._finder
        piece = finder.defined(value)
        if piece is not None:
            return finder.placeholder(piece), set()
        owner = getattr(value, "__self__", None)
        if isinstance(value, types.MethodType) and not isinstance(owner, type):
            # Django would write the plain function.
            return self._method(owner, value.__name__)
        try:
            text, imports = self._original(value).serialize()
            return _without_paths(finder, text, set(imports), _paths(value))
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            piece = finder.written(value)
            if piece is None:
                raise Uncarriable(f"{value!r} cannot be written: {error}") from error
            return finder.placeholder(piece), set()

    def _method(self, owner: Any, name: str) -> tuple[str, set[str]]:
        piece = self._finder.written(owner)
        if piece is not None:
            return f"{self._finder.placeholder(piece)}.{name}", set()
        text, imports = _Serializer(self._finder, owner, self._original).serialize()
        return f"{text}.{name}", imports


def _paths(value: Any) -> list[str]:
    """Dotted paths that Django writes for a value which is an instance of an old module's class."""
    kind = type(value)
    found = [f"{kind.__module__}.{kind.__qualname__}"]
    if isinstance(value, models.Field):
        found.append(value.deconstruct()[1])
    elif isinstance(value, models.manager.BaseManager):
        found += filter(None, value.deconstruct()[1:3])
    elif hasattr(value, "deconstruct") and not isinstance(value, (type, Operation)):
        found.append(value.deconstruct()[0])
    return found


def _without_paths(
    finder: Finder, text: str, imports: set[str], paths: Sequence[str]
) -> tuple[str, set[str]]:
    for path in paths:
        found = finder.is_gone(path)
        if found is not None:
            # An enumeration's flags are several of them.
            written = re.escape(path) + r"(?=[\[(.])"
            held = finder.placeholder(at(*found))
            text = re.sub(rf"(?:(?<=^)|(?<= \| )){written}", held, text)
            imports = imports - {f"import {path.rpartition('.')[0]}", f"import {found[0]}"}
    left = sorted(each for each in imports if each.replace("import ", "") in finder.modules)
    if left:
        raise ValueError(f"it needs {left[0]}, which will be gone")
    return text, imports


def _operation(finder: Finder, own: Any, serialize: Any) -> tuple[str, set[str]]:
    """An operation as the writer has it, whole."""
    operation, indentation = own.operation, "    " * own.indentation
    try:
        text, imports = _by_its_arguments(finder, own, serialize)
    except (Uncarriable, ValueError, TypeError, IndexError) as error:
        piece = finder.written(operation) or finder.listed(operation)
        if piece is None:
            raise error if isinstance(error, Uncarriable) else Uncarriable(str(error)) from error
        return f"{indentation}{finder.placeholder(piece)},", set()
    kind = type(operation)
    lines = text.split("\n")
    name = lines[0].strip()[:-1]
    if kind.__module__ in finder.modules:
        lines[0] = f"{indentation}{finder.placeholder(at(kind.__module__, kind.__qualname__))}("
        imports = imports - {f"import {kind.__module__}"}
    elif not name.startswith("migrations."):
        lines[0] = f"{indentation}{kind.__module__}.{kind.__qualname__}("
    return "\n".join(lines), imports


def _by_its_arguments(finder: Finder, own: Any, serialize: Any) -> tuple[str, set[str]]:
    operation = own.operation
    _, args, kwargs = operation.deconstruct()
    accepted = [
        each.name
        for each in inspect.signature(type(operation).__init__).parameters.values()
        if each.kind is each.POSITIONAL_OR_KEYWORD
    ][1:]
    if len(args) > len(accepted) or set(kwargs) - set(accepted):
        return _as_constructed(own, operation)
    text, imports = serialize()
    if operation.elidable and "elidable" in accepted and "elidable" not in kwargs:
        before, _, last = text.rpartition("\n")
        deeper = "    " * (own.indentation + 1)
        text = f"{before}\n{deeper}elidable=True,\n{last}"
    return text, imports


def _as_constructed(own: Any, operation: Any) -> tuple[str, set[str]]:
    """The call that made the operation, where `deconstruct` does not say it as Django reads it."""
    kind = type(operation)
    args, kwargs = operation._constructor_args
    imports = {f"import {kind.__module__}"}
    own.feed(f"{kind.__module__}.{kind.__qualname__}(")
    own.indent()
    for name, value in [*(("", each) for each in args), *kwargs.items()]:
        text, needed = writer.MigrationWriter.serialize(value)
        imports |= set(needed)
        own.feed(f"{name}={text}," if name else f"{text},")
    own.unindent()
    own.feed("),")
    return own.render(), imports


# --- the text -------------------------------------------------------------------------------------


def _with_attributes(text: str, migration: Any) -> str:
    """With `atomic` and `run_before`, which older writers leave out."""
    start = text.index(_HEAD) + len(_HEAD)
    at = text.index("\n    dependencies = [", start)
    head = text[start:at]
    if not migration.atomic and "\n    atomic = " not in head:
        head += "\n    atomic = False\n"
    if migration.run_before and "\n    run_before = " not in head:
        named = writer.MigrationWriter.serialize(list(migration.run_before))[0]
        head += f"\n    run_before = {named}\n"
    return text[:start] + head + text[at:]


def _bound_by_imports(text: str) -> dict[str, closure.Import]:
    """What the writer's own imports bind."""
    found: dict[str, closure.Import] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.name] = closure.Import(node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                found[root] = closure.Import(root, "", True)
    return found


def _compose(text: str, whole: closure.Closure, texts: Sequence[str]) -> str:
    at = text.index(f"\n\n{_HEAD}")
    imports, main = text[:at], text[at:]
    futures, more, code = whole.futures(), whole.imports(), whole.code()
    if more:
        imports = _merged(imports, more)
    if futures:
        imports = f"from __future__ import {', '.join(futures)}\n\n{imports}"
    body = f"\n\n{code}\n" if code else ""
    return imports + body + _filled(main, texts)


def _merged(imports: str, more: Sequence[str]) -> str:
    """The writer's imports and the carried ones, each once, ordered as the writer does it."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in [*imports.splitlines(), *more]:
        if line.startswith("from ") and " as " not in line:
            module, _, names = line[len("from ") :].partition(" import ")
            named.setdefault(module, set()).update(names.split(", "))
        elif line:
            plain.add(line)
    plain |= {f"from {each} import {', '.join(sorted(named[each]))}" for each in named}
    return "\n".join(sorted(plain, key=_rank)) + "\n"


def _rank(line: str) -> tuple[bool, bool, str, bool, str]:
    word, module = line.split()[:2]
    return word == "from", module.startswith("."), module, " as " in line, line


def _filled(text: str, texts: Sequence[str]) -> str:
    """With the placeholders' texts: names are replaced, strings are left alone."""
    values = {_PLACEHOLDER.format(at): each for at, each in enumerate(texts)}
    lines = io.StringIO(text).readlines()
    tokens = list(tokenize.generate_tokens(iter(lines).__next__))
    for each in reversed(tokens):
        if each.type == tokenize.NAME and each.string in values:
            (line, start), (_, end) = each.start, each.end
            old = lines[line - 1]
            lines[line - 1] = old[:start] + values[each.string] + old[end:]
    return "".join(lines)


def _check(text: str, gone: Mapping[str, str]) -> None:
    """That the file can be compiled, and needs nothing that will be gone."""
    tree = ast.parse(text)
    compile(text, "<migration>", "exec", dont_inherit=True)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{each.name}" for each in node.names)]
        for name in names:
            if name in gone:
                raise Uncarriable(f"the new file would import {name}, which will be gone")
