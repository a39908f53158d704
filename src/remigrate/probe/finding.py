"""Which name, or which expression, in the source of an old migration stands for an object.

A part of the probe: Python 3.8, Django 3.2 or newer.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
import types
from typing import TYPE_CHECKING, Any

from django.db import models

from remigrate.probe import scopes, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PLACEHOLDER = "_carried_{}_"
_PLAIN = (str, bytes, int, float, complex, bool, type(None), tuple, list, dict, set, frozenset)
_LOCAL = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.For, ast.While),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


class Walked:
    """Which name, or which expression, of an old module stands for which object."""

    def __init__(self, name: str, source: str, loaded: types.ModuleType) -> None:
        self.parsed = statements.module(name, source)
        self.named: dict[int, statements.Piece] = {}
        self.expressions: dict[int, statements.Piece] = {}
        self.listed: dict[int, statements.Piece] = {}
        # What is known by its id must live on.
        self._alive: list[Any] = []
        self._walk(loaded)

    def _walk(self, loaded: types.ModuleType) -> None:
        name, main = self.parsed.name, vars(loaded).get(scopes.MIGRATION)
        self._name_all(loaded, self.parsed.bound(scopes.MODULE) - {scopes.MIGRATION}, "")
        if self.parsed.main is None or not isinstance(main, type):
            return
        own = self.parsed.bound(scopes.MIGRATION) - statements.DJANGO
        self._name_all(main, own, f"{scopes.MIGRATION}.")
        operations = vars(main).get("operations", [])
        assigned = list(_assigned(self.parsed.main, "operations"))
        nodes = [each for node in assigned for each in _elements(node)]
        for value, node in _aligned(operations, nodes):
            self._pair(value, node)
        if len(assigned) == 1:
            key = statements.Key(name, scopes.MIGRATION, "operations")
            for at, each in enumerate(operations):
                self.listed[id(each)] = statements.Piece(name, key, f"[{at}]", assigned[0])

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
            piece = statements.Piece(self.parsed.name, None, "", node)
            self.expressions.setdefault(id(value), piece)
            if isinstance(node, ast.Call):
                for each, part in _arguments(value, node):
                    self._pair(each, part)


@functools.lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8
def _walked(name: str, source: str, loaded: types.ModuleType) -> Walked:
    return Walked(name, source, loaded)


def at(name: str, path: str) -> statements.Piece:
    """What stands at this path in an old module."""
    first, _, rest = path.partition(".")
    layer = scopes.MODULE
    if first == scopes.MIGRATION and rest:
        layer = scopes.MIGRATION
        first, _, rest = rest.partition(".")
    return statements.Piece(
        name, statements.Key(name, layer, first), f".{rest}" if rest else "", None
    )


class Finder:
    """Finds what stands for an object in the sources of the old modules; hands out placeholders."""

    def __init__(self, gone: Mapping[str, str], package: str) -> None:
        self.pieces: list[statements.Piece] = []
        self.modules = statements.Sources(gone)
        # The migrations of the same app are the likely ones; often no other need be read.
        near = sorted(gone, key=lambda name: name.rpartition(".")[0] != package)
        self._gone = {name: gone[name] for name in near}

    def placeholder(self, piece: statements.Piece) -> str:
        """A name that the writer may write for this piece."""
        if piece not in self.pieces:
            self.pieces.append(piece)
        return PLACEHOLDER.format(self.pieces.index(piece))

    def is_gone(self, path: str) -> tuple[str, str] | None:
        """A dotted path as (old module, path in it), if it leads there."""
        parts = path.split(".")
        for size in range(len(parts) - 1, 0, -1):
            name = ".".join(parts[:size])
            if name in self._gone:
                return name, ".".join(parts[size:])
        return None

    def defined(self, value: Any) -> statements.Piece | None:
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

    def _out_of_migration(self, piece: statements.Piece, held: Any, value: Any) -> statements.Piece:
        """In the body of a class, a static method is something else than from outside."""
        assert piece.key is not None
        if piece.key.layer != scopes.MIGRATION or piece.rest:
            return piece
        if isinstance(held, classmethod):
            raise statements.Uncarriable(
                f"{piece.module}: {value.__qualname__} is a method of the class"
            )
        if isinstance(held, staticmethod) and held is not value:
            return piece._replace(rest=".__func__")
        return piece

    def written(self, value: Any) -> statements.Piece | None:
        """An object by a name of an old module, or by the expression that made it there."""
        if isinstance(value, _PLAIN):
            return None
        for walked in self._all_walked():
            for found in (walked.named, walked.expressions):
                if id(value) in found:
                    return found[id(value)]
        return self._lambda(value)

    def listed(self, operation: Any) -> statements.Piece | None:
        """An operation by its place in the list of its old migration, as a last resort."""
        found = (each.listed.get(id(operation)) for each in self._all_walked())
        return next((each for each in found if each is not None), None)

    def _all_walked(self) -> Iterator[Walked]:
        for name, source in self._gone.items():
            if name in sys.modules:
                yield _walked(name, source, sys.modules[name])

    # --- lambdas by their position ---------------------------------------------------------------

    def _lambda(self, value: Any) -> statements.Piece | None:
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
            raise statements.Uncarriable(
                f"{where} has several lambdas, and which is meant cannot be told"
            )
        return statements.Piece(name, None, "", same[0])


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
