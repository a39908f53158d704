"""The statements of an old migration module: what each binds and changes, and its text.

A part of the probe: Python 3.8, standard library only. Nothing is run here, sources are read.
"""

from __future__ import annotations
import __future__

import ast
import functools
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.probe import scopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DJANGO = {"atomic", "dependencies", "elidable", "initial", "operations", "replaces", "run_before"}
"""What `class Migration` binds for Django, and what a name in its body would therefore find."""
PURE = {
    *("all", "any", "bool", "bytes", "dict", "enumerate", "filter", "float", "frozenset", "int"),
    *("isinstance", "len", "list", "map", "max", "min", "print", "range", "repr", "reversed"),
    *("set", "sorted", "str", "sum", "tuple", "type", "zip"),
}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Uncarriable(Exception):
    """Code that cannot be copied into the new file; says which and why."""


class Key(NamedTuple):
    """A name that an old module binds."""

    module: str
    layer: str
    name: str


class Import(NamedTuple):
    """What a name that is imported stands for: ``from module import name``, ``import module``."""

    module: str
    name: str = ""
    whole: bool = False
    """``import a.b``, which binds ``a``."""


class Unit:
    """One statement of an old module, or one part of an import."""

    def __init__(
        self, module: Module, node: ast.stmt, layer: str, index: int, alias: int | None = None
    ) -> None:
        self.module = module
        self.node = node
        self.layer = layer
        self.index = index
        self.alias = alias
        refs = module.blocks.within(node)
        self.refs = refs if alias is None else [ref for ref in refs if ref.part == alias]
        self.binds = {
            ref.name for ref in self.refs if ref.layer == layer and _binds(ref.node)
        } & set(module.bound(layer))

    @property
    def imported(self) -> Import | None:
        """What an import stands for."""
        if self.alias is None:
            return None
        node: Any = self.node
        alias = node.names[self.alias]
        if isinstance(node, ast.ImportFrom):
            return Import(absolute(self.module.package, node.module, node.level), alias.name)
        return Import(alias.name, "", alias.asname is None)


def _binds(node: ast.AST) -> bool:
    return not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load)


def absolute(package: str, module: str | None, level: int) -> str:
    """The dotted name of the module that an import in this package means."""
    if not level:
        return module or ""
    around = package.split(".")
    base = ".".join(around[: len(around) - level + 1])
    return f"{base}.{module}" if module else base


class Module:
    """An old migration module: its statements, and which of them bind and change which names."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.package = name.rpartition(".")[0]
        self.source = source.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
        self.lines = self.source.encode().split(b"\n")
        self.tree = ast.parse(self.source)
        self.futures: list[str] = []
        self.stars: list[ast.ImportFrom] = []
        self.main: ast.ClassDef | None = None
        self._statements: list[tuple[ast.stmt, str, int]] = []
        own = {name for name, _ in scopes.bindings(self.tree.body)}
        self._bound = {scopes.MODULE: own | self._declared(), scopes.MIGRATION: set()}
        for index, node in enumerate(self.tree.body):
            self._add(node, index)

    @functools.cached_property
    def blocks(self) -> scopes.Scopes:
        """To what its names belong."""
        return scopes.Scopes(self.source, self.tree)

    @functools.cached_property
    def units(self) -> list[Unit]:
        """Its statements, in their order."""
        return [each for args in self._statements for each in self._units(*args)]

    def _declared(self) -> set[str]:
        declared = (each for each in ast.walk(self.tree) if isinstance(each, ast.Global))
        return {name for each in declared for name in each.names}

    def _add(self, node: ast.stmt, index: int) -> None:
        if isinstance(node, ast.ClassDef) and node.name == scopes.MIGRATION:
            self.main = node
            own = {name for name, _ in scopes.bindings(node.body)}
            self._bound[scopes.MIGRATION] = own
            for each in node.body:
                if not self._is_for_django(each):
                    self._add_statement(each, scopes.MIGRATION, index)
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self.futures += [each.name for each in node.names if _is_optional(each.name)]
        else:
            self._add_statement(node, scopes.MODULE, index)

    def _add_statement(self, node: ast.stmt, layer: str, index: int) -> None:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            self.stars.append(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            self._statements.append((node, layer, index))

    def _units(self, node: ast.stmt, layer: str, index: int) -> list[Unit]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return [Unit(self, node, layer, index, part) for part in range(len(node.names))]
        return [Unit(self, node, layer, index)]

    def _is_for_django(self, node: ast.stmt) -> bool:
        bound = {name for name, _ in scopes.bindings([node])}
        return bool(bound) and bound <= DJANGO

    def bound(self, layer: str) -> set[str]:
        """Names that are bound in this layer."""
        return self._bound[layer]

    def where(self, node: Any) -> str:
        """File and line, for a reason."""
        return f"{self.name.replace('.', '/')}.py:{node.lineno}"

    def needed_for(self, key: Key) -> list[Unit]:
        """The statements that bind this name, or may change what it holds."""
        return [unit for unit in self.units if key.layer == unit.layer and key.name in unit.binds
                or key.layer == scopes.MODULE and self._changes(unit, key.name)]  # fmt: skip

    def standing(self) -> list[Unit]:
        """Calls at the top of the module for what they do: they ran before whatever came next."""
        return [
            unit
            for unit in self.units
            if isinstance(unit.node, ast.Expr) and unit.layer == scopes.MODULE
        ]

    # --- what changes a name without binding it --------------------------------------------------

    def _changes(self, unit: Unit, name: str) -> bool:
        node = unit.node
        if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_main_guard(node):
            return False
        if isinstance(node, DEFINITIONS):
            # A decorator may write down what it decorates.
            found = [
                self._called(root(each), each) | self._not_fixed({root(each)})
                for each in node.decorator_list
            ]
            return any(name in each for each in found)
        return any(name in self._changed_by(each) for each in scopes.running(node))

    def _changed_by(self, node: ast.AST) -> set[str]:
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            stored = not isinstance(node.ctx, ast.Load)
            return {root(node)} if stored else set()
        if not isinstance(node, ast.Call):
            return set()
        called = root(node.func)
        if isinstance(node.func, ast.Name) and called in PURE - self._bound[scopes.MODULE]:
            return set()
        receiver = called if isinstance(node.func, ast.Attribute) else ""
        return self._called(called, node) | self._not_fixed({receiver})

    def _called(self, name: str, node: ast.AST) -> set[str]:
        """What a call may change: what it is given, and what the function of that name uses."""
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given = [*node.args, *(each.value for each in node.keywords)]
        return self._not_fixed({root(each) for each in given} | self._reached(name))

    def _not_fixed(self, names: set[str]) -> set[str]:
        return {name for name in names if not self._is_fixed(name)}

    def _reached(self, name: str, seen: set[str] | None = None) -> set[str]:
        """Names that a function of the module uses, and those that it calls."""
        seen = seen if seen is not None else set()
        if name in seen:
            return set()
        seen.add(name)
        found: set[str] = set()
        for unit in self.units:
            if name in unit.binds and isinstance(unit.node, DEFINITIONS):
                found |= {ref.name for ref in unit.refs}
                found |= {each for ref in unit.refs for each in self._reached(ref.name, seen)}
        return found

    def _is_fixed(self, name: str) -> bool:
        """Whether a name only ever stands for something that a call does not change."""
        binding = [unit for unit in self.units if name in unit.binds and not unit.layer]
        return bool(binding) and all(
            isinstance(unit.node, (*DEFINITIONS, ast.Import, ast.ImportFrom))
            or isinstance(unit.node, (ast.Assign, ast.AnnAssign))
            and is_immutable(unit.node.value)
            for unit in binding
        )

    # --- text ------------------------------------------------------------------------------------

    def segment(self, node: Any, edits: Mapping[scopes.Place, tuple[int, str]]) -> str:
        """The source of a node, decorators included, with the edits made."""
        start, end = self._extent(node)
        return self._cut(start, end, edits)

    def statement(self, unit: Unit, edits: Mapping[scopes.Place, tuple[int, str]]) -> str:
        """The source of a statement with the comments that belong to it, at the left margin."""
        (line, column), (last, end) = self._extent(unit.node)
        rest = self.lines[last - 1][end:].strip()
        if not rest or rest.startswith(b"#"):
            end = len(self.lines[last - 1])
        indentation = self.lines[line - 1][:column]
        if indentation.strip():
            return self._cut((line, column), (last, end), edits)
        first = line
        while first > 1 and self._is_comment(first - 1, indentation):
            first -= 1
        text = self._cut((first, 0), (last, end), edits)
        return self._dedented(text, first, len(indentation)).strip("\n")

    def gap(self, unit: Unit) -> bool:
        """Whether an empty line stands before this statement and its comments."""
        (line, column), _ = self._extent(unit.node)
        while line > 1 and self._is_comment(line - 1, self.lines[line - 1][:column]):
            line -= 1
        return line > 1 and not self.lines[line - 2].strip()

    def _is_comment(self, line: int, indentation: bytes) -> bool:
        text = self.lines[line - 1]
        plain = text.strip().startswith(b"#") and line not in self._in_strings
        first = line <= 2 and re.match(rb"#!|#.*coding[:=]", text) is not None
        return plain and not first and text[: len(text) - len(text.lstrip())] == indentation

    @functools.cached_property
    def _in_strings(self) -> set[int]:
        return self.blocks.inside_strings()

    def _extent(self, node: Any) -> tuple[scopes.Place, scopes.Place]:
        start = (node.lineno, node.col_offset)
        for each in getattr(node, "decorator_list", []):
            at = self.lines[each.lineno - 1].index(b"@")
            start = min(start, (each.lineno, at))
        return start, (node.end_lineno, node.end_col_offset)

    def _cut(
        self,
        start: scopes.Place,
        end: scopes.Place,
        edits: Mapping[scopes.Place, tuple[int, str]],
    ) -> str:
        lines = list(self.lines[start[0] - 1 : end[0]])
        lines[-1] = lines[-1][: end[1]] if len(lines) > 1 else lines[0][: end[1]]
        for (line, column), (length, text) in sorted(edits.items(), reverse=True):
            if start <= (line, column) < end:
                old = lines[line - start[0]]
                lines[line - start[0]] = old[:column] + text.encode() + old[column + length :]
        lines[0] = lines[0][start[1] :]
        return b"\n".join(lines).decode()

    def _dedented(self, text: str, first: int, width: int) -> str:
        """Moved to the left margin; what stands in strings is content and stays."""
        if not width:
            return text
        inside = self._in_strings
        lines = text.split("\n")
        return "\n".join(
            line if first + number in inside else line[min(width, len(line) - len(line.lstrip())) :]
            for number, line in enumerate(lines)
        )


def _is_optional(feature: str) -> bool:
    """Whether a feature from the future is one still."""
    release = getattr(__future__, feature).getMandatoryRelease()
    return release is None or release > sys.version_info


def root(node: ast.AST) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    )


def is_immutable(node: ast.AST | None) -> bool:
    """Whether a value is written as one that nothing can change."""
    if isinstance(node, ast.Tuple):
        return all(is_immutable(each) for each in node.elts)
    if isinstance(node, ast.UnaryOp):
        return is_immutable(node.operand)
    if isinstance(node, ast.BinOp):
        return is_immutable(node.left) and is_immutable(node.right)
    if isinstance(node, ast.JoinedStr):
        return True
    return node is None or isinstance(node, (ast.Constant, ast.Lambda))


@functools.lru_cache(maxsize=None)  # noqa: UP033 # Python 3.8
def module(name: str, source: str) -> Module:
    """An old module, read once."""
    return Module(name, source)


class Sources:
    """The old migration modules, read when they are needed."""

    def __init__(self, gone: Mapping[str, str]) -> None:
        self._gone = gone

    def __contains__(self, name: object) -> bool:
        return name in self._gone

    def __iter__(self) -> Iterator[str]:
        return iter(self._gone)

    def __getitem__(self, name: str) -> Module:
        try:
            return module(name, self._gone[name])
        except SyntaxError as error:
            raise Uncarriable(f"{name} cannot be read: {error}") from error


class Piece(NamedTuple):
    """Something that the new file is to hold in place of a placeholder."""

    module: str
    key: Key | None
    """A name of the module,"""
    rest: str
    """with what follows it;"""
    node: ast.expr | None
    """or an expression of its source; or both: a name for that expression."""
