"""What a piece of an old migration module needs of that module, and its text under new names.

A part of the probe: Python 3.8, standard library only. Nothing is run here, sources are read.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import functools
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.probe import scopes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DJANGO = {"atomic", "dependencies", "elidable", "initial", "operations", "replaces", "run_before"}
"""What `class Migration` binds for Django, and what a name in its body would therefore find."""
_GIVEN = {*vars(builtins), "__file__", "__name__", "__package__", "__spec__"}
_PURE = {
    *("all", "any", "bool", "bytes", "dict", "enumerate", "filter", "float", "frozenset", "int"),
    *("isinstance", "len", "list", "map", "max", "min", "print", "range", "repr", "reversed"),
    *("set", "sorted", "str", "sum", "tuple", "type", "zip"),
}
_IMPORTERS = {"import_module", "__import__"}
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


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
        if isinstance(node, _DEFINITIONS):
            # A decorator may write down what it decorates.
            found = [
                self._called(_root(each), each) | self._not_fixed({_root(each)})
                for each in node.decorator_list
            ]
            return any(name in each for each in found)
        return any(name in self._changed_by(each) for each in scopes.running(node))

    def _changed_by(self, node: ast.AST) -> set[str]:
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            stored = not isinstance(node.ctx, ast.Load)
            return {_root(node)} if stored else set()
        if not isinstance(node, ast.Call):
            return set()
        called = _root(node.func)
        if isinstance(node.func, ast.Name) and called in _PURE - self._bound[scopes.MODULE]:
            return set()
        receiver = called if isinstance(node.func, ast.Attribute) else ""
        return self._called(called, node) | self._not_fixed({receiver})

    def _called(self, name: str, node: ast.AST) -> set[str]:
        """What a call may change: what it is given, and what the function of that name uses."""
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given = [*node.args, *(each.value for each in node.keywords)]
        return self._not_fixed({_root(each) for each in given} | self._reached(name))

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
            if name in unit.binds and isinstance(unit.node, _DEFINITIONS):
                found |= {ref.name for ref in unit.refs}
                found |= {each for ref in unit.refs for each in self._reached(ref.name, seen)}
        return found

    def _is_fixed(self, name: str) -> bool:
        """Whether a name only ever stands for something that a call does not change."""
        binding = [unit for unit in self.units if name in unit.binds and not unit.layer]
        return bool(binding) and all(
            isinstance(unit.node, (*_DEFINITIONS, ast.Import, ast.ImportFrom))
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


def _root(node: ast.AST) -> str:
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


class Closure:
    """Everything that some pieces of old modules need, and the names it gets in the new file."""

    def __init__(self, modules: Sources, package: str) -> None:
        self._modules = modules
        self._package = package
        self._needed: dict[Key, list[Unit]] = {}
        self._units: dict[int, Unit] = {}
        self._externals: set[str] = set()
        self._begun: set[str] = set()
        self._before: dict[str, set[str]] = {}
        self.names: dict[Key, str] = {}
        self._same: dict[int, Unit] = {}
        self._lists: dict[Key, ast.expr] = {}

    # --- what is needed --------------------------------------------------------------------------

    def add(self, piece: Piece) -> None:
        """Need this piece."""
        module = self._modules[piece.module]
        self._begin(module)
        if piece.key is not None and piece.node is not None:
            self._needed[piece.key] = []
            self._lists[piece.key] = piece.node
        elif piece.key is not None:
            self._need(piece.key, module.tree.body[0])
        if piece.node is not None:
            self._read(module, piece.node, module.blocks.within(piece.node))

    def _begin(self, module: Module) -> None:
        if module.name in self._begun:
            return
        self._begun.add(module.name)
        self._before.setdefault(module.name, set())
        for unit in module.standing():
            self._add_unit(unit)

    def _need(self, key: Key, reader: Any) -> None:
        if key in self._needed:
            return
        module = self._modules[key.module]
        if key.layer == scopes.MODULE and key.name == scopes.MIGRATION:
            raise Uncarriable(
                f"{module.where(reader)} uses the old class Migration, which will be gone"
            )
        if key.layer == scopes.MIGRATION and key.name in DJANGO:
            raise Uncarriable(f"{module.where(reader)} uses {key.name} of the old class Migration")
        self._needed[key] = units = module.needed_for(key)
        for unit in units:
            self._add_unit(unit)

    def _add_unit(self, unit: Unit) -> None:
        if id(unit) in self._units:
            return
        self._units[id(unit)] = unit
        meaning = unit.imported
        if meaning is None:
            self._read(unit.module, unit.node, unit.refs)
            return
        for ref in unit.refs:
            self._need(Key(unit.module.name, ref.layer, ref.name), unit.node)
        source = self._linked(unit)
        if source is not None:
            self._before.setdefault(unit.module.name, set()).add(source.module)
            self._begin(self._modules[source.module])
            self._need(source, unit.node)

    def _linked(self, unit: Unit) -> Key | None:
        """The name of another old module that an import stands for."""
        meaning = unit.imported
        if meaning is None:
            return None
        gone = [meaning.module, f"{meaning.module}.{meaning.name}"]
        if meaning.module in self._modules and meaning.name:
            module = self._modules[meaning.module]
            if meaning.name in module.bound(scopes.MODULE):
                return Key(meaning.module, scopes.MODULE, meaning.name)
        elif not any(each in self._modules for each in gone):
            return None
        found = next(each for each in gone if each in self._modules)
        raise Uncarriable(f"{unit.module.where(unit.node)} imports {found}, which will be gone")

    def _read(self, module: Module, node: ast.AST, refs: Iterable[scopes.Ref]) -> None:
        self._refuse_gone_imports(module, node)
        for ref in refs:
            if ref.name in module.bound(ref.layer):
                self._need(Key(module.name, ref.layer, ref.name), ref.node)
            else:
                self._given(module, ref)

    def _given(self, module: Module, ref: scopes.Ref) -> None:
        """A name that the module does not bind: of Python, or of a star import."""
        self._externals.add(ref.name)
        if ref.name == "__file__" and module.package != self._package:
            raise Uncarriable(
                f"{module.where(ref.node)} uses __file__, and the new file is in another folder"
            )
        held = vars(sys.modules[module.name]) if module.name in sys.modules else {}
        if ref.name in _GIVEN and (ref.name.startswith("__") or ref.name not in held):
            return
        if ref.name in held:
            star = f": `from {module.stars[0].module or '.'} import *`" if module.stars else ""
            raise Uncarriable(
                f"{module.where(ref.node)} uses {ref.name}, and where that comes from is not"
                f" written there{star}"
            )

    def _refuse_gone_imports(self, module: Module, node: ast.AST) -> None:
        for each in ast.walk(node):
            for name in _imported_names(module, each):
                if name in self._modules:
                    raise Uncarriable(f"{module.where(each)} imports {name}, which will be gone")

    # --- names -----------------------------------------------------------------------------------

    def settle(self, taken: dict[str, Import]) -> None:
        """Give every needed name its name in the new file, in which `taken` are bound already."""
        given: dict[str, object] = {**taken}
        reserved = {*DJANGO, *self._externals, scopes.MIGRATION}
        words = self._all_words()
        for key in self._in_order():
            if self._is_link(key):
                continue
            meaning = self._meaning(key)
            if self._stays(key, meaning, given, reserved):
                self.names[key] = key.name
                given.setdefault(key.name, meaning)
                continue
            fresh = _fresh(key, {*reserved, *given, *words})
            self.names[key] = fresh
            given[fresh] = meaning
        for key in self._needed:
            self._name_of(key)

    def _in_order(self) -> list[Key]:
        modules = self.modules()
        # `import a.b` cannot have another name, so it chooses first.
        return sorted(
            self._needed,
            key=lambda key: (
                not getattr(self._meaning(key), "whole", False),
                modules.index(key.module),
                min([unit.index for unit in self._needed[key]], default=0),
                key,
            ),
        )

    def _stays(
        self, key: Key, meaning: object, given: Mapping[str, object], reserved: set[str]
    ) -> bool:
        if key.name in reserved:
            return False
        if key.name not in given:
            return True
        other = given[key.name]
        if isinstance(meaning, Import) or isinstance(other, Import):
            return meaning == other
        assert isinstance(other, Key)
        return self._unify(key, other)

    def _meaning(self, key: Key) -> object:
        """What a name stands for: an import that may be shared, or the name itself."""
        found = {_shared(unit.imported) for unit in self._needed[key]}
        return found.pop() if len(found) == 1 and None not in found else key

    def _is_link(self, key: Key) -> bool:
        links = [self._linked(unit) for unit in self._needed[key]]
        if any(links) and len(links) > 1:
            unit = self._needed[key][0]
            raise Uncarriable(f"{unit.module.where(unit.node)} binds {key.name} in several ways")
        return any(links)

    def _name_of(self, key: Key) -> str:
        if key not in self.names:
            source = self._linked(self._needed[key][0])
            assert source is not None
            self.names[key] = self._name_of(source)
        return self.names[key]

    def _all_words(self) -> set[str]:
        sources = (self._modules[name].source for name in self._begun)
        return {word for each in sources for word in re.findall(r"\w+", each)}

    # --- the same definition in two modules ------------------------------------------------------

    def _unify(self, key: Key, other: Key) -> bool:
        found: dict[int, Unit] = {}
        if not self._equal(key, other, {(key, other)}, found):
            return False
        self._same.update(found)
        return True

    def _equal(
        self, key: Key, other: Key, assumed: set[tuple[Key, Key]], found: dict[int, Unit]
    ) -> bool:
        mine, theirs = self._needed[key], self._needed[other]
        if not mine or len(mine) != len(theirs) or key.layer != other.layer:
            return False
        pairs = [(mine[index], theirs[index]) for index in range(len(mine))]
        if not all(self._equal_units(one, two, assumed, found) for one, two in pairs):
            return False
        found.update((id(one), self._same.get(id(two), two)) for one, two in pairs)
        return True

    def _equal_units(
        self, mine: Unit, theirs: Unit, assumed: set[tuple[Key, Key]], found: dict[int, Unit]
    ) -> bool:
        if not self._can_be_shared(mine) or ast.dump(mine.node) != ast.dump(theirs.node):
            return False
        if mine.module.futures != theirs.module.futures:
            return False
        names = {(ref.layer, ref.name) for ref in mine.refs}
        if names != {(ref.layer, ref.name) for ref in theirs.refs}:
            return False
        return all(
            self._equal_names(
                Key(mine.module.name, *each), Key(theirs.module.name, *each), assumed, found
            )
            for each in names
        )

    def _equal_names(
        self, key: Key, other: Key, assumed: set[tuple[Key, Key]], found: dict[int, Unit]
    ) -> bool:
        if (key, other) in assumed:
            return True
        if key not in self._needed or other not in self._needed:
            return key not in self._needed and other not in self._needed
        meaning = self._meaning(key)
        if isinstance(meaning, Import):
            return meaning == self._meaning(other)
        assumed.add((key, other))
        return self._equal(key, other, assumed, found)

    def _can_be_shared(self, unit: Unit) -> bool:
        """Whether nobody can tell one such statement from two: nothing in it holds state."""
        if isinstance(unit.node, _DEFINITIONS):
            return not any(isinstance(each, ast.Global) for each in ast.walk(unit.node))
        if isinstance(unit.node, (ast.Assign, ast.AnnAssign)):
            return is_immutable(unit.node.value) or self._is_only_read(unit)
        return False

    def _is_only_read(self, unit: Unit) -> bool:
        value = getattr(unit.node, "value", None)
        if not isinstance(value, (ast.List, ast.Dict, ast.Set)) or not _is_literal(value):
            return False
        read = {
            id(each)
            for needed in self._units.values()
            if needed.module is unit.module
            for each in _only_read(needed.node)
        }
        refs = (
            ref
            for needed in self._units.values()
            if needed.module is unit.module and needed is not unit
            for ref in needed.refs
        )
        return all(id(ref.node) in read for ref in refs if ref.name in unit.binds)

    # --- the order, and the text -----------------------------------------------------------------

    def modules(self) -> list[str]:
        """The modules that something is carried from, each after those that it imports from."""
        found: list[str] = []

        def visit(name: str) -> None:
            if name in found or name in under_way:
                return
            under_way.add(name)
            for each in self._modules:
                if each in self._before.get(name, ()):
                    visit(each)
            found.append(name)

        under_way: set[str] = set()
        for name in self._modules:
            if name in self._begun:
                visit(name)
        return found

    def futures(self) -> list[str]:
        """Features of the language that the carried code was written with."""
        found = {each for name in self._begun for each in self._modules[name].futures}
        return sorted(found)

    def text_of(self, piece: Piece) -> str:
        """What goes to where the placeholder stands."""
        module = self._modules[piece.module]
        if piece.key is not None:
            return self.names[piece.key] + piece.rest
        assert piece.node is not None
        return self._expression(module, piece.node)

    def _expression(self, module: Module, node: ast.expr) -> str:
        text = module.segment(node, self._edits(module, node, module.blocks.within(node)))
        # What stood on several lines in brackets is put in brackets again.
        loose = isinstance(node, (ast.NamedExpr, ast.Yield)) or "\n" in text
        return f"({text})" if loose else text

    def imports(self) -> list[str]:
        """Plain imports for the head of the file, one name each."""
        return [
            self._import_line(unit)
            for unit in self._ordered()
            if unit.imported is not None and self._linked(unit) is None and self._is_hoisted(unit)
        ]

    def code(self) -> str:
        """Everything else, in an order in which it can run."""
        text = ""
        last: Unit | None = None
        for unit in self._ordered():
            if (
                id(unit) in self._same
                or unit.imported is not None
                and (self._linked(unit) is not None or self._is_hoisted(unit))
            ):
                continue
            text += _between(last, unit) + self._text(unit)
            last = unit
        for key, node in self._lists.items():
            value = self._expression(self._modules[key.module], node)
            text += ("\n\n\n" if text else "") + f"{self.names[key]} = {value}"
        return text

    def _bound_as(self, unit: Unit) -> str:
        (ref,) = unit.refs
        return self.names[Key(unit.module.name, ref.layer, ref.name)]

    def _ordered(self) -> Iterator[Unit]:
        for name in self.modules():
            for unit in self._modules[name].units:
                if id(unit) in self._units:
                    yield unit

    def _is_hoisted(self, unit: Unit) -> bool:
        """Unless something before it, as a change of ``sys.path``, may be there for its sake."""
        (ref,) = unit.refs
        key = Key(unit.module.name, ref.layer, ref.name)
        return isinstance(self._meaning(key), Import) and not any(
            each.index < unit.index for each in unit.module.standing()
        )

    def _text(self, unit: Unit) -> str:
        if unit.imported is not None:
            return self._import_line(unit)
        return unit.module.statement(unit, self._edits(unit.module, unit.node, unit.refs))

    def _import_line(self, unit: Unit) -> str:
        """The statement that binds the name in the new file; relative where it was and can be."""
        node: Any = unit.node
        meaning, name = unit.imported, self._bound_as(unit)
        assert meaning is not None
        if isinstance(node, ast.ImportFrom):
            relative = node.level and unit.module.package == self._package
            module = "." * node.level + (node.module or "") if relative else meaning.module
            renamed = "" if name == meaning.name else f" as {name}"
            return f"from {module} import {meaning.name}{renamed}"
        if meaning.whole and name == meaning.module.split(".")[0]:
            return f"import {meaning.module}"
        if meaning.whole and "." in meaning.module:
            raise Uncarriable(
                f"{unit.module.where(node)}: import {meaning.module} would need another name"
            )
        return f"import {meaning.module} as {name}"

    def _edits(
        self, module: Module, node: ast.AST, refs: Iterable[scopes.Ref]
    ) -> dict[scopes.Place, tuple[int, str]]:
        edits = dict(self._made_absolute(module, node))
        for ref in refs:
            name = self.names.get(Key(module.name, ref.layer, ref.name), ref.name)
            if name == ref.name:
                continue
            try:
                places = module.blocks.place(ref)
            except scopes.Lost as error:
                raise Uncarriable(
                    f"{module.where(ref.node)}: {ref.name} would need another name in the new"
                    f" file, and {error}"
                ) from error
            for place, before in places:
                edits[place] = (len(ref.name.encode()), before + name)
        return edits

    def _made_absolute(
        self, module: Module, node: ast.AST
    ) -> Iterator[tuple[scopes.Place, tuple[int, str]]]:
        """Relative imports inside carried code, where the new file is in another package."""
        if module.package == self._package:
            return
        for each in ast.walk(node):
            if isinstance(each, ast.ImportFrom) and each.level:
                tokens = module.blocks.tokens(each)
                end = next(token for token in tokens if token.text == "import")
                start = tokens[0].place
                if end.place[0] != start[0]:
                    raise Uncarriable(f"{module.where(each)}: a relative import on several lines")
                target = absolute(module.package, each.module, each.level)
                yield start, (end.place[1] - start[1], f"from {target} ")


def _shared(meaning: Import | None) -> Import | None:
    """All of ``import a.b`` and ``import a.c`` bind the one package ``a``."""
    if meaning is not None and meaning.whole:
        return meaning._replace(module=meaning.module.split(".")[0])
    return meaning


def _imported_names(module: Module, node: ast.AST) -> Iterator[str]:
    """Modules that a statement or a call imports, as far as it is written there."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        target = absolute(module.package, node.module, node.level)
        yield target
        yield from (f"{target}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else _root(node.func)
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            dots = len(first.value) - len(first.value.lstrip("."))
            if called in _IMPORTERS and dots:
                yield absolute(module.package, first.value[dots:], dots)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _fresh(key: Key, used: set[str]) -> str:
    number = re.match(r"\d+", key.module.rpartition(".")[2])
    base = f"{key.name}_{number.group()}" if number else key.name
    if number and base not in used:
        return base
    counted = (f"{base}_{count}" for count in range(2, len(used) + 3))
    return next(name for name in counted if name not in used)


def _is_literal(node: ast.AST) -> bool:
    allowed = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Constant, ast.Load, ast.UnaryOp)
    return all(isinstance(each, (*allowed, ast.unaryop)) for each in ast.walk(node))


def _only_read(node: ast.AST) -> Iterator[ast.AST]:
    """Names that a statement only loops over, looks into or gives to what does not keep them."""
    for each in ast.walk(node):
        if isinstance(each, (ast.For, ast.comprehension)):
            yield each.iter
        elif isinstance(each, ast.Compare):
            yield from each.comparators
        elif isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Load):
            yield each.value
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            yield from each.args if each.func.id in _PURE else []
        elif isinstance(each, ast.Attribute) and each.attr in ("items", "values", "keys", "get"):
            yield each.value


def _between(last: Unit | None, unit: Unit) -> str:
    if last is None:
        return ""
    if isinstance(last.node, _DEFINITIONS) or isinstance(unit.node, _DEFINITIONS):
        return "\n\n\n"
    return "\n\n" if unit.module is not last.module or unit.module.gap(unit) else "\n"
